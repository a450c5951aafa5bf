package image

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAll builds everything for real when told where to: it needs root, the
// network and some minutes.
func TestAll(t *testing.T) {
	dir := os.Getenv("LOCAL_IMAGE_DIR")
	if dir == "" {
		return
	}
	archives, err := All(context.Background(), dir, t.Logf)
	require.NoError(t, err)
	for _, a := range archives {
		t.Log(a)
	}
}

package image

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a build script mounts is never seen outside, and is gone when it fails.
func TestBuildScriptsLeaveNoMountsBehind(t *testing.T) {
	if os.Geteuid() != 0 {
		builder, err := New(t.TempDir(), t.Logf)
		require.NoError(t, err)
		require.ErrorContains(t, builder.hostTools(context.Background()), "needs root")
		return
	}
	seen := filepath.Join(t.TempDir(), "seen")
	err := inTree(context.Background(), "/", "mount -t tmpfs none /mnt; grep -c ' /mnt ' /proc/self/mounts > "+seen+"; echo out of luck >&2; exit 3")
	require.ErrorContains(t, err, "exit status 3")
	require.ErrorContains(t, err, "out of luck")
	content, err := os.ReadFile(seen)
	require.NoError(t, err)
	require.NotEqual(t, "0\n", string(content))
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	require.NotContains(t, string(mounts), " /mnt tmpfs ")
}

// Cancelling kills what the script has started, also in the background.
func TestBuildScriptsEndWithTheContext(t *testing.T) {
	if os.Geteuid() != 0 {
		return // see above
	}
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	require.Error(t, inTree(ctx, "/", "sleep 60 & wait"))
	require.Less(t, time.Since(start), 30*time.Second)
}

package progress

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStep(t *testing.T) {
	var out bytes.Buffer
	log := New(&out)
	require.NoError(t, log.Step(t.Context(), "building etcd", func(context.Context) error {
		log.Printf("half way")
		return nil
	}))
	require.Regexp(t, `^\[ +0\.\ds\] building etcd \.\.\.
\[ +0\.\ds\] half way
\[ +0\.\ds\] building etcd: done in 0\.\ds
$`, out.String())
}

func TestStepNamesItselfInErrors(t *testing.T) {
	cause := errors.New("no space left")
	err := New(&bytes.Buffer{}).Step(t.Context(), "building etcd", func(context.Context) error { return cause })
	require.ErrorIs(t, err, cause)
	require.EqualError(t, err, "building etcd: no space left")
}

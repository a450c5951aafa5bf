package layout

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindLooksUpwards(t *testing.T) {
	repo, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(repo, "local", "kubernetes"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(repo, "local", "kubernetes", "go.mod"), nil, 0o644))
	for _, dir := range []string{repo, filepath.Join(repo, "local"), filepath.Join(repo, "local", "kubernetes")} {
		t.Chdir(dir)
		found, err := Find()
		require.NoError(t, err)
		require.Equal(t, repo, found.Repo)
		require.Equal(t, filepath.Join(repo, ".local", "kubeconfig"), found.AdminKubeconfig())
	}
}

func TestFindOutsideTheRepository(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := Find()
	require.ErrorContains(t, err, "start this from within the repository")
}

package machine

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseCgroups(t *testing.T) {
	const v1 = "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\ncgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0\n"
	const other = "proc /proc proc rw 0 0\ntmpfs /sys/fs/cgroup tmpfs rw 0 0\n"
	tests := []struct {
		name, mounts string
		want         Cgroups
	}{
		{"version 1", other + v1, Cgroups{Roots: []string{"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/systemd"}}},
		{"hybrid", other + v1 + "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n",
			Cgroups{Roots: []string{"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"}}},
		{"version 2", "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
			Cgroups{Unified: true, Roots: []string{"/sys/fs/cgroup"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, parseCgroups(test.mounts))
		})
	}
}

func TestMakeInheritsTheCPUSet(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "cpuset.cpus"), []byte("0-1\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(root, "cpuset.mems"), []byte("0\n"), 0o644))
	require.NoError(t, Cgroups{Roots: []string{root}}.Make("w"))
	for file, want := range map[string]string{"cpuset.cpus": "0-1\n", "cpuset.mems": "0\n"} {
		got, err := os.ReadFile(filepath.Join(root, "w", file))
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
}

// A plain directory keeps the last controller written; the kernel would add them up.
func TestMakeHandsControllersDown(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "cgroup.controllers"), []byte("cpu memory pids rdma\n"), 0o644))
	require.NoError(t, Cgroups{Unified: true, Roots: []string{root}}.Make("w"))
	for _, dir := range []string{root, filepath.Join(root, "w")} {
		got, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
		require.NoError(t, err)
		require.Equal(t, "+pids", string(got))
	}
}

func TestRemoveGroupTwice(t *testing.T) {
	root := t.TempDir()
	groups := Cgroups{Roots: []string{root}}
	require.NoError(t, os.MkdirAll(filepath.Join(root, "w", "kubepods", "pod1"), 0o755))
	require.NoError(t, groups.Empty(t.Context(), "w"))
	require.NoError(t, groups.Remove("w"))
	require.NoDirExists(t, filepath.Join(root, "w"))
	require.NoError(t, groups.Empty(t.Context(), "w"))
	require.NoError(t, groups.Remove("w"))
}

func TestMountsBelow(t *testing.T) {
	const table = `22 1 253:0 / / rw - ext4 /dev/vda rw
31 22 0:40 / /run/x/worker-1/rootfs rw - overlay overlay rw
32 31 0:41 / /run/x/worker-1/rootfs/dev rw - tmpfs tmpfs rw
33 22 0:42 / /run/xy rw - tmpfs tmpfs rw
34 22 0:43 / /var/lib/x/with\040space rw - tmpfs tmpfs rw
35 22 0:44 / /run/x rw - tmpfs tmpfs rw
`
	got := mountsBelow(table, []string{"/run/x", "/var/lib/x"})
	require.Equal(t, []string{"/run/x/worker-1/rootfs", "/run/x/worker-1/rootfs/dev", "/var/lib/x/with space", "/run/x"}, got)
}

func TestForbidServices(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy-rc.d")
	restore, err := forbidServices(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o755, info.Mode().Perm())
	restore()
	require.NoFileExists(t, path)
}

func TestForbidServicesLeavesAnExistingPolicy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy-rc.d")
	require.NoError(t, os.WriteFile(path, []byte("own"), 0o755))
	restore, err := forbidServices(path)
	require.NoError(t, err)
	restore()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "own", string(content))
}

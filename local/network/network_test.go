package network

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestForeignRoute(t *testing.T) {
	const usual = "default via 192.0.2.1 dev eth0 \n192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.2 \n"
	const ours = "10.96.0.0/16 dev pglocal0 scope link \n10.100.0.0/24 dev pglocal0 proto kernel \n10.244.1.0/24 via 10.100.0.11 dev pglocal0 \n"
	tests := []struct{ name, routes, want string }{
		{"usual machine", usual, ""},
		{"the cluster is up", usual + ours, ""},
		{"nodes taken", usual + "10.100.0.0/16 dev tun0 scope link \n", "10.100.0.0/16 dev tun0 scope link"},
		{"everything private taken", "10.0.0.0/8 via 192.0.2.9 dev eth0 \n", "10.0.0.0/8 via 192.0.2.9 dev eth0"},
		{"a service address taken", "10.96.3.4 dev wg0 \n", "10.96.3.4 dev wg0"},
		{"pods of another cluster", "blackhole 10.9.9.0/24 \n10.244.0.0/24 dev cni0 \n", "10.244.0.0/24 dev cni0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, foreignRoute(test.routes))
		})
	}
}

func TestWorkersAreDisjoint(t *testing.T) {
	workers := Workers(2)
	require.Equal(t, []Worker{
		{Name: "worker-1", Address: "10.100.0.11", PodCIDR: "10.244.1.0/24"},
		{Name: "worker-2", Address: "10.100.0.12", PodCIDR: "10.244.2.0/24"},
	}, workers)
	require.NotEqual(t, workers[0].Namespace(), workers[1].Namespace())
	require.NotEqual(t, workers[0].link(), workers[1].link())
	require.LessOrEqual(t, len(workers[0].link()), 15, "the kernel's limit for the name of a link")
}

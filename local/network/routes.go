package network

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
)

// foreignRoute returns the first line of `ip -4 -o route show` that overlaps
// one of our ranges but is not ours: ours use the bridge or a pod's veth.
func foreignRoute(routes string) string {
	for line := range strings.Lines(routes) {
		line = strings.TrimSpace(line)
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.Contains(line+" ", " dev "+Bridge+" ") {
			continue
		}
		prefix, ok := parsePrefix(fields[0])
		if !ok {
			continue
		}
		for _, ours := range []string{nodeRange, PodRange, ServiceCIDR} {
			if prefix.Overlaps(netip.MustParsePrefix(ours)) && prefix.Bits() > 0 {
				return line
			}
		}
	}
	return ""
}

// parsePrefix reads a route's destination: a prefix, or an address alone.
// "default" and route types such as "blackhole" are neither.
func parsePrefix(destination string) (netip.Prefix, bool) {
	if prefix, err := netip.ParsePrefix(destination); err == nil {
		return prefix, true
	}
	address, err := netip.ParseAddr(destination)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(address, address.BitLen()), true
}

// masquerade gives packets from nodes and pods to the outside this machine's
// address.
func masquerade(ctx context.Context) error {
	inside := fmt.Sprintf("{ %s, %s, %s }", nodeRange, PodRange, ServiceCIDR)
	rules := fmt.Sprintf(`
table ip %[1]s
delete table ip %[1]s
table ip %[1]s {
	chain postrouting {
		type nat hook postrouting priority srcnat;
		ip saddr { %[2]s, %[3]s } ip daddr != %[4]s masquerade
	}
}
`, natTable, nodeRange, PodRange, inside)
	command := exec.CommandContext(ctx, "nft", "-f", "-")
	command.Stdin = strings.NewReader(rules)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("setting up address translation: %w: %s", err, strings.TrimSpace(string(output)))
	}
	return nil
}

// deleteTable deletes an nftables table; `add` first makes deleting an absent
// one no error.
func deleteTable(ctx context.Context, table string) error {
	command := exec.CommandContext(ctx, "nft", "-f", "-")
	command.Stdin = strings.NewReader("table " + table + "\ndelete table " + table + "\n")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("deleting nftables table %s: %w: %s", table, err, strings.TrimSpace(string(output)))
	}
	return nil
}

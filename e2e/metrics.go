//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// The counters that controller-runtime keeps of every controller, and what the Go library says of the process.
const (
	metricReconciles = "controller_runtime_reconcile_total"
	metricPanics     = "controller_runtime_reconcile_panics_total"
	metricMemory     = "process_resident_memory_bytes"
)

// operatorMetric adds up a metric over those of its series whose labels contain every given text,
// such as `controller="cluster"`. Pods are reachable from the machine that they run on.
func (k kube) operatorMetric(ctx context.Context, name string, labels ...string) (float64, error) {
	pods, err := k.operatorPods(ctx)
	if err != nil {
		return 0, err
	}
	if len(pods) != 1 {
		return 0, fmt.Errorf("%d operator pods", len(pods))
	}
	url := "http://" + net.JoinHostPort(pods[0].Status.PodIP, strconv.Itoa(metricsPort)) + "/metrics"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	var sum float64
	found := false
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		series, value, ok := strings.Cut(lines.Text(), " ")
		if bare, _, _ := strings.Cut(series, "{"); !ok || bare != name || !containsAll(series, labels) {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("metric %s: %w", lines.Text(), err)
		}
		sum, found = sum+n, true
	}
	if !found {
		return 0, fmt.Errorf("%s has no metric %s with %q", url, name, labels)
	}
	return sum, nil
}

func containsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	apiv1 "postgres-operator/api/v1"
)

// testIdle: where nothing differs, the operator sends nothing, however often it looks.
func (c cluster) testIdle(t *testing.T) {
	const period = 10 * time.Second
	c.configure(t, map[string]string{"resync_period": period.String(), "repair_period": period.String()})
	c.awaitQuiet(t, period)

	var clusters apiv1.PostgresqlList
	require.NoError(t, c.List(context.Background(), &clusters))
	controllers := []string{"cluster", "rollout", "roles"}
	goals := map[string]float64{}
	for _, controller := range controllers {
		goals[controller] = c.reconciles(t, controller) + float64(3*len(clusters.Items))
	}
	mark, since := markAudit(t), time.Now()
	eventually(t, 12*period, "three resyncs", func(context.Context) error {
		for _, controller := range controllers {
			if now := c.reconciles(t, controller); now < goals[controller] {
				return fmt.Errorf("%s: %v reconciles of %v", controller, now, goals[controller])
			}
		}
		if time.Since(since) < 3*period {
			return errNotYet // new clusters of somebody else have made up the number
		}
		return nil
	})
	require.Empty(t, operatorRequests(t, mark, c.namespace), "requests of the operator for a healthy cluster")
	memory, err := c.operatorMetric(context.Background(), metricMemory)
	require.NoError(t, err)
	t.Logf("the operator has %.0f MiB of memory, with %d clusters", memory/(1<<20), len(clusters.Items))
}

// awaitQuiet waits until the operator has sent nothing for some time.
func (c cluster) awaitQuiet(t *testing.T, calm time.Duration) {
	t.Helper()
	mark, since := markAudit(t), time.Now()
	eventually(t, boot, "the operator has settled", func(context.Context) error {
		requests := operatorRequests(t, mark, c.namespace)
		if len(requests) > 0 {
			mark, since = markAudit(t), time.Now()
			return fmt.Errorf("it has just sent %s", requests[len(requests)-1])
		}
		if time.Since(since) < calm {
			return errNotYet
		}
		return nil
	})
}

func (k kube) reconciles(t *testing.T, controller string) float64 {
	t.Helper()
	n, err := k.operatorMetric(context.Background(), metricReconciles, fmt.Sprintf("controller=%q", controller))
	require.NoError(t, err)
	return n
}

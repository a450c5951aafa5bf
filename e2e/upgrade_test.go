//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
)

// TestMajorUpgrade brings two members from 17 to 18 with their data, and kills the operator in the middle.
func TestMajorUpgrade(t *testing.T) {
	k := connect(t)
	c := k.cluster(k.namespace(t, "upgrade"), "acid-upgrade")
	version := func(v string) edit { return with(v, "spec", "postgresql", "version") }
	k.step(t, c.namespace, "version 17", func(t *testing.T) {
		c.apply(t, version("17"))
		c.awaitRunning(t, 2)
		c.mustQuery(t, c.primary(), "CREATE TABLE kept AS SELECT g AS n FROM generate_series(1, 10000) AS g")
	})
	k.step(t, c.namespace, "the upgrade begins", func(t *testing.T) {
		c.apply(t, version("18"))
		eventually(t, boot, "the script is started", func(ctx context.Context) error {
			pg, err := c.get(ctx)
			if err == nil && (pg.Status.MajorUpgrade == nil || !pg.Status.MajorUpgrade.Begun) {
				err = fmt.Errorf("conditions are %v", pg.Status.Conditions)
			}
			return err
		})
		k.killOperator(t)
	})
	k.step(t, c.namespace, "it succeeds all the same", func(t *testing.T) {
		eventually(t, boot, "the upgrade is over", func(ctx context.Context) error {
			pg, err := c.get(ctx)
			if err != nil {
				return err
			}
			if pg.Status.MajorUpgrade != nil || pg.Annotations[names.UpgradeSuccess] == "" {
				return errors.Join(errNotYet, conditionIs(pg, apiv1.ConditionUpgraded, metav1.ConditionTrue))
			}
			return conditionIs(pg, apiv1.ConditionUpgraded, metav1.ConditionTrue)
		})
		c.awaitRunning(t, 2)
		require.Equal(t, "50005000", c.mustQuery(t, c.primary(), "SELECT sum(n) FROM kept"))
		require.Equal(t, "18", c.mustQuery(t, c.primary(), "SELECT current_setting('server_version_num')::int / 10000"))
		c.awaitQuery(t, c.replicas(), "SELECT sum(n) FROM kept", "50005000")
		pg, err := c.get(context.Background())
		require.NoError(t, err)
		require.Empty(t, pg.Annotations[names.UpgradeFailure])
		eventually(t, soon, "no pod is labelled any more", func(ctx context.Context) error {
			pods, err := c.pods(ctx)
			for _, pod := range pods {
				if pod.Labels[names.CriticalOperation] != "" {
					err = errors.Join(err, errors.New(pod.Name+" is"))
				}
			}
			return err
		})
	})
}

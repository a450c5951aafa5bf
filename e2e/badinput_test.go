//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	apiv1 "postgres-operator/api/v1"
)

// TestBadInput: who makes a mistake in a manifest reads what is wrong and where, either at once from
// the API server, or in the status, a condition and an event.
func TestBadInput(t *testing.T) {
	k := connect(t)
	ns := k.namespace(t, "bad-input")
	long := "acid-" + strings.Repeat("x", 48) // 53 characters
	for _, tc := range []struct {
		what, name string
		edit       edit
		field      string
		reason     string
	}{
		{"unknown field", "", with(int64(2), "spec", "numberOfInstance"), "spec.numberOfInstance", "unknown field"},
		{"unknown field below", "", with("1Gi", "spec", "volume", "sise"), "spec.volume.sise", "unknown field"},
		{"text for a number", "", with("two", "spec", "numberOfInstances"), "spec.numberOfInstances", "must be of type integer"},
		{"text for a list", "", with("superuser", "spec", "users", "zalando"), "spec.users.zalando", "must be of type array"},
		{"negative number", "", instances(-1), "spec.numberOfInstances", "greater than or equal to 0"},
		{"no team", "", without("spec", "teamId"), "spec.teamId", "Required"},
		{"no version", "", without("spec", "postgresql", "version"), "spec.postgresql.version", "Required"},
		{"version of the future", "", with("99", "spec", "postgresql", "version"), "spec.postgresql.version", `"18"`},
		{"no number of a size", "", with("big", "spec", "volume", "size"), "spec.volume.size", ""},
		{"negative size", "", with("-1Gi", "spec", "volume", "size"), "spec.volume.size", ""},
		{"size beyond all disks", "", with("1e999Gi", "spec", "volume", "size"), "spec.volume.size", ""},
		{"empty volume", "", with("0Gi", "spec", "volume", "size"), "spec.volume.size", ""},
		{"flag that Postgres has not", "", with([]any{"root"}, "spec", "users", "zalando"), "spec.users.zalando", "superuser"},
		{"window without an end", "", with([]any{"Mon:10:00"}, "spec", "maintenanceWindows"), "spec.maintenanceWindows", ""},
		{"name too long", long, nil, "metadata.name", "52"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			c := k.cluster(ns, "acid-"+strings.ReplaceAll(strings.ToLower(tc.what), " ", "-"))
			if tc.name != "" {
				c.name = tc.name
			}
			c.requireRefused(t, tc.field, tc.reason, instances(0), tc.edit)
		})
	}
}

// TestTeamPrefix: with enable_team_id_clustername_prefix a name has to say whose the cluster is.
// Manifests that were there before are told so, and are fine again when the option is off.
func TestTeamPrefix(t *testing.T) {
	k := connect(t)
	c := k.cluster(k.namespace(t, "team-prefix"), "others-cluster")
	t.Run("required", func(t *testing.T) {
		k.configure(t, map[string]string{"enable_team_id_clustername_prefix": "true"})
		c.requireRefused(t, "metadata.name", "acid-", instances(0))
		left, err := c.objects(context.Background())
		require.NoError(t, err)
		require.Equal(t, []string{"postgresql/" + c.name}, left, "an invalid manifest makes no objects")
	})
	eventually(t, soon, "the cluster is accepted without the option", c.hasStatefulSet)
	c.delete(t)
	c.awaitGone(t, nothing)
}

// requireRefused sends a manifest. Either the API server refuses it and names the field, or the
// operator does, in every place where a person or a tool may look.
func (c cluster) requireRefused(t *testing.T, field, reason string, edits ...edit) {
	t.Helper()
	if edits[len(edits)-1] == nil {
		edits = edits[:len(edits)-1]
	}
	if err := c.tryApply(t, edits...); err != nil {
		t.Logf("the API server says: %v", err)
		require.ErrorContains(t, err, field)
		require.ErrorContains(t, err, reason)
		return
	}
	eventually(t, soon, c.name+" is Invalid", func(ctx context.Context) error {
		pg, rendered, err := c.conditionOf(ctx, apiv1.ConditionRendered)
		if err != nil {
			return err
		}
		if pg.Status.PostgresClusterStatus != apiv1.ClusterStatusInvalid || pg.Status.ObservedGeneration != pg.Generation {
			return fmt.Errorf("status is %q of generation %d", pg.Status.PostgresClusterStatus, pg.Status.ObservedGeneration)
		}
		if err := conditionIs(pg, apiv1.ConditionRendered, metav1.ConditionFalse); err != nil {
			return err
		}
		if !containsAll(rendered.Message, []string{field, reason}) {
			return fmt.Errorf("condition %s says %q", apiv1.ConditionRendered, rendered.Message)
		}
		return nil
	})
	_, rendered, err := c.conditionOf(context.Background(), apiv1.ConditionRendered)
	require.NoError(t, err)
	t.Logf("the operator says: %s: %s", rendered.Reason, rendered.Message)
	c.awaitWarning(t, c.key(c.name), field, reason)
}

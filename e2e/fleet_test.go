//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/names"
)

// TestApproval: a change of the configuration that would restart a running cluster is foreseen by plan, waits, says
// so, and goes on when somebody lets it through.
func TestApproval(t *testing.T) {
	k := connect(t)
	c := k.cluster(k.namespace(t, "approval"), "acid-approval")
	k.configure(t, map[string]string{"fleet_change_policy": "approve"})
	c.apply(t, instances(1))
	c.awaitRunning(t, 1)
	before := c.uids(t)

	eventually(t, soon, "a plan without changes", func(ctx context.Context) error {
		out, code := c.plan(ctx, "")
		if code != 0 {
			return fmt.Errorf("exit code %d: %s", code, out)
		}
		return nil
	})
	options, err := k.configuration(t.Context())
	require.NoError(t, err)
	changed := options.DeepCopy()
	changed.Data["enable_shm_volume"] = "false"
	out, code := c.plan(t.Context(), k.fileOf(t, changed.Data))
	require.Equal(t, 2, code, out)
	require.Contains(t, out, "recreate pod acid-approval-0")

	k.configure(t, map[string]string{"enable_shm_volume": "false"})
	eventually(t, soon, "the change waits", func(ctx context.Context) error { return c.held(ctx, metav1.ConditionTrue) })
	pg, err := c.get(t.Context())
	require.NoError(t, err)
	said := meta.FindStatusCondition(pg.Status.Conditions, apiv1.ConditionHeld).Message
	require.Contains(t, said, names.FleetChange, "how to let it through")
	require.Contains(t, said, "dshm", "what differs")
	require.Equal(t, before, c.uids(t), "nothing has restarted")

	c.kubectl(t, "--namespace", c.namespace, "annotate", "postgresql", c.name, names.FleetChange+"=approved")
	eventually(t, boot, "the pod has restarted", func(ctx context.Context) error {
		pods, err := c.pods(ctx)
		if err == nil && (len(pods) != 1 || strings.HasPrefix(before[pods[0].Name], string(pods[0].UID))) {
			err = errNotYet
		}
		return errors.Join(err, c.held(ctx, metav1.ConditionFalse))
	})
	c.awaitRunning(t, 1)
}

func (c cluster) held(ctx context.Context, want metav1.ConditionStatus) error {
	pg, err := c.get(ctx)
	if err != nil {
		return err
	}
	held := meta.FindStatusCondition(pg.Status.Conditions, apiv1.ConditionHeld)
	if held == nil || held.Status != want {
		return fmt.Errorf("condition %s: %+v", apiv1.ConditionHeld, held)
	}
	return nil
}

// plan runs the command of that name for the cluster's namespace, with the configuration of a file if there is one.
func (c cluster) plan(ctx context.Context, config string) (string, int) {
	args := []string{"plan", "-n", c.namespace, "-operator-namespace", operatorNamespace, "-color", "never"}
	if config != "" {
		args = append(args, "-config", config)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.repo, "bin", "postgres-operator"), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig)
	out, _ := cmd.CombinedOutput() // the code says how it went
	return string(out), cmd.ProcessState.ExitCode()
}

// fileOf writes options as a file.
func (k kube) fileOf(t *testing.T, options map[string]string) string {
	t.Helper()
	text := ""
	for key, value := range options {
		text += fmt.Sprintf("%s: %q\n", key, value)
	}
	path := filepath.Join(t.TempDir(), "configuration.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestConfigurationChanges: a good change reaches every cluster without a restart of anything; one
// with an error in it changes nothing and is reported.
func TestConfigurationChanges(t *testing.T) {
	k := connect(t)
	c := k.cluster(k.namespace(t, "configuration"), "acid-configured")
	c.apply(t, instances(1))
	c.awaitRunning(t, 1)
	operator, pods := k.operatorPod(t), c.uids(t)

	k.step(t, c.namespace, "a good change", func(t *testing.T) {
		k.configure(t, map[string]string{"custom_service_annotations": "e2e:first"})
		c.awaitServiceAnnotation(t, "first")
		require.Equal(t, pods, c.uids(t))
	})
	k.step(t, c.namespace, "its end", func(t *testing.T) { c.awaitServiceAnnotation(t, "") })
	k.step(t, c.namespace, "a bad change", func(t *testing.T) {
		undo := k.misconfigure(t, map[string]string{"custom_service_annotations": "e2e:second", "resync_period": "now and then"})
		defer undo()
		about := client.ObjectKey{Namespace: operatorNamespace, Name: operatorName}
		k.awaitWarning(t, about, "resync_period", "now and then")
		// The old configuration serves on: a change of the manifest is applied, the annotation is not.
		c.apply(t, instances(1), with("yes", "spec", "serviceAnnotations", "served"))
		c.awaitServed(t, "yes")
		c.awaitServiceAnnotation(t, "")
	})
	k.step(t, c.namespace, "mended", func(t *testing.T) {
		k.configure(t, map[string]string{"custom_service_annotations": "e2e:third"})
		c.awaitServiceAnnotation(t, "third")
	})
	c.awaitRunning(t, 1)
	require.Equal(t, pods, c.uids(t), "the annotations of services are no reason to restart a pod")
	k.requireSameOperator(t, operator)
	c.delete(t)
	c.awaitGone(t, nothing)
}

// awaitServiceAnnotation waits until the primary's Service has the annotation e2e with that value,
// or has none for "".
func (c cluster) awaitServiceAnnotation(t *testing.T, want string) {
	t.Helper()
	c.awaitAnnotation(t, "e2e", want)
}

// awaitServed waits for the annotation that tests set through the manifest.
func (c cluster) awaitServed(t *testing.T, want string) {
	t.Helper()
	c.awaitAnnotation(t, "served", want)
}

func (c cluster) awaitAnnotation(t *testing.T, key, want string) {
	t.Helper()
	eventually(t, soon, fmt.Sprintf("annotation %s of service %s is %q", key, c.name, want), func(ctx context.Context) error {
		service, err := c.service(ctx, c.name)
		if err == nil && service.Annotations[key] != want {
			err = fmt.Errorf("it is %q", service.Annotations[key])
		}
		return err
	})
}

// TestBadConfigurationAtStart: an operator that cannot make sense of its configuration ends at once and
// says what is wrong.
func TestBadConfigurationAtStart(t *testing.T) {
	k := connect(t)
	k.scaleOperator(t, 0)
	changes := map[string]string{"workers": "plenty", "pod_management_policy": "random"}
	before := k.undo(t, changes)
	t.Cleanup(func() {
		require.NoError(t, k.writeConfiguration(before))
		k.scaleOperator(t, 0) // not to wait for the next try
		k.scaleOperator(t, 1)
	})
	require.NoError(t, k.writeConfiguration(changes))
	k.kubectl(t, "--namespace", operatorNamespace, "scale", "deployment/"+operatorName, "--replicas=1")
	var pod string
	eventually(t, boot, "the operator ends with code 1", func(ctx context.Context) error {
		pods, err := k.operatorPods(ctx)
		if err != nil {
			return err
		}
		for _, p := range pods {
			for _, status := range p.Status.ContainerStatuses {
				if ended := status.LastTerminationState.Terminated; ended != nil {
					if ended.ExitCode != 1 {
						return fmt.Errorf("it ended with code %d", ended.ExitCode)
					}
					pod = p.Name
					return nil
				}
			}
		}
		return errors.New("it has not ended")
	})
	log := k.kubectl(t, "--namespace", operatorNamespace, "logs", "--previous", pod)
	for key, said := range map[string][]string{
		"workers":               {"workers", "plenty", "whole number"},
		"pod_management_policy": {"pod_management_policy", "random", "ordered_ready", "parallel"},
	} {
		require.True(t, containsAll(log, said), "%s: the log does not say %q:\n%s", key, said, log)
	}
}

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	apiv1 "postgres-operator/api/v1"
)

// TestWaves: a change of the configuration goes through the fleet canary first, stops at a canary that it breaks,
// goes on when the change is mended, and waits while it is paused.
func TestWaves(t *testing.T) {
	k := connect(t)
	namespace := k.namespace(t, "waves")
	t.Cleanup(func() { k.kubectl(t, "--namespace", operatorNamespace, "delete", "fleetrollout", "--all") })
	k.configure(t, map[string]string{
		"watched_namespace": namespace, "fleet_canary_selector": "tier=test", "fleet_wave_size": "1", "fleet_wave_pause": "0s", "fleet_wave_deadline": "20s",
	})
	canary, first, second := k.cluster(namespace, "acid-z-canary"), k.cluster(namespace, "acid-first"), k.cluster(namespace, "acid-second")
	canary.apply(t, instances(1), small, with("test", "metadata", "labels", "tier"))
	first.apply(t, instances(1), small)
	second.apply(t, instances(1), small)
	for _, c := range []cluster{canary, first, second} {
		c.awaitRunning(t, 1)
	}
	shipped := shippedImage(t, k)
	t.Cleanup(func() { k.putConfiguration(t, map[string]string{"docker_image": shipped}, logChanged) })
	others := [2]map[string]string{first.uids(t), second.uids(t)}
	untouched := func(t *testing.T) {
		t.Helper()
		require.Equal(t, others, [2]map[string]string{first.uids(t), second.uids(t)})
	}

	k.step(t, namespace, "stops at a broken canary", func(t *testing.T) {
		k.putConfiguration(t, map[string]string{"docker_image": "docker.io/local/no-such-image:1"}, logChanged)
		k.awaitFleet(t, "Stopped", "not healthy after the change: "+namespace+"/"+canary.name)
		untouched(t)
		t.Logf("\n%s", k.kubectl(t, "--namespace", operatorNamespace, "get", "fleetrollout"))
	})
	k.step(t, namespace, "goes on when the change is mended", func(t *testing.T) {
		k.putConfiguration(t, map[string]string{"docker_image": nextImage}, logChanged)
		k.kubectl(t, "--namespace", operatorNamespace, "wait", "fleetrollout", operatorName, "--for=jsonpath={.status.phase}=Done", "--timeout=180s")
		at := map[string]time.Time{}
		for _, c := range []cluster{canary, first, second} {
			eventually(t, soon, c.name+" has the image", func(ctx context.Context) error { return c.rolledOut(ctx, nextImage) })
			pods, err := c.pods(t.Context())
			require.NoError(t, err)
			at[c.name] = pods[0].CreationTimestamp.Time
		}
		require.True(t, at[canary.name].Before(at[first.name]), at)
		require.True(t, at[first.name].Before(at[second.name]), at)
		t.Logf("\n%s", k.kubectl(t, "--namespace", operatorNamespace, "get", "fleetrollout"))
	})
	k.step(t, namespace, "waits while it is paused", func(t *testing.T) {
		others = [2]map[string]string{first.uids(t), second.uids(t)}
		k.kubectl(t, "--namespace", operatorNamespace, "patch", "fleetrollout", operatorName, "--type=merge", `--patch={"spec":{"paused":true}}`)
		k.putConfiguration(t, map[string]string{"docker_image": shipped}, logChanged)
		k.awaitFleet(t, "Paused", "a change waits for 3 clusters")
		untouched(t)
		k.kubectl(t, "--namespace", operatorNamespace, "patch", "fleetrollout", operatorName, "--type=merge", `--patch={"spec":{"paused":false}}`)
		k.awaitFleet(t, "Done", "")
		for _, c := range []cluster{canary, first, second} {
			eventually(t, soon, c.name+" has the image", func(ctx context.Context) error { return c.rolledOut(ctx, shipped) })
		}
	})
	for _, c := range []cluster{canary, first, second} {
		c.delete(t)
	}
	canary.awaitGone(t, nothing)
}

// awaitFleet waits until the FleetRollout is in a phase.
func (k kube) awaitFleet(t *testing.T, phase, message string) {
	t.Helper()
	eventually(t, boot, "the fleet is "+phase, func(ctx context.Context) error {
		var found apiv1.FleetRollout
		if err := k.Get(ctx, k.cluster(operatorNamespace, "").key(operatorName), &found); err != nil {
			return err
		}
		if found.Status.Phase != phase || !strings.Contains(found.Status.Message, message) {
			return fmt.Errorf("it is %s: %s", found.Status.Phase, found.Status.Message)
		}
		return nil
	})
}

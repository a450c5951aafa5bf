//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// absent as the value of a key removes it from the ConfigMap.
const absent = "\x00absent"

// What the operator logs of its configuration.
const (
	logChanged = "operator configuration changed"
	logRefused = "operator configuration refused"
)

// configure changes keys of the operator's ConfigMap and waits until the operator says that they are
// in force. When the test is over, what was there before is in force again.
func (k kube) configure(t *testing.T, changes map[string]string) {
	t.Helper()
	before := k.putConfiguration(t, changes, logChanged)
	t.Cleanup(func() { k.putConfiguration(t, before, logChanged) })
}

// misconfigure does so with values that the operator must refuse; it returns when it has.
func (k kube) misconfigure(t *testing.T, changes map[string]string) (undo func()) {
	t.Helper()
	before := k.putConfiguration(t, changes, logRefused)
	return func() { require.NoError(t, k.writeConfiguration(before)) }
}

// putConfiguration writes keys, waits for the operator's log to answer once more, and returns the
// changes that undo it. What changes nothing is not waited for.
func (k kube) putConfiguration(t *testing.T, changes map[string]string, answer string) (undo map[string]string) {
	t.Helper()
	undo = k.undo(t, changes)
	if maps.Equal(undo, changes) {
		return undo
	}
	answers := func(ctx context.Context) (int, error) {
		log, err := k.operatorLog(ctx)
		return strings.Count(log, answer), err
	}
	before, err := answers(context.Background())
	require.NoError(t, err)
	require.NoError(t, k.writeConfiguration(changes))
	eventually(t, soon, fmt.Sprintf("%q after %v", answer, changes), func(ctx context.Context) error {
		now, err := answers(ctx)
		if err == nil && now <= before {
			err = errors.New("not in the operator's log")
		}
		return err
	})
	return undo
}

// undo returns the changes that lead back from some changes to the present configuration.
func (k kube) undo(t *testing.T, changes map[string]string) map[string]string {
	t.Helper()
	configuration, err := k.configuration(context.Background())
	require.NoError(t, err)
	back := map[string]string{}
	for key := range changes {
		value, found := configuration.Data[key]
		if !found {
			value = absent
		}
		back[key] = value
	}
	return back
}

func (k kube) configuration(ctx context.Context) (*corev1.ConfigMap, error) {
	var found corev1.ConfigMap
	err := k.Get(ctx, client.ObjectKey{Namespace: operatorNamespace, Name: operatorName}, &found)
	return &found, err
}

func (k kube) writeConfiguration(changes map[string]string) error {
	ctx := context.Background()
	configuration, err := k.configuration(ctx)
	if err != nil {
		return err
	}
	for key, value := range changes {
		if value == absent {
			delete(configuration.Data, key)
			continue
		}
		configuration.Data[key] = value
	}
	return k.Update(ctx, configuration)
}

// operatorLog is the log of the operator's present process.
func (k kube) operatorLog(ctx context.Context) (string, error) {
	return k.tryKubectl(ctx, "", "--namespace", operatorNamespace, "logs", "deployment/"+operatorName)
}

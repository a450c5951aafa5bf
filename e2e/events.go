//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// awaitWarning waits for a Warning event about an object whose text contains every part.
func (k kube) awaitWarning(t *testing.T, about client.ObjectKey, parts ...string) {
	t.Helper()
	eventually(t, soon, fmt.Sprintf("a warning about %s says %q", about, parts), func(ctx context.Context) error {
		var events eventsv1.EventList
		if err := k.List(ctx, &events, client.InNamespace(about.Namespace)); err != nil {
			return err
		}
		var said []string
		for _, e := range events.Items {
			if e.Type != "Warning" || e.Regarding.Name != about.Name {
				continue
			}
			if containsAll(e.Note, parts) {
				return nil
			}
			said = append(said, e.Reason+": "+e.Note)
		}
		return fmt.Errorf("it says %s", strings.Join(said, "; "))
	})
}

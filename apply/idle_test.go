package apply_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"postgres-operator/apply"
	"postgres-operator/schema"
)

// What was applied once compares equal, whatever the API server has filled in
// or respelled: nothing is sent again, not even after a restart.
func TestEachKindIsIdleAfterOneApply(t *testing.T) {
	w := newWorld(t)
	var all []apply.Object
	for _, text := range documents(t, "../testdata/apply/objects.yaml") {
		object := w.object(text)
		all = append(all, object)
		t.Run(object.ID, func(t *testing.T) {
			w := *w
			w.T = t
			require.NoError(t, schema.Check(object.Unstructured))
			changes, writes := w.must(object)
			require.Len(t, writes, 1)
			require.Equal(t, apply.Create, changes[0].Verb)
			require.NotNil(t, changes[0].Live)

			w.restart()
			for _, c := range w.applier.Plan(apply.Request{Desired: []apply.Object{object}, Live: w.live()}) {
				require.Equal(t, apply.Unchanged, c.Verb, "%s", c)
			}
		})
	}
	w.restart()
	w.idle(all...)
}

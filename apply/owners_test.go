package apply

import (
	"testing"

	"github.com/stretchr/testify/require"

	"postgres-operator/schema"
)

// What an API server has recorded about a StatefulSet is read back by path.
func TestOwners(t *testing.T) {
	_, live := recordedPair(t)
	owners := func(path string) []Owner {
		place, err := schema.Locate(live, path)
		require.NoError(t, err)
		found, err := Owners(live, place.Owned)
		require.NoError(t, err)
		return found
	}
	ours := Owner{Manager: recordedManager, Operation: "Apply"}
	require.Equal(t, []Owner{ours}, owners("spec.replicas"))
	require.Equal(t, []Owner{ours}, owners("spec.template.spec.containers[postgres].image"))
	require.Equal(t, []Owner{ours}, owners("spec.selector.matchLabels.application"), "a selector is one value")
	require.Empty(t, owners("spec.revisionHistoryLimit"), "a default of the API server")
	ours.Part = true
	require.Contains(t, owners("spec.template"), ours)
}

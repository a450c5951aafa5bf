package schema_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/structured-merge-diff/v4/typed"

	"postgres-operator/schema"
)

// BenchmarkParser is the price of the first use in a process.
func BenchmarkParser(b *testing.B) {
	text, err := os.ReadFile("kubernetes.yaml")
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		_, err := typed.NewParser(typed.YAMLObject(text))
		require.NoError(b, err)
	}
}

func BenchmarkCheck(b *testing.B) {
	obj := statefulSet(b)
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, schema.Check(obj))
	}
}

func BenchmarkDiff(b *testing.B) {
	before, after := statefulSet(b), statefulSet(b)
	b.ReportAllocs()
	for b.Loop() {
		require.Empty(b, schema.Diff(before, after))
	}
}

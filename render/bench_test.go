package render_test

import (
	"flag"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"postgres-operator/render"
)

var renders = flag.Int("renders", 1500, "how often TestHeapStaysFlat renders")

func inputOf(t testing.TB, name string) render.Input {
	t.Helper()
	base := readScenario(t, filepath.Join(scenarios, "base.txtar"))
	return readScenario(t, filepath.Join(scenarios, name+".txtar")).input(t, base)
}

func renderOnce(t testing.TB, r *render.Renderer, in render.Input) []render.Object {
	t.Helper()
	view, err := render.NewView(in)
	require.NoError(t, err)
	objects, err := r.Render(view)
	require.NoError(t, err)
	return objects
}

func BenchmarkRender(b *testing.B) {
	for _, name := range []string{"base", "complete"} {
		in := inputOf(b, name)
		r, err := render.New()
		require.NoError(b, err)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				renderOnce(b, r, in)
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms/op")
		})
		b.Run(name+"/parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					renderOnce(b, r, in)
				}
			})
		})
		b.Run(name+"/view", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := render.NewView(in)
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, err := render.New()
		require.NoError(b, err)
	}
}

// TestHeapStaysFlat renders until several evaluators have come and gone; with
// -renders 10000 it takes its time.
func TestHeapStaysFlat(t *testing.T) {
	in := inputOf(t, "base")
	r, err := render.New()
	require.NoError(t, err)
	heap := func() float64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return float64(stats.HeapAlloc) / (1 << 20)
	}
	for range 100 {
		renderOnce(t, r, in)
	}
	before := heap()
	for range *renders {
		renderOnce(t, r, in)
	}
	after := heap()
	t.Logf("heap: %.1f MiB before, %.1f MiB after %d renders", before, after, *renders)
	require.Less(t, after, before+3, "MiB of heap")
}

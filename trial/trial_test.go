package trial_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
	"postgres-operator/overlay"
	"postgres-operator/render"
	"postgres-operator/trial"
)

// asChild makes the test binary a child when it is set.
const asChild = "POSTGRES_OPERATOR_TRIAL_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(asChild) == "" {
		os.Exit(m.Run())
	}
	if err := trial.Child(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(t testing.TB, limits trial.Limits, files map[string]string) trial.Result {
	t.Helper()
	content := map[string][]byte{}
	for name, text := range files {
		content[name] = []byte(text)
	}
	good, err := overlay.New("good", "test", map[string][]byte{"o.cue": []byte("package templates\n\npod: metadata: labels: good: \"yes\"\n")})
	require.NoError(t, err)
	tried, err := overlay.New("tried", "test", content)
	if err != nil {
		return trial.Result{Failure: &trial.Failure{Text: err.Error()}}
	}
	self, err := os.Executable()
	require.NoError(t, err)
	runner := trial.Runner{Path: self, Environ: []string{asChild + "=1"}}
	began := time.Now()
	result, err := runner.Run(t.Context(), trial.Request{Set: overlay.Set{good, tried}, Clusters: []render.View{view(t, "one"), view(t, "two")}, Limits: limits})
	require.NoError(t, err)
	t.Logf("%v", time.Since(began))
	return result
}

func view(t testing.TB, name string) render.View {
	t.Helper()
	v, err := render.NewView(render.Input{
		Manifest: &apiv1.Postgresql{
			ObjectMeta: metav1.ObjectMeta{Name: "acid-" + name, Namespace: "test"},
			Spec:       apiv1.PostgresSpec{TeamID: "acid", NumberOfInstances: 2, Postgresql: apiv1.PostgresqlParam{PgVersion: "18"}, Volume: apiv1.Volume{Size: "1Gi"}},
		},
		Config:      config.Default(),
		Credentials: []render.Credential{{Role: "postgres", Kind: render.KindSuperuser, Password: "x"}, {Role: "standby", Kind: render.KindReplication, Password: "x"}},
		Now:         time.Unix(0, 0),
	})
	require.NoError(t, err)
	return v
}

func TestTrials(t *testing.T) {
	limits := trial.Limits{Seconds: 60, Memory: 128 << 20}
	const head = "package templates\n\n"
	for _, tc := range []struct{ name, file, content, want string }{
		{"a label", "o.cue", head + `pod: metadata: labels: a: "b"`, ""},
		{"a template", "o.yaml.tmpl", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .name }}-x'}\n", ""},
		{"an error of syntax", "o.cue", head + "pod: {", `overlay "tried": expected`},
		{"a wrong type", "o.cue", head + "pod: spec: terminationGracePeriodSeconds: \"x\"", `overlay "tried": pod: spec.terminationGracePeriodSeconds: `},
		{"one cluster of two", "o.cue", head + "if input.name == \"acid-two\" {statefulset: spec: serviceName: \"x\"}", "(cluster test/acid-two)"},
		{"all clusters", "o.cue", head + "statefulset: spec: serviceName: \"x\"", "2 clusters fail"},
		{"a cycle", "o.cue", head + "_a: _b + 1\n_b: _a + 1\npod: spec: priority: _a", "cycle"},
		{"a structural cycle", "o.cue", head + "#T: {next: #T}\n_t: #T\n", "structural cycle"},
		{"a huge loop", "o.cue", head + "import \"list\"\n_l: [for a in list.Range(0, 100000, 1) for b in list.Range(0, 100000, 1) {a * b}]\npod: metadata: annotations: n: \"\\(len(_l))\"", "overlay \"tried\": it takes more than"},
		{"a huge text", "o.cue", head + "import \"strings\"\npod: metadata: annotations: n: strings.Repeat(\"x\", 8000000000)", "overlay \"tried\": "},
		{"endless recursion", "o.cue", head + "_f: {n: int, r: (_f & {n: n + 1}).r}\npod: spec: priority: (_f & {n: 1}).r", "overlay \"tried\": "},
		{"deep brackets", "o.cue", head + "_a: " + strings.Repeat("[", 100000) + strings.Repeat("]", 100000), "nested more than"},
		{"no UTF-8", "o.cue", head + "_a: \"\xff\xfe\"", "not text in UTF-8"},
		{"10 MB", "o.cue", head + "_a: \"" + strings.Repeat("x", 10<<20) + "\"", "at most 1048576 are allowed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			result := run(t, limits, map[string]string{tc.file: tc.content})
			if tc.want == "" {
				require.Nil(t, result.Failure)
				return
			}
			require.NotNil(t, result.Failure)
			require.Contains(t, result.Failure.Error(), tc.want)
			for _, inside := range []string{"goroutine", ".go:", os.TempDir() + "/"} {
				require.NotContains(t, result.Failure.Error(), inside)
			}
		})
	}
}

func TestTimeIsBounded(t *testing.T) {
	began := time.Now()
	result := run(t, trial.Limits{Seconds: 2, Memory: 4 << 30}, map[string]string{
		"o.cue": "package templates\n\nimport \"list\"\n_l: [for a in list.Range(0, 100000, 1) for b in list.Range(0, 100000, 1) if a*b == -1 {a}]\npod: metadata: annotations: n: \"\\(len(_l))\"",
	})
	require.NotNil(t, result.Failure)
	require.Contains(t, result.Failure.Text, `overlay "tried": it takes more than`)
	require.Less(t, time.Since(began), time.Minute)
}

// TestClustersCrossUnchanged: the child renders what the parent would.
func TestClustersCrossUnchanged(t *testing.T) {
	result := run(t, trial.Limits{Seconds: 60, Memory: 128 << 20}, map[string]string{"o.cue": `package templates

objects: "networkpolicy/members": {
	apiVersion: "networking.k8s.io/v1"
	kind:       "NetworkPolicy"
	metadata: {name: input.name, namespace: input.namespace}
	spec: podSelector: matchLabels: input.selector
}
`})
	require.Nil(t, result.Failure)
	require.Len(t, result.Kinds, 1)
	require.Equal(t, "NetworkPolicy", result.Kinds[0].Kind)
	require.Equal(t, []string{"test"}, result.Kinds[0].Namespaces)
	require.Equal(t, "networkpolicy/members", result.Kinds[0].Object)
}

func TestNoProgram(t *testing.T) {
	_, err := trial.Runner{Path: filepath.Join(t.TempDir(), "none")}.Run(t.Context(), trial.Request{Limits: trial.Limits{Seconds: 5}})
	require.ErrorContains(t, err, "start the trial of overlays")
}

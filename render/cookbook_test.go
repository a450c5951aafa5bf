package render_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"postgres-operator/overlay"
	"postgres-operator/render"
)

// cookbook holds recipes: a folder each, with an overlay, a README.md and what it changes, in golden.txtar.
// That is a scenario whose overlay is the folder.
const cookbook = "../templates/overlays"

// mostLines is how long the overlay of a recipe may be, the package clause and blank lines aside.
const mostLines = 10

// citation is a public wish for what a recipe does.
var citation = regexp.MustCompile(`\[([\w.-]+/[\w.-]+)#(\d+)\]\(https://github\.com/([\w.-]+/[\w.-]+)/(?:issues|pull|discussions)/(\d+)\)`)

// Words of a README by which a reader knows what happens to pods.
const (
	restartsPods   = "Restarts the pods of the database, one after the other."
	restartsNoPods = "Restarts no pod of the database."
)

func TestCookbook(t *testing.T) {
	base := readScenario(t, filepath.Join(scenarios, "base.txtar"))
	paths, err := filepath.Glob(filepath.Join(cookbook, "*", "golden.txtar"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(paths), 30)
	contents, err := os.ReadFile(filepath.Join(cookbook, "README.md"))
	require.NoError(t, err)
	for _, path := range paths {
		name := filepath.Base(filepath.Dir(path))
		t.Run(name, func(t *testing.T) {
			testRecipe(t, base, path)
			title, _, _ := strings.Cut(strings.TrimPrefix(readme(t, name), "# "), "\n")
			require.Contains(t, string(contents), fmt.Sprintf("| [%s](%s) | %s |", name, name, title), "the list of all recipes")
		})
	}
}

func readme(t *testing.T, recipe string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(cookbook, recipe, "README.md"))
	require.NoError(t, err)
	return string(text)
}

func testRecipe(t *testing.T, base scenario, path string) {
	t.Helper()
	name := filepath.Base(filepath.Dir(path))
	recipe := readRecipe(t, name)
	s := readScenario(t, path)
	r, err := render.New(recipe)
	require.NoError(t, err)
	after := objectsOf(t, r, s, base)
	plainly, err := render.New()
	require.NoError(t, err)
	before := objectsOf(t, plainly, s, base)
	requireValid(t, after)
	diff := diffObjects(before, after)
	require.NotEmpty(t, diff, "it changes something")
	s.check(t, map[string]string{"diff.txt": diff})

	text := readme(t, name)
	for _, match := range citation.FindAllStringSubmatch(text, -1) {
		require.Equal(t, match[1]+match[2], match[3]+match[4], "text and target of a link")
	}
	require.Regexp(t, citation, text, "a wish that somebody has voiced")
	if restarts(diff) {
		require.Contains(t, text, restartsPods)
	} else {
		require.Contains(t, text, restartsNoPods)
	}
}

// readRecipe takes the overlay of a folder and holds it to its length.
func readRecipe(t *testing.T, name string) overlay.Overlay {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(cookbook, name))
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, entry := range entries {
		if !overlay.IsFile(entry.Name()) {
			continue
		}
		files[entry.Name()], err = os.ReadFile(filepath.Join(cookbook, name, entry.Name()))
		require.NoError(t, err)
		lines := 0
		for line := range strings.Lines(string(files[entry.Name()])) {
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "package ") && !strings.HasPrefix(line, "import ") {
				lines++
			}
		}
		require.LessOrEqual(t, lines, mostLines, "lines of %s", entry.Name())
	}
	o, err := overlay.New(name, cookbook, files)
	require.NoError(t, err)
	return o
}

func objectsOf(t *testing.T, r *render.Renderer, s, base scenario) []render.Object {
	t.Helper()
	view, err := render.NewView(s.input(t, base))
	require.NoError(t, err)
	objects, err := r.Render(view)
	require.NoError(t, err)
	return objects
}

// restarts tells whether a difference touches more of members than their annotations.
func restarts(diff string) bool {
	for line := range strings.Lines(diff) {
		_, path, found := strings.Cut(line, " statefulset spec.template.")
		if found && !strings.HasPrefix(path, "metadata.annotations") {
			return true
		}
	}
	return false
}

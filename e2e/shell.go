//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shell runs lines as one person's terminal does: what a line exports, the next ones see. Between
// two lines the test may do something else, such as waiting.
type shell struct {
	dir  string
	env  []string
	file string // what the lines so far have exported
}

func newShell(t *testing.T, dir string, env ...string) shell {
	t.Helper()
	file := filepath.Join(t.TempDir(), "exported")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	return shell{dir: dir, env: append(os.Environ(), env...), file: file}
}

// run runs a line, which must succeed, and returns what it prints.
func (s shell) run(t *testing.T, line, stdin string) string {
	t.Helper()
	script := fmt.Sprintf("source %[1]s\n%[2]s\n{ status=$?; export -p >%[1]s; exit $status; } </dev/null", s.file, line)
	cmd := exec.Command("bash", "-c", script)
	var out, problems bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = s.dir, s.env, strings.NewReader(stdin), &out, &problems
	require.NoError(t, cmd.Run(), "%s\n%s%s", line, out.String(), problems.String())
	return out.String()
}

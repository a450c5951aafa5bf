//go:build e2e

package e2e

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiv1 "postgres-operator/api/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// tutorialNamespace is the one that the tutorial makes.
const tutorialNamespace = "test"

// The README's tutorial is the code block behind this mark.
const tutorialMark = "<!-- tutorial: the end-to-end tests run these lines -->"

// TestTutorial types what the README says, line by line, on a Kubernetes without the operator. The
// test only waits between the lines, and says where the database is.
func TestTutorial(t *testing.T) {
	k := connect(t)
	c := k.cluster(tutorialNamespace, "acid-minimal-cluster")
	lines := tutorial(t, k.repo)
	k.forgetNamespace(t, tutorialNamespace)
	require.NoError(t, k.removeOperator(context.Background()))
	k.removeUnusedKinds(t)
	t.Cleanup(func() {
		if t.Failed() {
			k.diagnose(t, tutorialNamespace)
			require.NoError(t, k.deployOperator(context.Background()), "for the tests that follow")
		}
		_ = k.Delete(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tutorialNamespace}})
	})

	session := newShell(t, k.repo, "KUBECONFIG="+copyOf(t, k.kubeconfig))
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "psql"):
			session.env = append(session.env, "PGHOST="+k.clusterIP(t, c.key(c.name)), "PGSSLMODE=require")
			answer := session.run(t, line, "SELECT 'tls ' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid();\n")
			require.Contains(t, answer, "tls true")
			continue
		case strings.HasPrefix(line, "export PGPASSWORD"):
			c.awaitRunning(t, 2)
		}
		session.run(t, line, "")
		switch {
		case strings.Contains(line, "postgres-operator.yaml"):
			require.NoError(t, k.rolloutStatus(context.Background()))
		case strings.Contains(line, "create namespace"):
			k.kubectl(t, "label", "namespace", tutorialNamespace, testLabel+"=true")
		}
	}
	c.delete(t)
	c.awaitGone(t, nothing)
}

// tutorial reads the lines from the README.
func tutorial(t *testing.T, repo string) []string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(repo, "README.md"))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(readme), tutorialMark)
	require.True(t, found, "README.md has no %s", tutorialMark)
	_, rest, _ = strings.Cut(rest, "```")
	_, rest, _ = strings.Cut(rest, "\n")
	block, _, found := strings.Cut(rest, "```")
	require.True(t, found, "the tutorial's code block has no end")
	var lines []string
	for line := range strings.Lines(block) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	require.Len(t, lines, 8)
	return lines
}

// removeUnusedKinds removes the definitions of our kinds, so that the tutorial starts from nothing,
// unless somebody has clusters.
func (k kube) removeUnusedKinds(t *testing.T) {
	t.Helper()
	var clusters apiv1.PostgresqlList
	if err := k.List(context.Background(), &clusters); err == nil {
		others := slices.DeleteFunc(clusters.Items, func(pg apiv1.Postgresql) bool { return strings.HasPrefix(pg.Namespace, namespacePrefix) })
		if len(others) > 0 {
			t.Logf("the kinds stay: there are %d clusters", len(others))
			return
		}
	}
	k.kubectl(t, "delete", "--ignore-not-found", "customresourcedefinition",
		"postgresqls.acid.zalan.do", "operatorconfigurations.acid.zalan.do", "postgresteams.acid.zalan.do")
}

func copyOf(t *testing.T, kubeconfig string) string {
	t.Helper()
	content, err := os.ReadFile(kubeconfig)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

func (k kube) clusterIP(t *testing.T, service client.ObjectKey) string {
	t.Helper()
	var ip string
	eventually(t, soon, "service "+service.Name+" has an address", func(ctx context.Context) error {
		var s corev1.Service
		if err := k.Get(ctx, service, &s); err != nil {
			return err
		}
		if ip = s.Spec.ClusterIP; ip == "" {
			return errors.New("not yet")
		}
		return nil
	})
	return ip
}

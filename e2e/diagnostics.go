//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// diagnose prints what a person would look at first. It runs after the test's own context has ended.
func (k kube) diagnose(t *testing.T, namespace string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	show := func(title string, args ...string) {
		out, err := k.tryKubectl(ctx, "", args...)
		if err != nil {
			out += fmt.Sprintf("(%v)", err)
		}
		t.Logf("──── %s ────\n%s", title, lastLines(out, 120))
	}
	show("objects in "+namespace, "--namespace", namespace, "get", "pg,statefulset,pod,service,endpoints,configmap,secret,pvc,pdb", "--output=wide")
	show("clusters", "--namespace", namespace, "describe", "pg")
	show("events", "--namespace", namespace, "get", "events", "--sort-by=.metadata.creationTimestamp")
	show("operator", "--namespace", operatorNamespace, "get", "pods", "--output=wide", "--selector=name="+operatorName)
	show("operator's log", "--namespace", operatorNamespace, "logs", "--tail=80", "--selector=name="+operatorName)
	show("operator's log before its last restart", "--namespace", operatorNamespace, "logs", "--tail=30", "--previous", "--selector=name="+operatorName)
	for _, pod := range k.podNames(ctx, namespace) {
		show("log of "+pod, "--namespace", namespace, "logs", "--tail=30", "--all-containers", pod)
	}
}

func (k kube) podNames(ctx context.Context, namespace string) []string {
	out, err := exec.CommandContext(ctx, "kubectl", "--namespace", namespace, "get", "pods", "--output=name").Output()
	if err != nil {
		return nil
	}
	return strings.Fields(string(out))
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	for i, line := range lines {
		if len(line) > 500 {
			lines[i] = line[:500] + " …"
		}
	}
	return strings.Join(lines, "\n")
}

//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// apiPort is the default of the option api_port.
const apiPort = "8080"

// testAPI: what scripts and the UI of Zalando's operator ask for is answered, and holds no password.
func (c cluster) testAPI(t *testing.T) {
	idle := func(ctx context.Context) error {
		answer, err := c.ask(ctx, "/workers/all/status/")
		if err != nil {
			return err
		}
		var workers map[string]any
		if err := json.Unmarshal([]byte(answer), &workers); err != nil {
			return fmt.Errorf("workers %s: %w", answer, err)
		}
		for id, status := range workers {
			if status != "idle" {
				return fmt.Errorf("worker %s: %v", id, status)
			}
		}
		return nil
	}
	eventually(t, 2*time.Minute, "idle workers", idle)
	c.apply(t, with("yes", "spec", "podAnnotations", "served"))
	eventually(t, time.Minute, "history", func(ctx context.Context) error {
		answer, err := c.ask(ctx, "/clusters/"+c.namespace+"/"+c.name+"/history/")
		if err == nil && !strings.Contains(answer, `spec.podAnnotations`) {
			err = fmt.Errorf("history: %s", answer)
		}
		return err
	})
	eventually(t, 2*time.Minute, "idle workers after the change", idle)
	c.apply(t)

	password, err := c.password(t.Context(), "postgres")
	require.NoError(t, err)
	for path, want := range map[string]string{
		"/readyz/":   `"OK"`,
		"/status/":   `"WorkerQueueSize"`,
		"/config/":   `"DockerImage"`,
		"/clusters/": `"acid":["`,
		"/clusters/" + c.namespace + "/" + c.name:            `"kind":"StatefulSet"`,
		"/clusters/" + c.namespace + "/" + c.name + "/logs/": `"Message":"`,
		"/workers/all/queue":                                 `"Keys"`,
		"/workers/all/logs":                                  c.name,
		"/databases/":                                        c.name,
	} {
		answer, err := c.ask(t.Context(), path)
		require.NoError(t, err, path)
		require.Contains(t, answer, want, path)
		require.NotContains(t, answer, password, path)
	}
}

// ask asks the REST API of the operator.
func (k kube) ask(ctx context.Context, path string) (string, error) {
	pods, err := k.operatorPods(ctx)
	if err != nil || len(pods) != 1 {
		return "", fmt.Errorf("%d pods of the operator: %w", len(pods), err)
	}
	url := "http://" + net.JoinHostPort(pods[0].Status.PodIP, apiPort) + path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, answer.Status, text)
	}
	return string(text), err
}

package controller

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	kclient "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
)

// executor runs commands in containers, as kubectl exec does.
type executor struct {
	server *rest.Config
	core   rest.Interface
}

func newExecutor(server *rest.Config) (executor, error) {
	clients, err := kclient.NewForConfig(server)
	if err != nil {
		return executor{}, fmt.Errorf("run commands in pods: %w", err)
	}
	return executor{server: server, core: clients.CoreV1().RESTClient()}, nil
}

// run returns what a command writes to its standard output. What it writes to standard error is part
// of the error when it fails. SPDY, because it needs no other right than Zalando's operator has.
func (e executor) run(ctx context.Context, pod types.NamespacedName, container string, command []string) (string, error) {
	request := e.core.Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: container, Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	stream, err := remotecommand.NewSPDYExecutor(e.server, "POST", request.URL())
	if err != nil {
		return "", fmt.Errorf("run a command in pod %s: %w", pod, err)
	}
	var out, problems bytes.Buffer
	if err := stream.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &out, Stderr: &problems}); err != nil {
		text := strings.TrimSpace(problems.String())
		if text != "" {
			text = ": " + text
		}
		return out.String(), fmt.Errorf("run a command in pod %s: %w%s", pod, err, text)
	}
	return out.String(), nil
}

// commander is what the reconcilers use of an executor.
type commander interface {
	run(ctx context.Context, pod types.NamespacedName, container string, command []string) (string, error)
}

// commander returns what runs commands in pods.
func (o Options) commander() (commander, error) {
	if o.exec != nil {
		return o.exec, nil
	}
	return newExecutor(o.REST)
}

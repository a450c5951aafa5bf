package controller

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kevents "k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// operator is a running operator.
type operator struct {
	w      *world
	cancel context.CancelFunc
	done   chan error
	once   sync.Once
}

// start runs an operator until stop, or the end of the test.
func (w *world) start(changes ...func(*Options)) *operator {
	w.Helper()
	o := w.options
	for _, change := range changes {
		change(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	op := &operator{w: w, cancel: cancel, done: make(chan error, 1)}
	go func() { op.done <- Run(ctx, o) }()
	w.Cleanup(op.stop)
	return op
}

func (op *operator) stop() {
	op.once.Do(func() {
		op.cancel()
		select {
		case err := <-op.done:
			assert.NoError(op.w, err, "the operator ends without an error")
		case <-time.After(patience):
			assert.Fail(op.w, "the operator does not end")
		}
	})
}

// reconciler is reconciler Cluster without a manager around it; it reads from c instead of a cache.
func (w *world) reconciler(c client.Client) *cluster {
	w.Helper()
	configuration, err := w.options.Source.Load(w.Context(), w.client)
	require.NoError(w, err)
	r, err := newCluster(shared{
		client: c, live: w.client, settings: newSettings(configuration, nil), now: time.Now,
		events: newEvents(kevents.NewFakeRecorder(1000)),
	})
	require.NoError(w, err)
	return r
}

func (w *world) request(name string) reconcile.Request {
	return reconcile.Request{NamespacedName: client.ObjectKey{Namespace: w.namespace, Name: name}}
}

// logBook keeps what an operator logs, to show it when a test fails.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBook) logger() logr.Logger {
	return funcr.New(func(prefix, args string) {
		if strings.Contains(args, `"configuration"="{`) || lifecycleOfManager.MatchString(args) {
			return // long
		}
		b.add(prefix, args)
	}, funcr.Options{Verbosity: 0})
}

func (b *logBook) add(who, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fmt.Fprintf(&b.text, "%s %s %s\n", time.Now().Format("05.000"), who, text)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

var podKind = schema.GroupVersionKind{Version: "v1", Kind: "Pod"}

package controller

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"postgres-operator/config"
)

const (
	// pageSize of lists keeps answers of the API server, and what is decoded at once, small.
	pageSize = 500
	// readersOfSnapshot at once.
	readersOfSnapshot = 4
)

// NewReader reads from an API server, without a client-side rate limit.
func NewReader(server *rest.Config) (client.Reader, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	server = withoutRateLimit(server)
	server.WarningHandler = rest.NoWarnings{}
	c, err := client.New(server, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("reach the API server: %w", err)
	}
	return c, nil
}

// ReadSnapshot lists from an API server what the caches of an operator with this configuration would
// hold of some namespaces; nil for all. Some twenty lists, however many clusters there are. Kinds are those
// that overlays add.
func ReadSnapshot(ctx context.Context, reader client.Reader, c config.Config, namespaces []string, kinds ...schema.GroupVersionKind) (*Snapshot, error) {
	lists := snapshotLists(c, kinds)
	found := make([][]*unstructured.Unstructured, len(lists)*max(1, len(namespaces)))
	served := make([]bool, len(found))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readersOfSnapshot)
	for i, list := range lists {
		for j, namespace := range orEverywhere(namespaces) {
			at := i*max(1, len(namespaces)) + j
			group.Go(func() (err error) {
				found[at], served[at], err = list.read(ctx, reader, namespace)
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	s, err := NewSnapshot(c.ClusterNameLabel, sorted(slices.Concat(found...)))
	if err != nil {
		return nil, err
	}
	for at, known := range served {
		s.served[lists[at/max(1, len(namespaces))].kind] = known
	}
	return s, nil
}

func orEverywhere(namespaces []string) []string {
	if namespaces == nil {
		return []string{""}
	}
	return namespaces
}

// snapshotList is one kind to list.
type snapshotList struct {
	kind     schema.GroupVersionKind
	options  []client.ListOption
	optional bool // the kind need not be installed, or be for us to see
}

func snapshotLists(c config.Config, added []schema.GroupVersionKind) []snapshotList {
	ofClusters := client.HasLabels{c.ClusterNameLabel}
	lists := []snapshotList{
		{kind: postgresqlKind},
		{kind: corev1.SchemeGroupVersion.WithKind("Pod"), options: []client.ListOption{ofClusters}},
		{kind: appsv1.SchemeGroupVersion.WithKind("ControllerRevision"), options: []client.ListOption{ofClusters}},
		{kind: serviceAccountKind, options: []client.ListOption{client.MatchingFields{"metadata.name": c.PodServiceAccountName}}},
		{kind: roleBindingKind, options: []client.ListOption{client.MatchingFields{"metadata.name": roleBindingName(c)}}},
		{kind: streamKind, options: []client.ListOption{ofClusters}, optional: true},
		{kind: nodeKind, optional: true},
	}
	if c.EnablePostgresTeamCRD {
		lists = append(lists, snapshotList{kind: postgresTeamKind, optional: true})
	}
	for _, k := range clusterKinds() {
		lists = append(lists, snapshotList{kind: k.GroupVersionKind, options: []client.ListOption{ofClusters}})
	}
	for _, gvk := range added {
		if !builtInKind(gvk) {
			lists = append(lists, snapshotList{kind: gvk, options: []client.ListOption{ofClusters}, optional: true})
		}
	}
	return lists
}

// read lists page by page, and tells whether the API server has such a kind.
func (l snapshotList) read(ctx context.Context, reader client.Reader, namespace string) (found []*unstructured.Unstructured, served bool, err error) {
	for next := ""; ; {
		page := newList(l.kind)
		options := append([]client.ListOption{client.InNamespace(namespace), client.Limit(pageSize), client.Continue(next)}, l.options...)
		err := reader.List(ctx, page, options...)
		if l.optional && (meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || apierrors.IsForbidden(err)) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("list objects of kind %s: %w", l.kind.Kind, err)
		}
		for i := range page.Items {
			found = append(found, &page.Items[i])
		}
		if next = page.GetContinue(); next == "" {
			return found, true, nil
		}
	}
}

// memory reads single objects past a snapshot, each once: from it, else from the API server.
type memory struct {
	*Snapshot
	live client.Reader // nil where there is no API server to ask

	mu   sync.Mutex
	seen map[reference]answer
}

type answer struct {
	object *unstructured.Unstructured
	err    error
}

func newMemory(s *Snapshot, live client.Reader) *memory {
	return &memory{Snapshot: s, live: live, seen: map[reference]answer{}}
}

// Get implements client.Reader.
func (m *memory) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	err := m.Snapshot.Get(ctx, key, into, options...)
	if m.live == nil || !apierrors.IsNotFound(err) {
		return err
	}
	gvk, err := apiutil.GVKForObject(into, m.scheme)
	if err != nil {
		return err
	}
	ref := reference{GroupVersionKind: gvk, NamespacedName: key}
	m.mu.Lock()
	known, ok := m.seen[ref]
	m.mu.Unlock()
	if !ok {
		known.object = newObject(gvk)
		if known.err = m.live.Get(ctx, key, known.object); meta.IsNoMatchError(known.err) {
			known.err = apierrors.NewNotFound(schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind}, key.Name)
		}
		if known.err == nil || apierrors.IsNotFound(known.err) {
			m.mu.Lock()
			m.seen[ref] = known
			m.mu.Unlock()
		}
	}
	if known.err != nil {
		return known.err
	}
	return fill(into, known.object)
}

package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	apiv1 "postgres-operator/api/v1"
)

// Snapshot holds the objects of clusters as they were at one moment, read from an API server or from
// files. It reads like the caches of a running operator, so that the same code decides on it. Nobody
// changes its objects.
type Snapshot struct {
	scheme    *runtime.Scheme
	nameLabel string

	objects map[reference]*unstructured.Unstructured
	kinds   map[schema.GroupVersionKind][]*unstructured.Unstructured
	labeled map[labeled][]*unstructured.Unstructured
	served  map[schema.GroupVersionKind]bool // kinds that were listed, be it that there was none
}

// labeled is what most lists ask for: a kind, of one cluster.
type labeled struct {
	schema.GroupVersionKind
	cluster string
}

// NewSnapshot holds the given objects; nameLabel is the label that names their cluster.
func NewSnapshot(nameLabel string, objects []*unstructured.Unstructured) (*Snapshot, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	s := &Snapshot{
		scheme: scheme, nameLabel: nameLabel,
		objects: map[reference]*unstructured.Unstructured{},
		kinds:   map[schema.GroupVersionKind][]*unstructured.Unstructured{},
		labeled: map[labeled][]*unstructured.Unstructured{},
		served:  map[schema.GroupVersionKind]bool{},
	}
	for _, o := range objects {
		s.add(o)
	}
	return s, nil
}

// add takes an object in; of two that are the same, the first counts.
func (s *Snapshot) add(o *unstructured.Unstructured) {
	ref := reference{
		GroupVersionKind: o.GroupVersionKind(), NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()},
	}
	if s.objects[ref] != nil {
		return
	}
	s.objects[ref] = o
	s.kinds[ref.GroupVersionKind] = append(s.kinds[ref.GroupVersionKind], o)
	if cluster := o.GetLabels()[s.nameLabel]; cluster != "" {
		key := labeled{ref.GroupVersionKind, cluster}
		s.labeled[key] = append(s.labeled[key], o)
	}
}

// addedTo are the objects of a cluster that are of kinds which overlays have added.
func (s *Snapshot) addedTo(cluster types.NamespacedName) []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for gvk := range s.kinds {
		if builtInKind(gvk) {
			continue
		}
		for _, o := range s.labeled[labeled{gvk, cluster.Name}] {
			if isAdded(o) && o.GetNamespace() == cluster.Namespace {
				found = append(found, o)
			}
		}
	}
	return sorted(found)
}

// Clusters are the manifests in it, by namespace and name.
func (s *Snapshot) Clusters(ctx context.Context) ([]apiv1.Postgresql, error) {
	var list apiv1.PostgresqlList
	if err := s.List(ctx, &list); err != nil {
		return nil, err
	}
	return list.Items, nil
}

// installed tells whether there are objects of a kind, or could be.
func (s *Snapshot) installed(gvk schema.GroupVersionKind) bool {
	return s.served[gvk] || len(s.kinds[gvk]) > 0
}

// Get implements client.Reader.
func (s *Snapshot) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	gvk, err := apiutil.GVKForObject(into, s.scheme)
	if err != nil {
		return fmt.Errorf("read %T: %w", into, err)
	}
	found := s.objects[reference{GroupVersionKind: gvk, NamespacedName: key}]
	if found == nil {
		return apierrors.NewNotFound(schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind}, key.Name)
	}
	return fill(into, found)
}

// List implements client.Reader. Of options it knows namespace and labels.
func (s *Snapshot) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	gvk, err := apiutil.GVKForObject(into, s.scheme)
	if err != nil {
		return fmt.Errorf("list %T: %w", into, err)
	}
	gvk.Kind = gvk.Kind[:len(gvk.Kind)-len("List")]
	var asked client.ListOptions
	asked.ApplyOptions(options)
	if asked.FieldSelector != nil {
		return errors.New("list a snapshot: it knows no fields to select by")
	}
	var found []*unstructured.Unstructured
	for _, o := range s.candidates(gvk, asked.LabelSelector) {
		inPlace := asked.Namespace == "" || o.GetNamespace() == asked.Namespace
		if inPlace && (asked.LabelSelector == nil || asked.LabelSelector.Matches(labels.Set(o.GetLabels()))) {
			found = append(found, o)
		}
	}
	return fillList(into, found, s.scheme, gvk)
}

// candidates are all objects of a kind, or those of the cluster that a selector names.
func (s *Snapshot) candidates(gvk schema.GroupVersionKind, selector labels.Selector) []*unstructured.Unstructured {
	if selector != nil {
		if cluster, named := selector.RequiresExactMatch(s.nameLabel); named {
			return s.labeled[labeled{gvk, cluster}]
		}
	}
	return s.kinds[gvk]
}

// fill makes an object what was found. Unstructured ones share their content.
func fill(into client.Object, found *unstructured.Unstructured) error {
	if u, ok := into.(*unstructured.Unstructured); ok {
		u.Object = found.Object
		return nil
	}
	raw, err := json.Marshal(found.Object)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		return fmt.Errorf("decode %s %s/%s: %w", found.GetKind(), found.GetNamespace(), found.GetName(), err)
	}
	return nil
}

func fillList(into client.ObjectList, found []*unstructured.Unstructured, scheme *runtime.Scheme, gvk schema.GroupVersionKind) error {
	if list, ok := into.(*unstructured.UnstructuredList); ok {
		list.Items = make([]unstructured.Unstructured, 0, len(found))
		for _, o := range found {
			list.Items = append(list.Items, *o)
		}
		return nil
	}
	items := make([]runtime.Object, 0, len(found))
	for _, o := range found {
		item, err := scheme.New(gvk)
		if err != nil {
			return fmt.Errorf("list %s: %w", gvk.Kind, err)
		}
		object, ok := item.(client.Object)
		if !ok {
			return fmt.Errorf("list %s: %T is no object", gvk.Kind, item)
		}
		if err := fill(object, o); err != nil {
			return err
		}
		items = append(items, object)
	}
	return meta.SetList(into, items)
}

// sorted brings objects into an order that does not depend on how they were read.
func sorted(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int {
		return slices.Compare([]string{a.GetNamespace(), a.GetName()}, []string{b.GetNamespace(), b.GetName()})
	})
	return objects
}

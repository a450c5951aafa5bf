package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"postgres-operator/names"
	"postgres-operator/render"
)

// spareForeign ends a pass that would take over what is somebody else's and happens to have the name of
// an object of this cluster: a user's Service, or that of the replicas of a cluster "a" for one that is
// called "a-repl". Applying would change it under its owner, and with two clusters they would do so in turns.
// The API server is asked about objects that the cache does not have, which is when they are to be made.
func (p *clusterPass) spareForeign(ctx context.Context) error {
	var errs []error
	for _, o := range p.desired {
		if p.adoptable(o) || p.has(o) {
			continue
		}
		found := newObject(o.GroupVersionKind())
		if err := p.live.Get(ctx, client.ObjectKeyFromObject(o), found); apierrors.IsNotFound(err) {
			continue
		} else if err != nil {
			return fmt.Errorf("read %s: %w", o.ID, err)
		}
		if whose := p.owner(found); whose != "" {
			errs = append(errs, fmt.Errorf("%s %s/%s %s; delete it, or give the cluster another name",
				strings.ToLower(o.GetKind()), o.GetNamespace(), o.GetName(), whose))
		}
	}
	return errors.Join(errs...)
}

// adoptable objects are taken as they are found: accounts serve a namespace, and a Secret that a user has
// made is where a password is given.
func (p *clusterPass) adoptable(o render.Object) bool {
	return o.GetKind() == secretKind.Kind ||
		slices.ContainsFunc(namespaceKinds(), func(k kind) bool { return k.Kind == o.GetKind() })
}

func (p *clusterPass) has(o render.Object) bool {
	return slices.ContainsFunc(p.observed.objects, func(live *unstructured.Unstructured) bool {
		return live.GroupVersionKind() == o.GroupVersionKind() && live.GetNamespace() == o.GetNamespace() && live.GetName() == o.GetName()
	})
}

// owner tells whose an object is, empty for this cluster's. What we or Zalando's operator made without the
// label of a cluster was made under another configuration of labels.
func (p *clusterPass) owner(o *unstructured.Unstructured) string {
	switch cluster := o.GetLabels()[p.config.ClusterNameLabel]; {
	case cluster == p.pg.Name:
		return ""
	case cluster != "":
		return "belongs to cluster " + cluster
	case writtenBy(o, names.ManagerCluster, names.ManagerLegacy):
		return ""
	}
	return "exists and belongs to no cluster"
}

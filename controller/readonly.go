package controller

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kevents "k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// errReadOnly is what a preview answers to code that wants to write.
var errReadOnly = errors.New("a preview writes nothing")

// readOnly is a client that reads, and refuses all else.
type readOnly struct {
	client.Reader
	scheme *runtime.Scheme
}

var _ client.Client = readOnly{}

func (readOnly) Apply(context.Context, runtime.ApplyConfiguration, ...client.ApplyOption) error {
	return errReadOnly
}

func (readOnly) Create(context.Context, client.Object, ...client.CreateOption) error {
	return errReadOnly
}

func (readOnly) Delete(context.Context, client.Object, ...client.DeleteOption) error {
	return errReadOnly
}

func (readOnly) Update(context.Context, client.Object, ...client.UpdateOption) error {
	return errReadOnly
}

func (readOnly) Patch(context.Context, client.Object, client.Patch, ...client.PatchOption) error {
	return errReadOnly
}

func (readOnly) DeleteAllOf(context.Context, client.Object, ...client.DeleteAllOfOption) error {
	return errReadOnly
}

// Status implements client.Client.
func (r readOnly) Status() client.SubResourceWriter { return r.SubResource("status") }

// SubResource implements client.Client.
func (readOnly) SubResource(string) client.SubResourceClient { return readOnlyPart{} }

// Scheme implements client.Client.
func (r readOnly) Scheme() *runtime.Scheme { return r.scheme }

// RESTMapper implements client.Client: there is nothing to map to.
func (readOnly) RESTMapper() meta.RESTMapper { return meta.NewDefaultRESTMapper(nil) }

// GroupVersionKindFor implements client.Client.
func (r readOnly) GroupVersionKindFor(o runtime.Object) (schema.GroupVersionKind, error) {
	return apiutil.GVKForObject(o, r.scheme)
}

// IsObjectNamespaced implements client.Client.
func (readOnly) IsObjectNamespaced(runtime.Object) (bool, error) { return true, nil }

// readOnlyPart is a part of an object, such as its status.
type readOnlyPart struct{}

func (readOnlyPart) Get(context.Context, client.Object, client.Object, ...client.SubResourceGetOption) error {
	return errReadOnly
}

func (readOnlyPart) Create(context.Context, client.Object, client.Object, ...client.SubResourceCreateOption) error {
	return errReadOnly
}

func (readOnlyPart) Update(context.Context, client.Object, ...client.SubResourceUpdateOption) error {
	return errReadOnly
}

func (readOnlyPart) Patch(context.Context, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
	return errReadOnly
}

func (readOnlyPart) Apply(context.Context, runtime.ApplyConfiguration, ...client.SubResourceApplyOption) error {
	return errReadOnly
}

// noEvents tells nobody.
type noEvents struct{}

var _ kevents.EventRecorder = noEvents{}

// Eventf implements events.EventRecorder.
func (noEvents) Eventf(runtime.Object, runtime.Object, string, string, string, string, ...any) {}

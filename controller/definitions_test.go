package controller

import (
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What tests do with the definitions of kinds, which are those of all tests: only tests that are not
// parallel may, and leave them as they were.

// definition reads that of the kind postgresql; nil if there is none.
func (w *world) definition() *apiextensionsv1.CustomResourceDefinition {
	w.Helper()
	definition := &apiextensionsv1.CustomResourceDefinition{}
	err := w.client.Get(w.Context(), client.ObjectKey{Name: postgresqlDefinition}, definition)
	if apierrors.IsNotFound(err) {
		return nil
	}
	require.NoError(w, err)
	return definition
}

// redefine writes the schema and names of a definition.
func (w *world) redefine(to *apiextensionsv1.CustomResourceDefinition) {
	w.Helper()
	w.eventually(func(c *assert.CollectT) {
		live := w.definition()
		live.Spec.Versions, live.Spec.Names = to.Spec.Versions, to.Spec.Names
		assert.NoError(c, w.client.Update(w.Context(), live))
	}, "change the definition")
}

func (w *world) removeDefinition(name string) {
	w.Helper()
	o := &apiextensionsv1.CustomResourceDefinition{}
	o.Name = name
	require.NoError(w, w.client.Delete(w.Context(), o))
	w.eventually(func(c *assert.CollectT) {
		assert.True(c, apierrors.IsNotFound(w.client.Get(w.Context(), client.ObjectKey{Name: name}, o)))
	}, "definition %s is gone", name)
}

// createOnceServed creates an object as soon as the definition that allows it is served.
func (w *world) createOnceServed(o *unstructured.Unstructured) {
	w.Helper()
	w.eventually(func(c *assert.CollectT) { assert.NoError(c, w.client.Create(w.Context(), o)) }, "the definition is served")
}

func (w *world) categories() []string {
	if d := w.definition(); d != nil {
		return d.Spec.Names.Categories
	}
	return nil
}

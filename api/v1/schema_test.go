package v1_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	apiv1 "postgres-operator/api/v1"
)

// admission is what an API server does with a new object of a kind: it drops or refuses unknown fields,
// sets defaults, and checks schema and CEL rules. The code is the API server's.
type admission struct {
	structural *structuralschema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
}

func newAdmission(t testing.TB, kind string) admission {
	t.Helper()
	crd := internalCRD(t, kind)
	openAPI := crd.Spec.Validation
	if openAPI == nil {
		openAPI = crd.Spec.Versions[0].Schema
	}
	structural, err := structuralschema.NewStructural(openAPI.OpenAPIV3Schema)
	require.NoError(t, err)
	schema, _, err := validation.NewSchemaValidator(openAPI.OpenAPIV3Schema)
	require.NoError(t, err)
	return admission{structural, schema, cel.NewValidator(structural, true, celconfig.PerCallLimit)}
}

// internalCRD returns a definition as the API server sees it, with its defaults.
func internalCRD(t testing.TB, kind string) *apiextensions.CustomResourceDefinition {
	t.Helper()
	crds, err := apiv1.CRDs()
	require.NoError(t, err)
	i := slices.IndexFunc(crds, func(c *apiextensionsv1.CustomResourceDefinition) bool { return c.Spec.Names.Kind == kind })
	require.GreaterOrEqual(t, i, 0, "no CRD for kind %s", kind)
	apiextensionsv1.SetDefaults_CustomResourceDefinition(crds[i])
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crds[i].Spec)
	crds[i].Status.StoredVersions = []string{"v1"}
	internal := &apiextensions.CustomResourceDefinition{}
	require.NoError(t, apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crds[i], internal, nil))
	return internal
}

// create returns the object as it would be stored, and what the API server would say against it.
func (a admission) create(object map[string]any) (stored map[string]any, unknown []string, errs field.ErrorList) {
	stored = clone(object)
	if metadata, ok := stored["metadata"].(map[string]any); !ok || metadata["name"] == nil {
		return stored, nil, field.ErrorList{field.Required(field.NewPath("metadata", "name"), "name or generateName is required")}
	}
	unknown = pruning.PruneWithOptions(stored, a.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	defaulting.PruneNonNullableNullsWithoutDefaults(stored, a.structural)
	defaulting.Default(stored, a.structural)
	errs = validation.ValidateCustomResource(nil, stored, a.schema)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, a.structural, stored)...)
	if len(errs) == 0 {
		errs, _ = a.rules.Validate(context.Background(), nil, a.structural, stored, nil, celconfig.RuntimeCELCostBudget)
	}
	return stored, unknown, errs
}

func clone(object map[string]any) map[string]any {
	text, err := json.Marshal(object)
	if err != nil {
		panic(fmt.Sprintf("an object from JSON goes back to JSON: %v", err))
	}
	return fromJSON(text)
}

// fromJSON keeps integers apart from floating point numbers, as Kubernetes does.
func fromJSON(text []byte) map[string]any {
	var object map[string]any
	if err := yaml.Unmarshal(text, &object); err != nil {
		panic(fmt.Sprintf("not JSON: %v", err))
	}
	return integers(object).(map[string]any)
}

func integers(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for k, v := range value {
			value[k] = integers(v)
		}
	case []any:
		for i, v := range value {
			value[i] = integers(v)
		}
	case float64:
		if value == float64(int64(value)) {
			return int64(value)
		}
	}
	return value
}

func kinds() []string {
	return []string{apiv1.KindPostgresql, apiv1.KindOperatorConfiguration, apiv1.KindPostgresTeam, apiv1.KindFleetRollout}
}

// The API server must take the definitions, CEL rules and their cost included.
func TestCRDsAreValid(t *testing.T) {
	for _, kind := range kinds() {
		t.Run(kind, func(t *testing.T) {
			require.Empty(t, crdvalidation.ValidateCustomResourceDefinition(context.Background(), internalCRD(t, kind)))
		})
	}
}

// The operator registers what kubectl users install.
func TestEmbeddedCRDsAreThoseOfManifests(t *testing.T) {
	files, err := filepath.Glob("crds/*.yaml")
	require.NoError(t, err)
	require.Len(t, files, len(kinds()))
	for _, file := range files {
		embedded, err := os.ReadFile(file)
		require.NoError(t, err)
		installed, err := os.ReadFile(filepath.Join(manifestsDir, filepath.Base(file)))
		require.NoError(t, err)
		require.Equal(t, string(embedded), string(installed), "run make generate")
	}
}

// Clients, scripts and other tools know the kinds by these names.
func TestCRDNames(t *testing.T) {
	for kind, want := range map[string]apiextensions.CustomResourceDefinitionNames{
		apiv1.KindPostgresql:            {Plural: "postgresqls", Singular: "postgresql", ShortNames: []string{"pg"}},
		apiv1.KindOperatorConfiguration: {Plural: "operatorconfigurations", Singular: "operatorconfiguration", ShortNames: []string{"opconfig"}},
		apiv1.KindPostgresTeam:          {Plural: "postgresteams", Singular: "postgresteam", ShortNames: []string{"pgteam"}},
		apiv1.KindFleetRollout:          {Plural: "fleetrollouts", Singular: "fleetrollout", ShortNames: []string{"fleet"}},
	} {
		crd := internalCRD(t, kind)
		want.Kind, want.ListKind, want.Categories = kind, kind+"List", []string{"all"}
		require.Equal(t, want, crd.Spec.Names)
		require.Equal(t, want.Plural+".acid.zalan.do", crd.Name)
		require.Equal(t, map[string]string{"app.kubernetes.io/name": "postgres-operator"}, crd.Labels)
		require.Equal(t, apiextensions.NamespaceScoped, crd.Spec.Scope)
	}
}

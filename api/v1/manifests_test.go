package v1_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	apiv1 "postgres-operator/api/v1"
)

const manifestsDir = "../../manifests"

// documents returns the YAML documents of a file in manifests/.
func documents(t testing.TB, file string) [][]byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(manifestsDir, file))
	require.NoError(t, err)
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	var docs [][]byte
	for {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return docs
		}
		require.NoError(t, err)
		docs = append(docs, doc)
	}
}

// Every file in manifests/ is strictly what it says it is, so that a typing error in one is found here
// and not by a user.
func TestManifestsDecodeStrictly(t *testing.T) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		apiv1.AddToScheme, appsv1.AddToScheme, corev1.AddToScheme, rbacv1.AddToScheme, apiextensionsv1.AddToScheme,
	} {
		require.NoError(t, add(scheme))
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	files, err := filepath.Glob(filepath.Join(manifestsDir, "*.yaml"))
	require.NoError(t, err)
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		for _, doc := range documents(t, filepath.Base(file)) {
			_, _, err := decoder.Decode(doc, nil, nil)
			require.NoError(t, err, file)
		}
	}
}

// The example clusters are accepted by the API server and by Validate.
func TestExampleClusters(t *testing.T) {
	a := newAdmission(t, apiv1.KindPostgresql)
	for _, file := range []string{"minimal-postgres-manifest.yaml", "complete-postgres-manifest.yaml", "standby-manifest.yaml", "pooler-postgres-manifest.yaml"} {
		t.Run(file, func(t *testing.T) {
			for _, doc := range documents(t, file) {
				requireAccepted(t, a, doc)
			}
		})
	}
}

// What is commented out in the complete example is valid, too.
func TestCompleteExampleUncommented(t *testing.T) {
	doc := uncommentedExample(t)
	requireAccepted(t, newAdmission(t, apiv1.KindPostgresql), doc)

	var object map[string]any
	require.NoError(t, yaml.Unmarshal(doc, &object))
	var missing []string
	schema := internalCRD(t, apiv1.KindPostgresql).Spec.Validation.OpenAPIV3Schema.Properties["spec"]
	for name := range schema.Properties {
		if _, ok := object["spec"].(map[string]any)[name]; !ok {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	require.Empty(t, missing, "the complete example shows every field")
}

// uncommentedExample is the complete example cluster with all that is commented out in it.
func uncommentedExample(t testing.TB) []byte {
	text := documents(t, "complete-postgres-manifest.yaml")[0]
	before, spec, found := bytes.Cut(text, []byte("\nspec:"))
	require.True(t, found)
	spec = regexp.MustCompile(`(?m)^( *)# (\w[\w-]*:|- |  )`).ReplaceAll(spec, []byte("$1$2"))
	return slices.Concat(before, []byte("\nspec:"), spec)
}

func requireAccepted(t *testing.T, a admission, doc []byte) {
	t.Helper()
	pg, err := apiv1.DecodeStrict(doc)
	require.NoError(t, err)
	require.Empty(t, apiv1.Validate(pg))
	text, err := yaml.YAMLToJSON(doc)
	require.NoError(t, err)
	_, unknown, errs := a.create(fromJSON(text))
	require.Empty(t, unknown)
	require.Empty(t, errs)
}

// The example configuration object shows every option, and the API server takes it as it is and with
// its examples.
func TestExampleOperatorConfiguration(t *testing.T) {
	a := newAdmission(t, apiv1.KindOperatorConfiguration)
	text := documents(t, "postgresql-operator-default-configuration.yaml")[0]
	uncommented := regexp.MustCompile(`(?m)^( *)# (\w+: )`).ReplaceAll(text, []byte("$1$2"))
	for _, doc := range [][]byte{text, uncommented} {
		asJSON, err := yaml.YAMLToJSON(doc)
		require.NoError(t, err)
		_, unknown, errs := a.create(fromJSON(asJSON))
		require.Empty(t, unknown)
		require.Empty(t, errs)
	}

	var object map[string]any
	require.NoError(t, yaml.Unmarshal(uncommented, &object))
	configuration := object["configuration"].(map[string]any)
	schema := internalCRD(t, apiv1.KindOperatorConfiguration).Spec.Validation.OpenAPIV3Schema.Properties["configuration"]
	for name, option := range schema.Properties {
		require.Contains(t, configuration, name)
		for inner := range option.Properties {
			require.Contains(t, configuration[name], inner, "in group %s", name)
		}
	}
}

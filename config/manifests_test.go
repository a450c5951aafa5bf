package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// TestShippedConfigurations loads what we ship in either form: every key is
// known and good.
func TestShippedConfigurations(t *testing.T) {
	files, err := filepath.Glob("../manifests/*.yaml")
	require.NoError(t, err)
	loaded := 0
	for _, file := range files {
		var m struct {
			Kind          string
			Data          map[string]string
			Configuration map[string]any
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if yaml.Unmarshal(text, &m) != nil {
			continue // several documents, none of them a configuration
		}
		var c Config
		switch m.Kind {
		case "ConfigMap":
			c, err = FromConfigMap(m.Data, "default")
		case "OperatorConfiguration":
			c, err = FromObject(m.Configuration, "default")
		default:
			continue
		}
		require.NoError(t, err, file)
		require.Empty(t, c.Warnings, file)
		loaded++
	}
	require.NotZero(t, loaded)
}

// TestSchema compares options with the schema of OperatorConfiguration: both
// have the same keys with the same defaults.
func TestSchema(t *testing.T) {
	var crd apiextensionsv1.CustomResourceDefinition
	readYAML(t, "../manifests/operatorconfiguration.crd.yaml", &crd)
	configuration := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["configuration"]

	unknown := map[string]bool{}
	groups := map[string]bool{"": true}
	for _, o := range Options() {
		groups[o.Group] = true
	}
	for key, p := range configuration.Properties {
		if !groups[key] {
			unknown[key] = true
			continue
		}
		for inner := range p.Properties {
			unknown[key+"."+inner] = true
		}
	}
	for _, o := range Options() {
		if o.Only == formConfigMap {
			continue
		}
		properties := configuration.Properties
		if o.Group != "" {
			properties = properties[o.Group].Properties
		}
		p, ok := properties[o.Key]
		require.True(t, ok, "%s is not in the schema", o.Path)
		delete(unknown, o.Path)
		if p.Default == nil {
			require.Empty(t, o.Schema, "the schema has no default for %s", o.Path)
		} else {
			requireDefault(t, o, p.Default.Raw)
		}
		for _, value := range p.Enum {
			if len(o.Allowed) > 0 {
				var text string
				require.NoError(t, json.Unmarshal(value.Raw, &text))
				require.Contains(t, o.Allowed, text, o.Path)
			}
		}
	}
	require.Empty(t, unknown, "in the schema, but no options")
}

// requireDefault compares a default of the schema by what it loads to.
func requireDefault(t *testing.T, o Option, raw []byte) {
	var value any
	require.NoError(t, json.Unmarshal(raw, &value))
	stated, err := FromObject(nested(o, value), "op")
	require.NoError(t, err)
	left, err := FromObject(nested(o, nil), "op")
	require.NoError(t, err)
	require.Equal(t, fieldOf(left, o.Field), fieldOf(stated, o.Field), fmt.Sprintf("default of %s", o.Path))
}

func readYAML(t *testing.T, file string, into any) {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into), file)
}

// FuzzFromConfigMap gives single options anything: a value is taken or refused
// by name, and what is taken can be printed.
func FuzzFromConfigMap(f *testing.F) {
	for _, seed := range []string{"", "1", "true", "a:b", "Sat:01:00-02:00", "{kind: ServiceAccount}", "[{name: a}]", "\x00"} {
		f.Add(uint(3), seed)
	}
	options := Options()
	f.Fuzz(func(t *testing.T, which uint, value string) {
		key := options[which%uint(len(options))].Key
		c, err := FromConfigMap(map[string]string{key: value}, "op")
		if err != nil {
			var bad *KeyError
			require.ErrorAs(t, err, &bad)
			require.Equal(t, key, bad.Key)
			return
		}
		require.NotEmpty(t, c.String())
		require.NotEmpty(t, c.Digest())
		require.Empty(t, Diff(c, c))
	})
}

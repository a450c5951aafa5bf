package main

import (
	"fmt"

	"sigs.k8s.io/yaml"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/config"
)

// offlineNamespace is where the operator is taken to run when there is no cluster to ask.
const offlineNamespace = "default"

// parseConfig reads a ConfigMap, an OperatorConfiguration, or the flat keys and values of a ConfigMap, for an
// operator in a namespace.
func parseConfig(content []byte, namespace string) (config.Config, error) {
	var object struct {
		Kind          string            `json:"kind"`
		Data          map[string]string `json:"data"`
		Configuration map[string]any    `json:"configuration"`
	}
	var flat map[string]any
	if err := yaml.Unmarshal(content, &flat); err != nil {
		return config.Config{}, err
	}
	if _, isObject := flat["kind"]; isObject {
		if err := yaml.Unmarshal(content, &object); err != nil {
			return config.Config{}, err
		}
		switch object.Kind {
		case "ConfigMap":
			return config.FromConfigMap(object.Data, namespace)
		case apiv1.KindOperatorConfiguration:
			return config.FromObject(object.Configuration, namespace)
		}
		return config.Config{}, fmt.Errorf("kind %q is neither ConfigMap nor %s", object.Kind, apiv1.KindOperatorConfiguration)
	}
	data := make(map[string]string, len(flat))
	for key, value := range flat {
		switch v := value.(type) {
		case nil:
			data[key] = ""
		case string, bool, float64, int64:
			data[key] = fmt.Sprint(v)
		default:
			return config.Config{}, fmt.Errorf("%s: a list or object is not allowed here: in this form every value is a text", key)
		}
	}
	return config.FromConfigMap(data, namespace)
}

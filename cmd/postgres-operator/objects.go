package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"postgres-operator/config"
	"postgres-operator/render"
)

// givenObject is a ConfigMap or Secret that stands in for one of a cluster.
type givenObject struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Data       map[string]string `json:"data"`
	StringData map[string]string `json:"stringData"`
}

// givenObjects are those of the file of --with. Where one has no namespace it fits any.
type givenObjects []givenObject

func readObjects(path string) (givenObjects, error) {
	if path == "" {
		return nil, nil
	}
	content, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return decodeObjects(content, path)
}

func decodeObjects(content []byte, path string) (givenObjects, error) {
	var objects givenObjects
	for decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), len(content)+1); ; {
		var o givenObject
		err := decoder.Decode(&o)
		switch {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, fmt.Errorf("objects %s: %w", path, err)
		case o.Kind == "":
			continue // an empty document
		case o.Kind != "ConfigMap" && o.Kind != "Secret":
			return nil, fmt.Errorf("objects %s: kind %q is neither ConfigMap nor Secret", path, o.Kind)
		}
		objects = append(objects, o)
	}
}

func (g givenObjects) find(kind, name string, namespaces ...string) *givenObject {
	for i := range g {
		o := &g[i]
		if o.Kind == kind && o.Metadata.Name == name && name != "" &&
			(o.Metadata.Namespace == "" || slices.Contains(namespaces, o.Metadata.Namespace)) {
			return o
		}
	}
	return nil
}

// observed is what a controller would read of the objects that the configuration names.
func (g givenObjects) observed(c config.Config, namespace string) render.Observed {
	var observed render.Observed
	keys := func(name string) []string {
		secret := g.find("Secret", name, namespace)
		if secret == nil {
			return nil
		}
		all := append([]string{}, slices.Sorted(maps.Keys(secret.Data))...)
		return append(all, slices.Sorted(maps.Keys(secret.StringData))...)
	}
	observed.PodEnvironmentSecret = keys(c.PodEnvironmentSecret)
	observed.BackupEnvironmentSecret = keys(c.LogicalBackupCronjobEnvironmentSecret)
	observed.BackupEnvironmentSecret = keys(c.LogicalBackupCronjobEnvironmentSecret)
	name := c.PodEnvironmentConfigMap
	if configMap := g.find("ConfigMap", name.Name, name.Namespace, namespace); configMap != nil {
		observed.PodEnvironmentConfigMap = map[string]string{}
		maps.Copy(observed.PodEnvironmentConfigMap, configMap.Data)
	}
	return observed
}

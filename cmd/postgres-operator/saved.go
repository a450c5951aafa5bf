package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// readSaved reads the objects of a file, or of all files *.yaml, *.yml and *.json below a directory: what
// kubectl get -o yaml prints.
func readSaved(path string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	err := filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if extension := filepath.Ext(file); file != path && extension != ".yaml" && extension != ".yml" && extension != ".json" {
			return nil
		}
		found, err := readSavedFile(file)
		objects = append(objects, found...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read saved objects: %w", err)
	}
	if len(objects) == 0 {
		return nil, fmt.Errorf("read saved objects: %s holds none", path)
	}
	return objects, nil
}

func readSavedFile(file string) ([]*unstructured.Unstructured, error) {
	content, err := readFile(file)
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), len(content)+1); ; {
		var document runtime.RawExtension
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if text := bytes.TrimSpace(document.Raw); len(text) == 0 || string(text) == "null" {
			continue
		}
		o := &unstructured.Unstructured{}
		if err := o.UnmarshalJSON(document.Raw); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		switch {
		case o.IsList() || strings.HasSuffix(o.GetKind(), "List"):
			err = o.EachListItem(func(item runtime.Object) error {
				if one, ok := item.(*unstructured.Unstructured); ok {
					objects = append(objects, one)
				}
				return nil
			})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		case o.GetName() == "":
			return nil, fmt.Errorf("%s: a document is no object of Kubernetes: it has no name", file)
		default:
			objects = append(objects, o)
		}
	}
}

package testenv

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

// Recorded is a file of testdata/adoption: a manifest, options of the
// configuration beside the shipped ones, objects of others that these refer to,
// and the objects that Zalando's operator v2.0.1 makes of them. The texts hold
// the placeholders %NAMESPACE% and %UID%, of the manifest.
type Recorded struct {
	Manifest, Config, Others, Objects string
}

// ReadRecorded reads a file of testdata/adoption.
func ReadRecorded(path string) (Recorded, error) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		return Recorded{}, err
	}
	var r Recorded
	for _, f := range archive.Files {
		text := map[string]*string{"manifest.yaml": &r.Manifest, "config.yaml": &r.Config, "others.yaml": &r.Others, "objects.yaml": &r.Objects}[f.Name]
		if text == nil {
			return r, fmt.Errorf("%s: a file %s is not known", path, f.Name)
		}
		*text = string(f.Data)
	}
	return r, nil
}

// In returns the same for a namespace and the uid that the manifest has there.
func (r Recorded) In(namespace, uid string) Recorded {
	fill := strings.NewReplacer("%NAMESPACE%", namespace, "%UID%", uid)
	return Recorded{fill.Replace(r.Manifest), fill.Replace(r.Config), fill.Replace(r.Others), fill.Replace(r.Objects)}
}

// AsSent reads YAML documents strictly into Kubernetes' own types, and returns
// them as these are sent: with the empty fields that the requests of any
// operator built on client-go have.
func AsSent(text string) ([]*unstructured.Unstructured, error) {
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	var objects []*unstructured.Unstructured
	for documents := kubeyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text))); ; {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		typed, gvk, err := decoder.Decode(document, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("%w in\n%s", err, document)
		}
		content, err := json.Marshal(typed)
		if err != nil {
			return nil, err
		}
		o := &unstructured.Unstructured{}
		if err := json.Unmarshal(content, &o.Object); err != nil {
			return nil, err
		}
		o.SetGroupVersionKind(*gvk)
		objects = append(objects, o)
	}
}

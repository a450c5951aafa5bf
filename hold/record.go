package hold

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"

	kjson "k8s.io/apimachinery/pkg/util/json"
)

// Record is what stands on a StatefulSet about its pod template, so that it can be told later what of a
// new one comes from where, and what it was before somebody else changed it.
type Record struct {
	Manifest map[string]any `json:"manifest"` // that the template was made from
	Template Template       `json:"template"` // as it was applied
}

// maxRecord bounds what is read back; an API server holds 1.5 MB at most.
const maxRecord = 4 << 20

// ParseRecord reads the text of a record.
func ParseRecord(text string) (Record, error) {
	var r Record
	zipped, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader([]byte(text))))
	if err != nil {
		return r, fmt.Errorf("read record of the pod template: %w", err)
	}
	plain, err := io.ReadAll(io.LimitReader(zipped, maxRecord))
	if err != nil {
		return r, fmt.Errorf("read record of the pod template: %w", err)
	}
	fields, err := parse(plain)
	if err != nil {
		return r, fmt.Errorf("read record of the pod template: %w", err)
	}
	r.Manifest, _ = fields["manifest"].(map[string]any)
	r.Template, _ = fields["template"].(map[string]any)
	if r.Manifest == nil || r.Template == nil {
		return r, fmt.Errorf("read record of the pod template: it has no manifest or no template")
	}
	return r, nil
}

// Text writes a record. What says the same already stays as it is, byte for byte.
func (r Record) Text(present string) (string, error) {
	plain, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("write record of the pod template: %w", err)
	}
	before, err := ParseRecord(present)
	if err == nil && Equal(before.Manifest, r.Manifest) && Equal(before.Template, r.Template) {
		return present, nil
	}
	var text bytes.Buffer
	encoder := base64.NewEncoder(base64.StdEncoding, &text)
	zipper := gzip.NewWriter(encoder)
	_, err = zipper.Write(plain)
	for _, end := range []func() error{zipper.Close, encoder.Close} {
		if err == nil {
			err = end()
		}
	}
	if err != nil {
		return "", fmt.Errorf("write record of the pod template: %w", err)
	}
	return text.String(), nil
}

// Plain is a value as generic JSON.
func Plain(v any) (map[string]any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return parse(text)
}

// Equal compares generic JSON.
func Equal(a, b map[string]any) bool {
	one, err := json.Marshal(a)
	if err != nil {
		return false
	}
	other, err := json.Marshal(b)
	return err == nil && bytes.Equal(one, other)
}

// FromRevision is the template in a ControllerRevision of a StatefulSet; nil where there is none.
func FromRevision(data []byte) (Template, error) {
	content, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("read revision: %w", err)
	}
	spec, _ := content["spec"].(map[string]any)
	template, _ := spec["template"].(map[string]any)
	delete(template, "$patch")
	if metadata, ok := template["metadata"].(map[string]any); ok {
		delete(metadata, "creationTimestamp")
	}
	return template, nil
}

// parse reads JSON with whole numbers as int64, as Kubernetes objects have them.
func parse(text []byte) (map[string]any, error) {
	var out map[string]any
	if err := kjson.Unmarshal(text, &out); err != nil {
		return nil, err
	}
	return out, nil
}

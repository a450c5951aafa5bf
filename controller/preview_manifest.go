package controller

import (
	"encoding/json"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	apiv1 "postgres-operator/api/v1"
)

// lastApplied is the metadata with which kubectl last applied a manifest, empty if it never did.
func lastApplied(pg *apiv1.Postgresql) (metav1.ObjectMeta, error) {
	var last struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
	}
	text := pg.Annotations[corev1.LastAppliedConfigAnnotation]
	if text == "" {
		return last.Metadata, nil
	}
	err := json.Unmarshal([]byte(text), &last)
	return last.Metadata, err
}

// laidOver is what kubectl apply makes of labels or annotations: those that it applied last go, those of
// others stay.
func laidOver(live, applied, given map[string]string) map[string]string {
	merged := maps.Clone(live)
	for key := range applied {
		delete(merged, key)
	}
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, given)
	return merged
}

package controller

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"

	apiv1 "postgres-operator/api/v1"
	"postgres-operator/hold"
	"postgres-operator/names"
)

// recorded is the part of a manifest that templates see.
type recorded struct {
	Labels      map[string]string  `json:"labels,omitempty"`
	Annotations map[string]string  `json:"annotations,omitempty"`
	Spec        apiv1.PostgresSpec `json:"spec"`
}

// manifestRecord is a manifest as it stands in a record.
func manifestRecord(pg *apiv1.Postgresql) (map[string]any, error) {
	annotations := maps.Clone(pg.Annotations)
	for _, ours := range []string{corev1.LastAppliedConfigAnnotation, names.FleetChange, names.FleetChangePolicy} {
		delete(annotations, ours)
	}
	plain, err := hold.Plain(recorded{Labels: pg.Labels, Annotations: annotations, Spec: pg.Spec})
	if err != nil {
		return nil, fmt.Errorf("record manifest: %w", err)
	}
	return plain, nil
}

// restoreManifest makes a manifest what a record says that it was.
func restoreManifest(record map[string]any, pg *apiv1.Postgresql) error {
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	var r recorded
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	pg.Labels, pg.Annotations, pg.Spec = r.Labels, r.Annotations, r.Spec
	return nil
}

// renderedFrom names the inputs of this pass.
func (p *clusterPass) renderedFrom(template string) apiv1.RenderedFrom {
	return apiv1.RenderedFrom{
		Template: template, Generation: p.pg.Generation,
		Operator: p.version, Configuration: p.configurationDigest(), Overlays: p.sources,
	}
}

// configurationDigest names the configuration together with the environment that it brings into pods.
func (p *clusterPass) configurationDigest() string {
	environment, err := json.Marshal([]any{p.input.Observed.PodEnvironmentConfigMap, p.input.Observed.PodEnvironmentSecret})
	if err != nil {
		environment = nil // maps of strings are JSON
	}
	sum := sha256.Sum256(append([]byte(p.config.Digest()), environment...))
	return hex.EncodeToString(sum[:6])
}

// keepRenderedFrom: the template that stays was made from the inputs of an earlier pass, but for what a
// changed manifest has added.
func (p *clusterPass) keepRenderedFrom() {
	now := p.holding.from
	p.holding.from = apiv1.RenderedFrom{}
	if before := p.pg.Status.Rendered; before != nil {
		p.holding.from = *before
	}
	p.holding.from.Template, p.holding.from.Generation = hold.Digest(p.holding.Template), now.Generation
}

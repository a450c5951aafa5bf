package render

// Untrusting is a renderer that checks the input of each render against the
// contract in input.cue.
func (r *Renderer) Untrusting() *Renderer {
	return &Renderer{sources: r.sources, trusted: r.sources, idle: make(chan *evaluator, 1), attention: everything()}
}

// ReadsManifest tells whether the templates are given the manifest.
func (r *Renderer) ReadsManifest() bool { return r.attention.readsManifest() }

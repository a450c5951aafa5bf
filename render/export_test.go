package render

// Untrusting is a renderer that checks the input of each render against the
// contract in input.cue.
func (r *Renderer) Untrusting() *Renderer {
	always := &program{
		sources: r.always.sources, trusted: r.always.sources, layers: r.always.layers,
		idle: make(chan *evaluator, 1), attention: everything(),
	}
	return &Renderer{overlays: r.overlays, builtIn: r.builtIn, always: always, allFor: r.allFor, programs: map[string]*program{}}
}

// ReadsManifest tells whether the templates are given the manifest.
func (r *Renderer) ReadsManifest() bool { return r.always.attention.readsManifest() }

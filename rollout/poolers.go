package rollout

// PoolerPhase is how far the poolers of the primary have been held back, as it stands on their object.
type PoolerPhase string

// The phases.
const (
	// Flowing: queries pass.
	Flowing PoolerPhase = ""

	// Pausing: somebody has begun to pause them, and may not have come to its end.
	Pausing PoolerPhase = "pausing"

	// Paused: all that can be paused are.
	Paused PoolerPhase = "paused"
)

// Poolers are the connection poolers in front of the primary. Around a switchover their clients are
// held back, which costs these time, but no error.
type Poolers struct {
	// Pausable tells that there are some whose clients give back a connection after each transaction.
	// Those of sessions would have to leave first.
	Pausable bool

	Phase PoolerPhase

	// Overdue: they have been held back for as long as clients bear.
	Overdue bool

	// Serving: the Service that poolers connect to leads to a primary which takes writes.
	Serving bool
}

// inStep puts the pause of poolers around a switchover, and nothing else: whatever comes next, they are
// resumed before it.
func (p Poolers) inStep(step Step) Step {
	switch {
	case p.Phase == Flowing:
		if step.Kind == Switchover && p.Pausable {
			step.Kind = PausePoolers
		}
		return step
	case p.Overdue:
		return Step{Kind: ResumePoolers, Reason: "clients cannot wait any longer", Verdicts: step.Verdicts}
	case step.Kind == Switchover && p.Phase == Pausing:
		step.Kind = PausePoolers
		return step
	case step.Kind == Switchover:
		return step
	case p.Serving:
		return Step{Kind: ResumePoolers, Reason: "the primary takes writes", Verdicts: step.Verdicts}
	}
	return Step{Kind: Wait, Reason: "the connection poolers are paused", Waiting: "the primary takes writes", Verdicts: step.Verdicts}
}

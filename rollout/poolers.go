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
// resumed before it. A switchover that Patroni is carrying out is not asked for again: another candidate
// would take the place of the first one, halfway.
func (s State) inStep(step Step) Step {
	held := s.Poolers.Phase != Flowing
	switch {
	case held && s.Poolers.Overdue:
		return Step{Kind: ResumePoolers, Reason: "clients cannot wait any longer"}
	case s.Switching && (held || step.Kind == Switchover):
		return Step{Kind: Wait, Pod: step.Pod, UID: step.UID, Reason: step.Reason, Waiting: "Patroni carries out the switchover"}
	case step.Kind == Switchover:
		if s.Poolers.Phase == Pausing || !held && s.Poolers.Pausable {
			step.Kind = PausePoolers
		}
		return step
	case !held:
		return step
	case s.Poolers.Serving:
		return Step{Kind: ResumePoolers, Reason: "the primary takes writes"}
	}
	return Step{Kind: Wait, Reason: "the connection poolers are paused", Waiting: "the primary takes writes"}
}

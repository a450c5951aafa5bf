package rollout

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Kind is what a Step does.
type Kind string

// The kinds of steps.
const (
	// None: every pod is as it should be.
	None Kind = "None"

	// Wait: something is to be done, but not now. Waiting says for what.
	Wait Kind = "Wait"

	// Annotate a running pod: only annotations differ, so nothing restarts.
	Annotate Kind = "Annotate"

	// RestartPostgres in place, by Patroni's POST /restart: only parameters differ.
	RestartPostgres Kind = "RestartPostgres"

	// Recreate a pod: delete it, with UID as precondition.
	Recreate Kind = "Recreate"

	// Switchover from Pod to Candidate, after which Pod is a replica like the others.
	Switchover Kind = "Switchover"

	// PausePoolers before the switchover from Pod to Candidate, and ResumePoolers after it.
	PausePoolers  Kind = "PausePoolers"
	ResumePoolers Kind = "ResumePoolers"
)

// Step is the next thing to do. Its texts are stable: the same state gives the same text, without
// times and numbers that change by themselves.
type Step struct {
	Kind Kind

	// Pod that the step is about, with its UID.
	Pod string
	UID types.UID

	// Candidate is the new leader of a switchover.
	Candidate string

	// Annotations to set on the pod, and with nil to remove. Those of RestartPostgres are set after it.
	Annotations map[string]*string

	// Mark are pods that get the annotations Marks before the step is done.
	Mark []string

	// Reason says why: what of the pod differs, old → new.
	Reason string

	// Waiting says what has to happen first.
	Waiting string

	// Until is when the wait is over; zero when that is not known.
	Until time.Time

	// Stuck is true when the wait takes longer than it may.
	Stuck bool

	// Verdicts of all pods.
	Verdicts []Verdict
}

// String is the step in one line.
func (s Step) String() string {
	text := string(s.Kind)
	if s.Pod != "" {
		text += " " + s.Pod
	}
	if s.Candidate != "" {
		text += " to " + s.Candidate
	}
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	if s.Waiting != "" {
		text += fmt.Sprintf(" (waits: %s)", s.Waiting)
	}
	return text
}

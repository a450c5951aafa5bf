package hold

// Policy says when a change of the fleet that restarts pods may reach a cluster.
type Policy string

// The policies.
const (
	// Auto: at once, or in its wave where there are waves.
	Auto Policy = "auto"
	// Window: while a maintenance window is open.
	Window Policy = "window"
	// Approve: when somebody says so.
	Approve Policy = "approve"
)

// Valid tells whether a text is a policy.
func (p Policy) Valid() bool { return p == Auto || p == Window || p == Approve }

// Approved is the word by which people approve whatever waits just now. It becomes the digest of that.
const Approved = "approved"

// Wait is what a change waits for.
type Wait string

// What there is to wait for.
const (
	Nothing  Wait = ""
	Approval Wait = "Approval"
	AWindow  Wait = "Window"
	Wave     Wait = "Wave"
)

// Gate is what lets a change through, or not.
type Gate struct {
	Policy   Policy
	Approval string // digest of the approved template
	InWindow bool   // a maintenance window is open, or there are none
	Waves    bool   // changes go through the fleet in waves
	Granted  string // digest of the template that the cluster's wave is about; empty before its turn
}

// wait says what keeps the change to a template from going through. An approval always lets it: somebody
// has decided about this very cluster. A turn in a wave was given while the window was open.
func (g Gate) wait(digest string) Wait {
	switch {
	case g.Approval == digest || g.Waves && g.Granted == digest:
		return Nothing
	case g.Policy == Approve:
		return Approval
	case g.Policy == Window && !g.InWindow:
		return AWindow
	case g.Waves:
		return Wave
	}
	return Nothing
}

// Closable tells whether the gate holds anything, ever.
func (g Gate) Closable() bool { return g.Policy != Auto || g.Waves }

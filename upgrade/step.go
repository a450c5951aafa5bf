package upgrade

// Kind is what a Step does.
type Kind string

// The kinds of steps.
const (
	// None: the cluster has the version that it is to have.
	None Kind = "None"

	// Forget a failure that no longer matters: the version has been reached, or is not asked for any more.
	Forget Kind = "Forget"

	// Wait: an upgrade is due or under way, and there is nothing to do now.
	Wait Kind = "Wait"

	// Claim the upgrade: from now on there is a run.
	Claim Kind = "Claim"

	// Release a claim; nothing was started.
	Release Kind = "Release"

	// Start the script, unless it is there already.
	Start Kind = "Start"

	// Succeed and Fail end the run.
	Succeed Kind = "Succeed"
	Fail    Kind = "Fail"
)

// Reason is a step's reason in one word.
type Reason string

// The reasons.
const (
	UpToDate    Reason = "UpToDate"
	Unknown     Reason = "VersionUnknown"
	Lowered     Reason = "VersionLowered"
	Off         Reason = "Off"
	Standby     Reason = "StandbyCluster"
	Failed      Reason = "Failed"
	OffHours    Reason = "WaitingForMaintenanceWindow"
	NotReady    Reason = "WaitingForMembers"
	InProgress  Reason = "InProgress"
	Interrupted Reason = "Interrupted"
)

// Step is the next thing to do. Its texts are stable: the same state gives the same text.
type Step struct {
	Kind    Kind
	Reason  Reason
	Message string
}

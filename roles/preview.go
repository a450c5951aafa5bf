package roles

import (
	"context"
	"slices"
)

// Preview is what Sync would do: the statements in order, to be printed with passwords masked, and what
// stands against the rest. It writes nothing, and the server would refuse it if it tried. Inside databases
// that do not exist yet it assumes what a fresh template1 holds.
func Preview(ctx context.Context, server Connector, want Set, passwords Passwords) (Plan, error) {
	server.readOnly = true
	state, unread, err := Read(ctx, server, want)
	if err != nil {
		return Plan{}, err
	}
	plan := Diff(want, state, passwords)
	plan.Problems = slices.Concat(want.Problems, unread, plan.Problems)
	sortProblems(plan.Problems)
	return plan, nil
}

package upgrade

import "fmt"

// maximumLag in bytes of a replica that may still be behind: what it lacks is fetched when the primary
// stops in order.
const maximumLag = 16 << 20

// Problem is why the members are in no state for an upgrade, empty when they are.
func (s State) Problem() string {
	if s.Unsettled != "" {
		return s.Unsettled
	}
	if s.primary() == nil {
		return "no member is primary"
	}
	if len(s.Members) != s.Expected {
		return fmt.Sprintf("%d of %d members are there", len(s.Members), s.Expected)
	}
	for _, m := range s.Members {
		if problem := m.problem(); problem != "" {
			return problem
		}
	}
	return ""
}

func (m Member) problem() string {
	switch {
	case !m.Answers:
		return fmt.Sprintf("Patroni in pod %s does not answer", m.Pod)
	case m.State != "running":
		return fmt.Sprintf("Postgres in pod %s is %s", m.Pod, m.State)
	case m.primary():
		return ""
	case !m.Streams:
		return fmt.Sprintf("replica %s does not stream", m.Pod)
	case m.Lag < 0:
		return fmt.Sprintf("the lag of replica %s is unknown", m.Pod)
	case m.Lag > maximumLag:
		return fmt.Sprintf("replica %s lags more than %d MiB behind", m.Pod, maximumLag>>20)
	}
	return ""
}

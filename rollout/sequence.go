package rollout

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Sequence are the steps that Plan asks for one after the other, as long as each does what it should and
// nothing else happens: the pod comes back with the new template, its member streams, the candidate leads.
// It ends when nothing is left to do, or with the step that waits for something which is not so.
func Sequence(s State) []Step {
	s.Pods = slices.Clone(s.Pods)
	s.Patroni.Members = slices.Clone(s.Patroni.Members)
	var steps []Step
	for range 4*len(s.Pods) + 6 { // annotated, restarted, switched over and recreated is the most, and poolers wait once
		step := Plan(s)
		if step.Kind == None {
			break
		}
		steps = append(steps, step)
		if step.Kind == Wait {
			break
		}
		s.succeed(step)
	}
	return steps
}

// succeed changes the state to what comes of a step.
func (s *State) succeed(step Step) {
	switch step.Kind {
	case Annotate:
		s.changePod(step.Pod, func(pod *Pod) {
			pod.Annotations = maps.Clone(pod.Annotations)
			for key, value := range step.Annotations {
				if value == nil {
					delete(pod.Annotations, key)
					continue
				}
				if pod.Annotations == nil {
					pod.Annotations = map[string]string{}
				}
				pod.Annotations[key] = *value
			}
		})
	case Recreate:
		s.changePod(step.Pod, func(pod *Pod) { *pod = s.Fresh(pod.Name) })
		s.changeMember(step.Pod, func(m *Member) {
			m.State, m.Lag, m.PendingRestart, m.PendingReason = "streaming", 0, false, nil
			if m.leads() {
				m.State = "running"
			}
		})
	case RestartPostgres:
		s.changeMember(step.Pod, func(m *Member) {
			m.PendingReason = s.keeps(*m)
			m.PendingRestart = len(m.PendingReason) > 0
		})
	case PausePoolers:
		s.Poolers.Phase = Paused
	case ResumePoolers:
		s.Poolers.Phase, s.Poolers.Overdue = Flowing, false
	case Switchover:
		s.Poolers.Serving = true
		role := "replica"
		s.changeMember(step.Candidate, func(m *Member) { role, m.Role = m.Role, "leader" })
		s.changeMember(step.Pod, func(m *Member) { m.Role, m.State, m.Lag = role, "streaming", 0 })
	}
}

// Fresh is the pod of that name as the StatefulSet makes it, when it is ready.
func (s State) Fresh(name string) Pod {
	var pod Pod
	pod.Name, pod.Spec = name, s.Template.Spec
	pod.Labels, pod.Annotations = maps.Clone(s.Template.Labels), maps.Clone(s.Template.Annotations)
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	pod.Labels[RevisionLabel] = s.UpdateRevision
	pod.Status = corev1.PodStatus{
		Phase:      corev1.PodRunning,
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}
	return pod
}

func (s *State) changePod(name string, change func(*Pod)) {
	for i := range s.Pods {
		if s.Pods[i].Name == name {
			change(&s.Pods[i])
		}
	}
}

// changeMember changes Patroni's entry of a pod. One that had none has joined by now.
func (s *State) changeMember(name string, change func(*Member)) {
	for i := range s.Patroni.Members {
		if s.Patroni.Members[i].Name == name {
			change(&s.Patroni.Members[i])
			return
		}
	}
	if len(s.Patroni.Members) > 0 {
		joined := Member{Name: name, Role: "replica", State: "streaming"}
		change(&joined)
		s.Patroni.Members = append(s.Patroni.Members, joined)
	}
}

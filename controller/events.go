package controller

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kevents "k8s.io/client-go/tools/events"
)

// maxEventNote is the API server's limit on the text of an event, in bytes.
const maxEventNote = 1024

// events tells users what happened to a cluster. An event is written when something happened, never
// because it is still so: that is what conditions are for.
type events struct {
	recorder kevents.EventRecorder
}

// note tells of something that went as it should. The reason doubles as the event's action.
func (e events) note(about runtime.Object, reason, text string) {
	e.recorder.Eventf(about, nil, corev1.EventTypeNormal, reason, action(reason), "%s", cut(text))
}

// warn tells of something that a person may have to look at.
func (e events) warn(about runtime.Object, reason, text string) {
	e.recorder.Eventf(about, nil, corev1.EventTypeWarning, reason, action(reason), "%s", cut(text))
}

func action(reason string) string { return strings.ReplaceAll(reason, " ", "") }

func cut(text string) string {
	if len(text) <= maxEventNote {
		return text
	}
	const more = " …"
	return strings.ToValidUTF8(text[:maxEventNote-len(more)], "") + more
}

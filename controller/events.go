package controller

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	kclient "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	kevents "k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// maxEventNote is the API server's limit on the text of an event, in bytes.
const maxEventNote = 1024

// events tells users what happened to a cluster. An event is written when something happened, never
// because it is still so: that is what conditions are for.
type events struct {
	recorder kevents.EventRecorder
	said     *lastWords
}

// startEvents sends events to the API server until the context ends.
func startEvents(ctx context.Context, server *rest.Config, scheme *runtime.Scheme) (events, error) {
	clients, err := kclient.NewForConfig(server)
	if err != nil {
		return events{}, fmt.Errorf("write events: %w", err)
	}
	broadcaster := kevents.NewBroadcaster(&kevents.EventSinkImpl{Interface: clients.EventsV1()})
	if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		return events{}, fmt.Errorf("write events: %w", err)
	}
	context.AfterFunc(ctx, broadcaster.Shutdown)
	return newEvents(broadcaster.NewRecorder(scheme, eventSource)), nil
}

func newEvents(recorder kevents.EventRecorder) events {
	return events{recorder: recorder, said: &lastWords{of: map[topic]words{}}}
}

// note tells of something that went as it should. The reason doubles as the event's action.
func (e events) note(about client.Object, reason, text string) {
	e.write(about, corev1.EventTypeNormal, reason, text)
}

// warn tells of something that a person may have to look at.
func (e events) warn(about client.Object, reason, text string) {
	e.write(about, corev1.EventTypeWarning, reason, text)
}

func (e events) write(about client.Object, kind, reason, text string) {
	version := strconv.FormatInt(about.GetGeneration(), 10)
	if version == "0" { // of kinds that do not count theirs
		version = about.GetResourceVersion()
	}
	if e.said.again(topic{about.GetUID(), reason}, version+": "+text) {
		return
	}
	e.recorder.Eventf(about, nil, kind, reason, action(reason), "%s", cut(text))
}

// cacheLag is how long the status in the cache may lag behind what was just written, at most by far.
const cacheLag = 3 * time.Second

// maxLastWords bounds the memory that objects take which are long gone.
const maxLastWords = 10_000

// lastWords are the newest events of each object, one per reason. What is news is decided by the status
// in the cache: the same words about the same generation before the cache can have caught up are none.
type lastWords struct {
	mu sync.Mutex
	of map[topic]words
}

type topic struct {
	about  types.UID
	reason string
}

type words struct {
	text string
	at   time.Time
}

func (l *lastWords) again(t topic, text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, last := time.Now(), l.of[t]
	if last.text == text && now.Sub(last.at) < cacheLag {
		return true
	}
	if len(l.of) >= maxLastWords {
		clear(l.of)
	}
	l.of[t] = words{text, now}
	return false
}

func action(reason string) string { return strings.ReplaceAll(reason, " ", "") }

func cut(text string) string {
	if len(text) <= maxEventNote {
		return text
	}
	const more = " …"
	return strings.ToValidUTF8(text[:maxEventNote-len(more)], "") + more
}

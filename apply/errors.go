package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reason is what kind of failure an Error is, for conditions and retries.
type Reason string

// The reasons of an Error.
const (
	// Invalid: the API server, or the schema before it, refuses the object.
	// Trying again is of no use before the object changes.
	Invalid Reason = "Invalid"
	// ImmutableField: the difference is in a field that cannot change, and the
	// object's policy is not to recreate it.
	ImmutableField Reason = "ImmutableField"
	// Forbidden: our account lacks a permission, or a quota is exhausted.
	Forbidden Reason = "Forbidden"
	// NamespaceMissing: there is no such namespace, or it is being deleted.
	NamespaceMissing Reason = "NamespaceMissing"
	// KindMissing: the API server does not know the kind.
	KindMissing Reason = "KindMissing"
	// Conflict: the object has changed since it was read, or one of its name
	// exists that is not ours. A later pass sees the new one.
	Conflict Reason = "Conflict"
	// Unavailable: no answer, or one that says to come again.
	Unavailable Reason = "Unavailable"
	// Unknown is everything else.
	Unknown Reason = "Unknown"
)

// Error is a failure to bring one object to its desired state. Its text holds
// no values of Secrets.
type Error struct {
	// Action is what was being done: apply, create, delete, adopt.
	Action string
	Ref    Ref
	Reason Reason
	Err    error
}

// Error is "apply service default/x: …".
func (e *Error) Error() string {
	text := e.Err.Error()
	var status apierrors.APIStatus
	if errors.As(e.Err, &status) && e.Ref.Kind == "Secret" && e.Ref.APIVersion == "v1" {
		text = statusText(status.Status())
	}
	return fmt.Sprintf("%s %s: %s", e.Action, e.Ref, text)
}

// Unwrap gives the API server's answer, for the functions of apimachinery's
// api/errors.
func (e *Error) Unwrap() error { return e.Err }

// statusText is an API server's answer without what it may repeat of the object.
func statusText(status metav1.Status) string {
	words := []string{string(status.Reason)}
	if status.Details != nil {
		for _, cause := range status.Details.Causes {
			words = append(words, strings.TrimSpace(cause.Field+" "+string(cause.Type)))
		}
	}
	slices.Sort(words[1:])
	return strings.Join(words, ", ")
}

// ReasonOf classifies an error of this package or of an API server; empty for
// nil.
func ReasonOf(err error) Reason {
	if err == nil {
		return ""
	}
	if ours, ok := errors.AsType[*Error](err); ok {
		return ours.Reason
	}
	var status apierrors.APIStatus
	isStatus := errors.As(err, &status)
	switch {
	case meta.IsNoMatchError(err):
		return KindMissing
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err),
		apierrors.IsUnsupportedMediaType(err):
		return Invalid
	case apierrors.HasStatusCause(err, "NamespaceTerminating"):
		return NamespaceMissing
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return Forbidden
	case apierrors.IsNotFound(err):
		if isStatus && status.Status().Details != nil && status.Status().Details.Kind == "namespaces" {
			return NamespaceMissing
		}
		return KindMissing
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return Conflict
	case apierrors.IsTimeout(err), apierrors.IsServerTimeout(err), apierrors.IsTooManyRequests(err),
		apierrors.IsServiceUnavailable(err), apierrors.IsInternalError(err),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), !isStatus:
		return Unavailable
	}
	return Unknown
}

func failure(action string, ref Ref, err error) *Error {
	return &Error{Action: action, Ref: ref, Reason: ReasonOf(err), Err: err}
}

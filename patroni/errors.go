package patroni

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// ErrUnknownOutcome says that an operation was sent and no answer came in
// time. Patroni may carry it out, now or soon: look before asking again.
var ErrUnknownOutcome = errors.New("sent, outcome unknown")

// ErrNotBootstrapped says that the cluster has no configuration yet: its first
// member is still starting.
var ErrNotBootstrapped = errors.New("cluster has no configuration yet")

// Error is an answer that refuses the request.
type Error struct {
	Method string
	URL    string
	Status int    // HTTP status; 0 when the request could not be built
	Body   string // beginning of the answer, where Patroni says why
}

func (e *Error) Error() string {
	text := fmt.Sprintf("patroni: %s %s", e.Method, e.URL)
	if e.Status != 0 {
		text += fmt.Sprintf(": %d %s", e.Status, http.StatusText(e.Status))
	}
	if e.Body != "" {
		text += ": " + e.Body
	}
	return text
}

// hasStatus tells that Patroni refused with this status.
func hasStatus(err error, status int) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Status == status
}

// excerpt returns the beginning of an answer on one line. Pages of HTML, which
// Patroni makes where it has nothing to say, repeat the status only.
func excerpt(answer []byte) string {
	if strings.HasPrefix(strings.ToLower(string(bytes.TrimSpace(answer))), "<!doctype html") {
		return ""
	}
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(answer), "?")), " ")
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "..."
	}
	return text
}

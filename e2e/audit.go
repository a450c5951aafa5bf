//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// auditLog is where the API server of `make up` writes a line per request.
const auditLog = "/var/lib/postgres-operator-local/cluster/audit.log"

// request is one line of the audit log (https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/).
type request struct {
	Stage string    `json:"stage"`
	Verb  string    `json:"verb"`
	URI   string    `json:"requestURI"`
	Time  time.Time `json:"requestReceivedTimestamp"`
	User  struct {
		Username string `json:"username"`
	} `json:"user"`
	Object struct {
		Resource  string `json:"resource"`
		Namespace string `json:"namespace"`
	} `json:"objectRef"`
}

func (r request) String() string {
	return fmt.Sprintf("%s %s %s", r.Time.Format("15:04:05.000"), r.Verb, r.URI)
}

// auditMark is a place in the audit log.
type auditMark int64

func markAudit(t *testing.T) auditMark {
	t.Helper()
	info, err := os.Stat(auditLog)
	require.NoError(t, err, "the audit log of the local Kubernetes")
	return auditMark(info.Size())
}

// operatorRequests are the requests that the operator has completed since a mark, but for its lease,
// its watches, and what is about clusters in other namespaces than the given one: somebody else may
// be trying something there. The API server writes the line before it lets the answer go.
func operatorRequests(t *testing.T, since auditMark, namespace string) []request {
	t.Helper()
	file, err := os.Open(auditLog)
	require.NoError(t, err)
	defer file.Close()
	info, err := file.Stat()
	require.NoError(t, err)
	require.GreaterOrEqual(t, info.Size(), int64(since), "the audit log was rotated meanwhile")
	_, err = file.Seek(int64(since), io.SeekStart)
	require.NoError(t, err)
	content, err := io.ReadAll(file)
	require.NoError(t, err)
	var found []request
	for line := range bytes.Lines(content) {
		if line[len(line)-1] != '\n' {
			break // being written
		}
		var r request
		require.NoError(t, json.Unmarshal(line, &r), "audit line %s", line)
		if r.User.Username == operatorUser && r.counts() && slices.Contains([]string{"", operatorNamespace, namespace}, r.Object.Namespace) {
			found = append(found, r)
		}
	}
	return found
}

// counts leaves out what goes on as long as the operator lives.
func (r request) counts() bool {
	return r.Verb != "watch" && r.Object.Resource != "leases" && r.Stage != "ResponseStarted"
}

package patroni

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// quick keeps tests of retries short.
var quick = Options{Timeout: 2 * time.Second, Interval: 5 * time.Millisecond}

// TestRecordings gives the client recorded answers.
func TestRecordings(t *testing.T) {
	files, err := filepath.Glob("../testdata/patroni/*.txtar")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 3)
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		require.NoError(t, err)
		want := string(txtar.Format(a))
		var out []txtar.File
		for _, f := range a.Files {
			if strings.HasPrefix(f.Name, "out/") {
				continue
			}
			out = append(out, f)
			t.Run(filepath.Base(file)+"/"+f.Name, func(t *testing.T) {
				out = append(out, txtar.File{Name: "out/" + f.Name, Data: replay(t, f)})
			})
		}
		a.Files = out
		if *update {
			require.NoError(t, os.WriteFile(file, txtar.Format(a), 0o644))
			continue
		}
		require.Equal(t, want, string(txtar.Format(a)), "run with -update and read the difference")
	}
}

// replay serves one recorded answer and returns what the client makes of it.
func replay(t *testing.T, f txtar.File) []byte {
	words := strings.Fields(f.Name)
	status, body, _ := strings.Cut(string(f.Data), "\n")
	code, err := strconv.Atoi(status)
	require.NoError(t, err)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, words[0]+" "+words[1], r.Method+" "+r.URL.Path)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, strings.TrimSuffix(body, "\n"))
	})
	var result any
	switch words[0] + " " + words[1] {
	case "GET /cluster":
		result, err = c.Cluster(t.Context())
	case "GET /patroni":
		result, err = c.Status(t.Context())
	case "GET /config":
		result, err = c.Config(t.Context())
	case "PATCH /config":
		result, err = c.PatchConfig(t.Context(), map[string]any{"ttl": 30})
	case "POST /restart":
		result, err = c.Restart(t.Context(), RestartRequest{OnlyPending: true})
	case "POST /switchover":
		result, err = c.Switchover(t.Context(), SwitchoverRequest{Leader: "acid-test-0"})
	case "POST /reload":
		result, err = "reload", c.Reload(t.Context())
	default:
		t.Fatalf("no call for %s", f.Name)
	}
	if err != nil {
		return []byte("error: " + strings.ReplaceAll(err.Error(), c.base.Host, "HOST") + "\n")
	}
	text, err := json.MarshalIndent(result, "", " ")
	require.NoError(t, err)
	return append(text, '\n')
}

func serve(t *testing.T, handler http.HandlerFunc) *Client {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := New(server.URL, quick)
	require.NoError(t, err)
	return c
}

func TestRequests(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, test := range []struct {
		want string
		call func(*Client) error
	}{
		{`POST /restart {}`, func(c *Client) error { _, err := c.Restart(t.Context(), RestartRequest{}); return err }},
		{`POST /restart {"restart_pending":true,"timeout":90}`, func(c *Client) error {
			_, err := c.Restart(t.Context(), RestartRequest{OnlyPending: true, Timeout: 90 * time.Second})
			return err
		}},
		{`POST /switchover {"candidate":"b","leader":"a","scheduled_at":"2026-01-02T03:04:05Z"}`, func(c *Client) error {
			_, err := c.Switchover(t.Context(), SwitchoverRequest{Leader: "a", Candidate: "b", At: at})
			return err
		}},
		{`POST /switchover {"leader":"a"}`, func(c *Client) error {
			_, err := c.Switchover(t.Context(), SwitchoverRequest{Leader: "a"})
			return err
		}},
		{`PATCH /config {"pause":true}`, func(c *Client) error { return c.SetPause(t.Context(), true) }},
		{`PATCH /config {"pause":null}`, func(c *Client) error { return c.SetPause(t.Context(), false) }},
		{`POST /reload `, func(c *Client) error { return c.Reload(t.Context()) }},
	} {
		var got string
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = r.Method + " " + r.URL.Path + " " + string(body)
			_, _ = io.WriteString(w, `{"ttl":30}`)
		})
		require.NoError(t, test.call(c))
		require.Equal(t, test.want, got)
	}
}

// breakFirst closes the first n connections without an answer.
func breakFirst(n int32, calls *atomic.Int32) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) <= n {
			connection, _, _ := w.(http.Hijacker).Hijack()
			_ = connection.Close()
			return
		}
		_, _ = io.WriteString(w, `{"members":[{"name":"a"}]}`)
	}
}

func TestRetryOnBrokenConnection(t *testing.T) {
	var calls atomic.Int32
	c := serve(t, breakFirst(2, &calls))
	members, err := c.Members(t.Context())
	require.NoError(t, err)
	require.Equal(t, "a", members[0].Name)
	require.Equal(t, int32(3), calls.Load())
}

func TestOperationIsNotSentTwice(t *testing.T) {
	var calls atomic.Int32
	c := serve(t, breakFirst(1, &calls))
	_, err := c.Switchover(t.Context(), SwitchoverRequest{Leader: "a"})
	require.ErrorIs(t, err, ErrUnknownOutcome)
	require.Equal(t, int32(1), calls.Load())
}

func TestOperationWithoutAnswerInTime(t *testing.T) {
	release := make(chan struct{})
	c := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Restart(ctx, RestartRequest{})
	require.ErrorIs(t, err, ErrUnknownOutcome)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestOperationIsSentOnceSomebodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	c, err := New(address, quick)
	require.NoError(t, err)

	started := make(chan *http.Server, 1)
	go func() {
		time.Sleep(50 * time.Millisecond)
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "restarted") })}
		started <- s
		if again, err := net.Listen("tcp", address); err == nil {
			_ = s.Serve(again)
		}
	}()
	said, err := c.Restart(t.Context(), RestartRequest{})
	_ = (<-started).Close()
	require.NoError(t, err)
	require.Equal(t, "restarted", said)
}

func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	c, err := New(address, Options{Timeout: 60 * time.Millisecond, Interval: 10 * time.Millisecond})
	require.NoError(t, err)
	_, err = c.Switchover(t.Context(), SwitchoverRequest{Leader: "a"})
	require.ErrorContains(t, err, "patroni: POST http://"+address+"/switchover: no answer: ")
	require.NotErrorIs(t, err, ErrUnknownOutcome, "it never left")
}

func TestAnswers(t *testing.T) {
	for _, test := range []struct{ name, status, body, want string }{
		{"refused", "503", "no\n  good\x00candidates", "503 Service Unavailable: no good\x00candidates"},
		{"long", "500", strings.Repeat("x", 1000), strings.Repeat("x", 300) + "..."},
		{"no json", "200", "hello", "answer is not what Patroni documents"},
		{"wrong json", "200", `{"members":{}}`, "answer is not what Patroni documents"},
		{"too large", "200", `{"members":[],"scope":"` + strings.Repeat("x", maxAnswer) + `"}`, "answer exceeds"},
		{"redirect", "302", "", "302 Found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var calls atomic.Int32
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				code, _ := strconv.Atoi(test.status)
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(code)
				_, _ = io.WriteString(w, test.body)
			})
			_, err := c.Cluster(t.Context())
			require.ErrorContains(t, err, test.want)
			require.ErrorContains(t, err, "GET "+c.base.String()+"/cluster")
			require.Less(t, len(err.Error()), 500)
			require.Equal(t, int32(1), calls.Load(), "an answer is an answer")
		})
	}
}

func TestEmptyConfigIsNotBootstrapped(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	_, err := c.Config(t.Context())
	require.ErrorIs(t, err, ErrNotBootstrapped)
	c = serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	_, err = c.PatchConfig(t.Context(), map[string]any{"ttl": 30})
	require.ErrorIs(t, err, ErrNotBootstrapped)
}

func TestTLSAndAuthentication(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		_, _ = fmt.Fprintf(w, `{"scope":"%s:%s"}`, user, password)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it is told of distrust
	server.StartTLS()
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})

	for name, trust := range map[string]TLS{"authority": {CA: ca}, "name": {CA: ca, ServerName: "example.com"}, "any": {SkipVerify: true}} {
		o := quick
		o.Username, o.Password = "user", "pass"
		var err error
		o.HTTPClient, err = NewHTTPClient(trust)
		require.NoError(t, err)
		c, err := New(server.URL, o)
		require.NoError(t, err)
		cluster, err := c.Cluster(t.Context())
		require.NoError(t, err, name)
		require.Equal(t, "user:pass", cluster.Scope)
	}

	c, err := New(server.URL, quick)
	require.NoError(t, err)
	begin := time.Now()
	_, err = c.Switchover(t.Context(), SwitchoverRequest{Leader: "a"})
	require.ErrorContains(t, err, "certificate")
	require.False(t, errors.Is(err, ErrUnknownOutcome), "it never left")
	require.Less(t, time.Since(begin), time.Second, "nothing to wait for")

	_, err = NewHTTPClient(TLS{CA: []byte("no PEM")})
	require.ErrorContains(t, err, "no certificate")
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"10.0.0.1:8008":          "http://10.0.0.1:8008",
		"[fd00::1]:8008":         "http://[fd00::1]:8008",
		"https://10.0.0.1:8008":  "https://10.0.0.1:8008",
		"ftp://10.0.0.1":         "",
		"http://":                "",
		"http://[::1":            "",
		"http://10.0.0.1:8008/x": "http://10.0.0.1:8008/x",
	} {
		c, err := New(address, Options{})
		if want == "" {
			require.ErrorContains(t, err, "address", address)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, c.base.String())
	}
}

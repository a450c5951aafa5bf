package teams

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const token = "a-token-nobody-may-see"

// standIn is a Teams API whose answer a test may change, and a clock that it may move.
type standIn struct {
	*API
	server *httptest.Server
	answer atomic.Pointer[func(w http.ResponseWriter, r *http.Request)]
	asked  atomic.Int32
	clock  time.Time
}

func newStandIn(t *testing.T) *standIn {
	s := &standIn{API: NewAPI(), clock: time.Now()}
	s.now = func() time.Time { return s.clock }
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		(*s.answer.Load())(w, r)
	}))
	t.Cleanup(s.server.Close)
	return s
}

func (s *standIn) answers(status int, body string) {
	f := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	}
	s.answer.Store(&f)
}

func (s *standIn) source() Source {
	return Source{URL: s.server.URL + "/api/", Token: token, MaxAge: time.Minute}
}

func TestMembers(t *testing.T) {
	s := newStandIn(t)
	var path, authorization string
	f := func(w http.ResponseWriter, r *http.Request) {
		path, authorization = r.URL.EscapedPath(), r.Header.Get("Authorization")
		_, _ = fmt.Fprint(w, `{"id": "acid", "member": ["zoe", "bob", "bob", ""], "mail": []}`)
	}
	s.answer.Store(&f)
	members, err := s.Members(t.Context(), s.source(), "a/b c")
	require.NoError(t, err)
	require.Equal(t, []string{"bob", "zoe"}, members)
	require.Equal(t, "/api/teams/a%2Fb%20c", path)
	require.Equal(t, "Bearer "+token, authorization)

	_, err = s.Members(t.Context(), s.source(), "a/b c")
	require.NoError(t, err)
	require.EqualValues(t, 1, s.asked.Load(), "an answer holds for a while")
	s.clock = s.clock.Add(time.Hour)
	_, err = s.Members(t.Context(), s.source(), "a/b c")
	require.NoError(t, err)
	require.EqualValues(t, 2, s.asked.Load())

	s.answers(200, `{"member": []}`)
	members, err = s.Members(t.Context(), Source{URL: s.server.URL, Token: "another"}, "a/b c")
	require.NoError(t, err)
	require.Empty(t, members, "an empty team is an answer")
}

// Nothing that goes wrong takes members away, and nothing says the token.
func TestFailuresKeepMembers(t *testing.T) {
	for name, test := range map[string]struct {
		status  int
		body    string
		message string
	}{
		"refused":      {401, `{"error": "token ` + token + ` is not valid"}`, `ask the Teams API for team "acid": 401 Unauthorized: token *** is not valid`},
		"broken":       {500, "oops", `ask the Teams API for team "acid": 500 Internal Server Error`},
		"redirected":   {302, "", `ask the Teams API for team "acid": 302 Found`},
		"no JSON":      {200, "<html>", `ask the Teams API for team "acid": the answer is not a team in JSON: invalid character '<' looking for beginning of value`},
		"another list": {200, `{"members": ["bob"]}`, `ask the Teams API for team "acid": the answer has no list "member"`},
		"null":         {200, `{"member": null}`, `ask the Teams API for team "acid": the answer has no list "member"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStandIn(t)
			s.answers(200, `{"member": ["bob"]}`)
			_, err := s.Members(t.Context(), s.source(), "acid")
			require.NoError(t, err)
			s.clock = s.clock.Add(time.Hour)
			s.answers(test.status, test.body)
			for range 3 {
				members, err := s.Members(t.Context(), s.source(), "acid")
				require.EqualError(t, err, test.message)
				require.Equal(t, []string{"bob"}, members)
			}
			require.EqualValues(t, 2, s.asked.Load(), "a failure is remembered for a while")
			s.answers(200, `{"member": ["zoe"]}`)
			s.clock = s.clock.Add(pause)
			members, err := s.Members(t.Context(), s.source(), "acid")
			require.NoError(t, err)
			require.Equal(t, []string{"zoe"}, members)
		})
	}
}

func TestUnknownTeam(t *testing.T) {
	s := newStandIn(t)
	s.answers(404, `{"error": "no such team"}`)
	for range 2 {
		members, err := s.Members(t.Context(), s.source(), "virtual")
		require.ErrorIs(t, err, ErrUnknownTeam)
		require.Empty(t, members)
	}
	require.EqualValues(t, 1, s.asked.Load())
}

// A server that is gone is asked once, not once a team.
func TestSilence(t *testing.T) {
	s := newStandIn(t)
	s.server.Close()
	_, first := s.Members(t.Context(), s.source(), "acid")
	require.ErrorContains(t, first, "connection refused")
	_, err := s.Members(t.Context(), s.source(), "other")
	require.Same(t, first, err)

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	other := Source{URL: "http://127.0.0.1:1", Token: token}
	_, err = s.Members(canceled, other, "acid")
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, s.isSilent(other.URL), "who gave up says nothing about the API")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", s.source(), s.source(), s.source()), token)
}

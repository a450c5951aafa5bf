package teams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	// timeout bounds one question to the API, which waits for nothing but a look-up.
	timeout = 5 * time.Second

	// pause is how long a failure is remembered, so that clusters do not wait for the same one in turns.
	pause = 15 * time.Second

	// maxAnswer bounds what is read of an answer. A team of ten thousand stays below it.
	maxAnswer = 1 << 20
)

// ErrUnknownTeam is the API's answer for a team that it does not have.
var ErrUnknownTeam = errors.New("the Teams API does not know this team")

// Source says where to ask.
type Source struct {
	URL   string // base address, https://teams.example.com/api
	Token string // bearer token

	// MaxAge is how long an answer holds.
	MaxAge time.Duration
}

// String leaves out the token.
func (s Source) String() string { return s.URL }

// GoString masks as String does.
func (s Source) GoString() string { return s.String() }

// API asks Teams APIs and remembers their answers. It is safe for concurrent use.
type API struct {
	http *http.Client
	now  func() time.Time

	mu     sync.Mutex
	teams  map[question]*answer
	silent map[string]failure // by base address: it did not answer
}

type question struct{ url, team string }

// answer is held while one asks, so that others who want the same wait for it.
type answer struct {
	sync.Mutex
	members []string // as last known
	token   string   // that it was asked with
	at      time.Time
	failed  error // the last time, after which members may be outdated
}

type failure struct {
	err   error
	until time.Time
}

// NewAPI returns an API that has not asked anything yet. It follows no redirects: the token is for one server.
func NewAPI() *API {
	return &API{
		http: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		now:  time.Now, teams: map[question]*answer{}, silent: map[string]failure{},
	}
}

// Members of a team. With an error come those that were known last, if any.
func (a *API) Members(ctx context.Context, from Source, team string) ([]string, error) {
	known := a.answerOf(question{from.URL, team})
	known.Lock()
	defer known.Unlock()
	if known.holds(a.now(), from) {
		return known.members, known.failed
	}
	if err := a.isSilent(from.URL); err != nil {
		return known.members, err
	}
	members, err := a.ask(ctx, from, team)
	if ctx.Err() != nil {
		return known.members, fmt.Errorf("ask the Teams API for team %q: %w", team, ctx.Err()) // says nothing about the API
	}
	known.at, known.token, known.failed = a.now(), from.Token, err
	if err == nil || errors.Is(err, ErrUnknownTeam) {
		known.members = members
	}
	return known.members, err
}

func (a *API) answerOf(q question) *answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.teams[q] == nil {
		a.teams[q] = &answer{}
	}
	return a.teams[q]
}

// holds tells whether an answer need not be asked for again. Another token may change it.
func (n *answer) holds(now time.Time, from Source) bool {
	if n.at.IsZero() || n.token != from.Token {
		return false
	}
	if n.failed != nil && !errors.Is(n.failed, ErrUnknownTeam) {
		return now.Sub(n.at) < pause
	}
	return now.Sub(n.at) < from.MaxAge
}

func (a *API) isSilent(address string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f := a.silent[address]; a.now().Before(f.until) {
		return f.err
	}
	return nil
}

func (a *API) ask(ctx context.Context, from Source, team string) ([]string, error) {
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	address := strings.TrimRight(from.URL, "/") + "/teams/" + url.PathEscape(team)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("teams_api_url: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+from.Token)
	response, err := a.http.Do(request)
	if err != nil {
		return nil, a.unheard(caller, from.URL, err)
	}
	defer func() { _ = response.Body.Close() }()
	members, err := decode(response)
	if err != nil {
		// No server should send a token back, but some quote requests.
		text := err.Error()
		if from.Token != "" {
			text = strings.ReplaceAll(text, from.Token, "***")
		}
		if errors.Is(err, ErrUnknownTeam) {
			return nil, err
		}
		return nil, fmt.Errorf("ask the Teams API for team %q: %s", team, text)
	}
	return members, nil
}

// unheard remembers that a server did not answer, unless it was the caller who gave up.
func (a *API) unheard(caller context.Context, address string, err error) error {
	switch {
	case caller.Err() != nil:
		return err
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("ask the Teams API at %s: no answer within %s", address, timeout)
	default:
		err = fmt.Errorf("ask the Teams API: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.silent[address] = failure{err, a.now().Add(pause)}
	return err
}

// decode reads the members out of an answer. One without a list of them is not an empty team.
func decode(response *http.Response) ([]string, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("the answer breaks off: %w", err)
	}
	var in struct {
		Member *[]string `json:"member"`
		Error  string    `json:"error"`
	}
	malformed := json.Unmarshal(body, &in)
	switch {
	case response.StatusCode == http.StatusNotFound:
		return nil, ErrUnknownTeam
	case response.StatusCode != http.StatusOK && in.Error != "":
		return nil, fmt.Errorf("%s: %s", response.Status, in.Error)
	case response.StatusCode != http.StatusOK:
		return nil, errors.New(response.Status)
	case malformed != nil:
		return nil, fmt.Errorf("the answer is not a team in JSON: %w", malformed)
	case in.Member == nil:
		return nil, errors.New(`the answer has no list "member"`)
	}
	return clean(*in.Member), nil
}

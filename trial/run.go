package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Runner starts children.
type Runner struct {
	// Path and Arguments start the child; this program with Command where
	// there is no path.
	Path      string
	Arguments []string
	Environ   []string
}

// Result is what a trial has found.
type Result struct {
	Failure *Failure // nil: the set works
	Kinds   []Kind   // that overlays add to those that the operator has anyway
}

// Run tries a set of overlays. A set that does not work is a Failure in the
// result; an error means that it is not known.
func (r Runner) Run(ctx context.Context, request Request) (Result, error) {
	path, arguments := r.Path, r.Arguments
	if path == "" {
		self, err := os.Executable()
		if err != nil {
			return Result{}, fmt.Errorf("find this program: %w", err)
		}
		path, arguments = self, []string{Command}
	}
	text, err := json.Marshal(request)
	if err != nil {
		return Result{}, fmt.Errorf("write down the overlays to try: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, time.Duration(request.Limits.Seconds)*time.Second)
	defer cancel()
	child := exec.CommandContext(limited, path, arguments...)
	child.Env = append([]string{"GOMAXPROCS=2", "GOTRACEBACK=none"}, r.Environ...)
	child.WaitDelay = time.Second
	child.Stdin = bytes.NewReader(text)
	said, complaints := &lastLines{}, &head{left: 4 << 10}
	child.Stdout, child.Stderr = said, complaints
	err = child.Run()
	if said.last.Done {
		return Result{said.last.Failure, said.last.Kinds}, nil
	}
	if ctx.Err() != nil {
		return Result{}, fmt.Errorf("try overlays: %w", ctx.Err())
	}
	return request.ended(said.at, limited.Err() != nil, complaints.String(), err)
}

// ended says why a child has come to no result.
func (r Request) ended(at place, timeout bool, complaints string, err error) (Result, error) {
	var exit *exec.ExitError
	f := &Failure{Overlay: at.Overlay, Cluster: at.Cluster}
	memory := resource.NewQuantity(r.Limits.Memory, resource.BinarySI)
	switch {
	case timeout:
		f.Text = at.text(fmt.Sprintf("it takes more than %d s to evaluate: is there a loop over very many values, or one without end?", r.Limits.Seconds))
	case !errors.As(err, &exit):
		return Result{}, fmt.Errorf("start the trial of overlays: %w", err)
	case strings.Contains(complaints, "stack overflow"), strings.Contains(complaints, "exceeds 67108864-byte limit"):
		f.Text = at.text("it refers to itself without end")
	case exit.ExitCode() == exitMemory, exit.ExitCode() == -1,
		strings.Contains(complaints, "out of memory"), strings.Contains(complaints, "cannot allocate memory"):
		f.Text = at.text(fmt.Sprintf("it takes more than %s of memory to evaluate: is there a loop over very many values, or one without end?", memory))
	default:
		f.Text = at.text("the evaluation breaks: " + firstLine(complaints))
	}
	return Result{Failure: f}, nil
}

// text begins a message with the place it is about.
func (p place) text(cause string) string {
	text := "overlays: " + cause
	if p.Overlay != "" {
		text = fmt.Sprintf("overlay %q: %s", p.Overlay, cause)
	}
	if p.Cluster != "" {
		text += " (cluster " + p.Cluster + ")"
	}
	return text
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.TrimPrefix(line, "panic: ")
}

// lastLines reads what a child says as it says it.
type lastLines struct {
	rest []byte
	at   place
	last message
}

// maxLine bounds the memory that a child can take from its parent.
const maxLine = 16 << 20

func (l *lastLines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			break
		}
		l.rest = rest
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			continue // not ours: a library that prints
		}
		if m.At != nil {
			l.at = *m.At
		}
		l.last = m
	}
	if len(l.rest) > maxLine {
		return 0, io.ErrShortBuffer
	}
	return len(p), nil
}

// head keeps the beginning of what is written.
type head struct {
	strings.Builder
	left int
}

func (h *head) Write(p []byte) (int, error) {
	kept := p[:min(len(p), h.left)]
	h.left -= len(kept)
	_, _ = h.Builder.Write(kept)
	return len(p), nil
}

package overlay

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of a set. What a ConfigMap can hold fits in well; what is larger is a
// mistake, and would cost memory in every copy of the templates.
const (
	MaxFile  = 1 << 20
	MaxFiles = 1000
	MaxSet   = 8 << 20
)

// File is one file of an overlay.
type File struct {
	Name    string `json:"name"`
	Content []byte `json:"content"`
}

// Overlay is a group of files that is put in force as a whole.
type Overlay struct {
	Name   string `json:"name"`   // stands before the names of files in errors
	Source string `json:"source"` // where it comes from, for people
	Scope  Scope  `json:"scope"`
	Files  []File `json:"files"` // sorted by name
}

// Set is every overlay that is in force, in their order.
type Set []Overlay

// New makes an overlay of files. Those that are none of an overlay are left
// out; it is an error when none remains.
func New(name, source string, files map[string][]byte) (Overlay, error) {
	o := Overlay{Name: name, Source: source}
	for file, content := range files {
		if file == ScopeFile {
			var err error
			if o.Scope, err = parseScope(content); err != nil {
				return Overlay{}, &Error{Overlay: name, File: file, Cause: err.Error()}
			}
			continue
		}
		if IsFile(file) {
			o.Files = append(o.Files, File{Name: file, Content: content})
		}
	}
	slices.SortFunc(o.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	if len(o.Files) == 0 {
		return Overlay{}, &Error{Overlay: name, Cause: "there is no file *" + SuffixCUE + " or *" + SuffixTemplate + " in it"}
	}
	return o, o.check()
}

// Suffixes of the files of an overlay.
const (
	SuffixCUE      = ".cue"
	SuffixTemplate = ".yaml.tmpl"
)

// IsFile tells whether a file of this name is part of an overlay.
func IsFile(name string) bool {
	return !strings.HasPrefix(name, ".") && (strings.HasSuffix(name, SuffixCUE) || strings.HasSuffix(name, SuffixTemplate))
}

func (o Overlay) check() error {
	for _, f := range o.Files {
		switch {
		case len(f.Content) > MaxFile:
			return &Error{Overlay: o.Name, File: f.Name, Cause: fmt.Sprintf("the file has %d bytes, at most %d are allowed", len(f.Content), MaxFile)}
		case !utf8.Valid(f.Content):
			return &Error{Overlay: o.Name, File: f.Name, Cause: "the file is not text in UTF-8"}
		}
	}
	if len(o.Files) > MaxFiles {
		return &Error{Overlay: o.Name, Cause: fmt.Sprintf("there are %d files, at most %d are allowed", len(o.Files), MaxFiles)}
	}
	return nil
}

// Path is how errors call a file of an overlay.
func (o Overlay) Path(f File) string { return o.Name + "/" + f.Name }

// Digest names the content: files, order and scopes, not where they come from.
func (s Set) Digest() string {
	if len(s) == 0 {
		return ""
	}
	sum := sha256.New()
	write := json.NewEncoder(sum)
	for _, o := range s {
		o.Source = ""
		if err := write.Encode(o); err != nil {
			panic(fmt.Sprintf("overlay %s has no JSON: %v", o.Name, err)) // strings and bytes always have
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// Check finds what is wrong with a set as a whole.
func (s Set) Check() error {
	size, seen := 0, map[string]bool{}
	for _, o := range s {
		if seen[o.Name] {
			return &Error{Overlay: o.Name, Cause: "two overlays have this name"}
		}
		seen[o.Name] = true
		if err := o.check(); err != nil {
			return err
		}
		for _, f := range o.Files {
			size += len(f.Content)
		}
	}
	if size > MaxSet {
		return fmt.Errorf("the overlays have %d bytes together, at most %d are allowed", size, MaxSet)
	}
	return nil
}

// Error is a mistake in an overlay that shows without evaluating it.
type Error struct {
	Overlay string
	File    string // empty when it is none of a file
	Cause   string
}

func (e *Error) Error() string {
	text := fmt.Sprintf("overlay %q: ", e.Overlay)
	if e.File != "" {
		text += e.File + ": "
	}
	return text + e.Cause
}

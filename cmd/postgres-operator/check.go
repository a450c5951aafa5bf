package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cuelang.org/go/cue/format"

	"postgres-operator/overlay"
	"postgres-operator/render"
)

// Names in a directory of templates, as `template init` makes it. A directory of overlays alone will do.
const (
	overlaysFolder = "overlays"
	testsFolder    = "tests"
	editorFile     = "builtin.cue"
)

// checkCommand tries a directory of overlays as an operator would use it, without a cluster.
func checkCommand(_ context.Context, args []string, stdout, stderr io.Writer) error {
	set := flag.NewFlagSet("check", flag.ContinueOnError)
	update := set.Bool("update", false, "format the files, and write what the scenarios give now")
	strict := set.Bool("strict", false, "take warnings for problems")
	set.SetOutput(stderr)
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 1 {
		return fmt.Errorf("check: unexpected argument %q", set.Arg(1))
	}
	c := &checker{dir: ".", update: *update, strict: *strict, out: stdout}
	if set.NArg() == 1 {
		c.dir = set.Arg(0)
	}
	return c.run()
}

// checker tells on one line each what it has looked at.
type checker struct {
	dir            string
	update, strict bool
	out            io.Writer

	problems, warnings int
}

func (c *checker) ok(format string, args ...any) { c.say("ok", format, args...) }

func (c *checker) wrote(format string, args ...any) { c.say("wrote", format, args...) }

func (c *checker) problem(format string, args ...any) {
	c.problems++
	c.say("FAIL", format, args...)
}

func (c *checker) warn(format string, args ...any) {
	c.warnings++
	c.say("warning", format, args...)
}

func (c *checker) say(word, format string, args ...any) {
	text := strings.ReplaceAll(strings.TrimRight(fmt.Sprintf(format, args...), "\n"), "\n", "\n        ")
	fmt.Fprintf(c.out, "%-7s %s\n", word, text)
}

func (c *checker) run() error {
	if info, err := os.Stat(c.dir); err != nil || !info.IsDir() {
		return fmt.Errorf("check: %s is not a directory", c.dir)
	}
	if err := errors.Join(c.editor(), c.formatting()); err != nil {
		return err
	}
	set, err := overlay.Directory(c.overlays())
	if err != nil {
		c.problem("%v", err)
		return c.verdict()
	}
	renderer, err := render.New(set...)
	if err != nil {
		c.problem("%v", err)
		return c.verdict()
	}
	for _, o := range set {
		c.ok("overlay %s: %s", o.Name, count(len(o.Files), "file", "files"))
	}
	contract, err := render.ReadContract()
	if err != nil {
		return err
	}
	reads, err := readsOf(set)
	if err != nil {
		return err
	}
	c.deprecations(contract, reads)
	scenarios, err := c.scenarios(renderer)
	if err != nil {
		return err
	}
	c.coverage(set, reads, scenarios)
	return c.verdict()
}

func (c *checker) verdict() error {
	if c.problems == 0 && (!c.strict || c.warnings == 0) {
		return nil
	}
	text := "check: " + count(c.problems, "problem", "problems")
	if c.strict {
		text += ", " + count(c.warnings, "warning", "warnings")
	}
	return errors.New(text)
}

// overlays is where the overlays are: in their folder, or in the directory itself.
func (c *checker) overlays() string {
	below := filepath.Join(c.dir, overlaysFolder)
	if info, err := os.Stat(below); err == nil && info.IsDir() {
		return below
	}
	return c.dir
}

// editor looks at the copy of the built-in templates that editors complete from.
func (c *checker) editor() error {
	path := filepath.Join(c.dir, editorFile)
	have, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	want, err := editorTemplates()
	switch {
	case err != nil || bytes.Equal(have, want):
		return err
	case c.update:
		c.wrote("%s", path)
		return os.WriteFile(path, want, 0o644)
	}
	c.warn("%s is that of another version of the operator; -update writes it anew", path)
	return nil
}

// formatting compares files in CUE with how cue fmt writes them.
func (c *checker) formatting() error {
	return filepath.WalkDir(c.overlays(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != overlay.SuffixCUE {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		formatted, err := format.Source(content)
		switch {
		case err != nil, bytes.Equal(content, formatted):
			return nil // what is no CUE is a problem further on
		case c.update:
			c.wrote("%s", path)
			return os.WriteFile(path, formatted, 0o644)
		}
		c.problem("%s is not formatted; -update does it, as cue fmt would", path)
		return nil
	})
}

// readsOf lists what overlays read of the input.
func readsOf(set overlay.Set) ([]render.Read, error) {
	var all []render.Read
	for _, o := range set {
		reads, err := render.InputReads(o)
		if err != nil {
			return nil, err
		}
		all = append(all, reads...)
	}
	return all, nil
}

// deprecations warns of what will go.
func (c *checker) deprecations(contract render.Contract, reads []render.Read) {
	for _, field := range contract.Deprecated() {
		for _, read := range reads {
			if read.Covers(field.Path) {
				c.warn("%s: %s is deprecated: %s", read.Position, read, field.Deprecated)
			}
		}
	}
}

// coverage warns of what no scenario tries: overlays that are for none of its clusters, and fields of the
// input that an overlay reads and no scenario has.
func (c *checker) coverage(set overlay.Set, reads []render.Read, scenarios []tried) {
	if len(scenarios) == 0 {
		c.warn("there are no scenarios in %s: nothing tells what the overlays make of a cluster", filepath.Join(c.dir, testsFolder))
		return
	}
	for _, o := range set {
		if !slices.ContainsFunc(scenarios, func(s tried) bool { return slices.Contains(s.overlays, o.Name) }) {
			c.warn("overlay %s is for none of the clusters in the scenarios", o.Name)
		}
	}
	told := map[string]bool{}
	for _, read := range reads {
		covered := slices.ContainsFunc(scenarios, func(s tried) bool { return read.Present(s.view) })
		if !covered && !told[read.String()] {
			told[read.String()] = true
			c.warn("%s: no scenario has %s", read.Position, read)
		}
	}
}

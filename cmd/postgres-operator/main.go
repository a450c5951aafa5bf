// Command postgres-operator runs Postgres clusters on Kubernetes, and shows offline what it would run.
//
//	postgres-operator [run]          serve the clusters of a Kubernetes (what the Deployment does)
//	postgres-operator render -f FILE print the objects that a manifest becomes
//	postgres-operator plan           print what the operator would change and restart
//	postgres-operator explain        print where a value of an object comes from
//	postgres-operator check [DIR]    try overlays of the templates, for editors and CI
//	postgres-operator template init  make a directory to write overlays in
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"postgres-operator/trial"
)

// version is set by the linker.
var version = "dev"

// command is one subcommand: run gets the arguments after its name.
type command struct {
	name, summary string
	run           func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

func commands() []command {
	return []command{
		{"run", "serve the clusters of a Kubernetes (default)", runCommand},
		{"render", "print the objects that a manifest becomes, offline", renderCommand},
		{"plan", "print what the operator would change and restart, and write nothing", planCommand},
		{"explain", "print where a value of an object comes from, and who owns it", explainCommand},
		{"check", "try a directory of overlays, without a cluster", checkCommand},
		{"template", "make a directory to write overlays in: template init DIR", templateCommand},
		{"version", "print the version", versionCommand},
		{trial.Command, "", trialCommand},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	var code exitCode
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.As(err, &code):
		os.Exit(int(code))
	default:
		fmt.Fprintln(os.Stderr, "postgres-operator:", err)
		os.Exit(1)
	}
}

// exitCode ends the program with a code that says all.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	name := "run"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	for _, c := range commands() {
		if c.name == name {
			return c.run(ctx, args, stdout, stderr)
		}
	}
	usage(stderr)
	if name == "help" {
		return nil
	}
	return fmt.Errorf("there is no command %q", name)
}

// parse reads the flags of a command that takes nothing else.
func parse(set *flag.FlagSet, args []string, stderr io.Writer) error {
	set.SetOutput(stderr)
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return fmt.Errorf("%s: unexpected argument %q", set.Name(), set.Arg(0))
	}
	return nil
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "Usage: postgres-operator COMMAND [flags]")
	for _, c := range commands() {
		if c.summary == "" {
			continue // none for people
		}
		fmt.Fprintf(w, "  %-8s %s\n", c.name, c.summary)
	}
	fmt.Fprintln(w, "Flags of a command: postgres-operator COMMAND -h")
}

func versionCommand(_ context.Context, _ []string, stdout, _ io.Writer) error {
	_, err := fmt.Fprintln(stdout, version)
	return err
}

// trialCommand is how the operator tries overlays in a process that it can kill.
func trialCommand(_ context.Context, _ []string, stdout, _ io.Writer) error {
	return trial.Child(os.Stdin, stdout)
}

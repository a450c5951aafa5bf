// Pgbouncer-entrypoint starts PgBouncer as the operator's connection pooler
// expects it: everything comes by environment variables and one mounted
// userlist.txt.
package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// workDir holds what this program writes; the image's own files may be read-only.
const workDir = "/tmp/pgbouncer"

func main() {
	log.SetFlags(log.LstdFlags | log.LUTC)
	if err := run(); err != nil {
		log.Fatalf("entry point: %v", err)
	}
}

func run() error {
	env := environment{}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	if err := os.MkdirAll(workDir, 0o700); err != nil {
		return err
	}
	if env["CONNECTION_POOLER_CLIENT_TLS_KEY"] == "" {
		env["CONNECTION_POOLER_CLIENT_TLS_CRT"] = filepath.Join(workDir, "client.crt")
		env["CONNECTION_POOLER_CLIENT_TLS_KEY"] = filepath.Join(workDir, "client.key")
		if err := selfSigned(env); err != nil {
			return err
		}
	}
	config, err := pgbouncerConfig(env)
	if err != nil {
		return err
	}
	path := filepath.Join(workDir, "pgbouncer.ini")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return err
	}
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		return err
	}
	// PgBouncer has no children: it may be process 1 itself.
	if err := syscall.Exec(program, []string{"pgbouncer", path}, []string{"PATH=" + os.Getenv("PATH")}); err != nil {
		return fmt.Errorf("start %s: %w", program, err)
	}
	return nil
}

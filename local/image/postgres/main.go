// Spilo-entrypoint is process 1 of the local Postgres image. It turns the
// environment which the operator gives to a pod into Patroni's configuration,
// prepares volume and certificates, and keeps Patroni running as postgres:
//
//	environment ─► patroniConfig (pure) ─► /run/postgres.yml ─► patroni ─► postgres
//
// The environment is the contract of zalando/spilo, described in its
// ENVIRONMENT.rst; this program shares no code with it. What it leaves out:
// WAL archives (WAL_*, CLONE_WITH_WALE, STANDBY_*_PREFIX), shipping of logs
// (LOG_*), PAM, cron and pgqd beside Postgres, state outside Kubernetes, and
// the extensions that Debian does not have (bg_mon, pg_auth_mon, timescaledb …).
package main

import (
	"fmt"
	"log"
	"os"
	"strings"
)

func main() {
	log.SetFlags(log.LstdFlags | log.LUTC)
	code, err := run()
	if err != nil {
		log.Printf("entry point: %v", err)
	}
	os.Exit(code)
}

func run() (code int, err error) {
	env := environment{}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	who, err := runAs()
	if err != nil {
		return 1, err
	}
	if err := prepare(env, who); err != nil {
		return 1, err
	}
	found, err := gather(env)
	if err != nil {
		return 1, err
	}
	config, err := patroniConfig(env, found)
	if err != nil {
		return 1, err
	}
	if err := writeConfig(config, who); err != nil {
		return 1, err
	}
	if env["PAM_OAUTH2"] != "" {
		log.Printf("entry point: PAM_OAUTH2 is set, but this image has no PAM module: roles log in with passwords")
	}
	code, err = supervise(who, childEnvironment(env), tlsFiles(env))
	if err != nil {
		return code, fmt.Errorf("run patroni: %w", err)
	}
	return code, nil
}

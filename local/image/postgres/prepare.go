package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// configFile is where patroni and patronictl look, directly or by links.
const configFile = runDir + "/postgres.yml"

// binLink leads to the binaries of the running version; it is on the PATH.
const binLink = runDir + "/postgresql-bin"

// identity is the user under whom Patroni and Postgres run.
type identity struct {
	uid, gid int
	groups   []int // kept: a pod's fsGroup gives access to keys and tokens
	change   bool  // from root
}

// runAs finds the user: postgres when the container starts as root, else
// whoever the pod's security context chose.
func runAs() (identity, error) {
	groups, err := os.Getgroups()
	if err != nil {
		return identity{}, fmt.Errorf("read the groups: %w", err)
	}
	if os.Geteuid() != 0 {
		who := identity{uid: os.Getuid(), gid: os.Getgid(), groups: groups}
		return who, nameUser(who)
	}
	postgres, err := user.Lookup("postgres")
	if err != nil {
		return identity{}, fmt.Errorf("find the user: %w", err)
	}
	uid, _ := strconv.Atoi(postgres.Uid) // numbers by the format of passwd
	gid, _ := strconv.Atoi(postgres.Gid)
	return identity{uid: uid, gid: gid, groups: append(groups, gid), change: true}, nil
}

// nameUser gives the chosen user the name postgres: initdb and psql refuse to
// work for a number without a name.
func nameUser(who identity) error {
	if _, err := user.LookupId(strconv.Itoa(who.uid)); err == nil {
		return nil
	}
	content, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return err
	}
	lines := strings.Split(string(content), "\n")
	for i, line := range lines {
		if fields := strings.Split(line, ":"); fields[0] == "postgres" {
			fields[2], fields[3] = strconv.Itoa(who.uid), strconv.Itoa(who.gid)
			lines[i] = strings.Join(fields, ":")
		}
	}
	if err := os.WriteFile("/etc/passwd", []byte(strings.Join(lines, "\n")), 0); err != nil {
		return fmt.Errorf("name user %d (it needs group 0 to be named): %w", who.uid, err)
	}
	return nil
}

// prepare makes directories, certificates and password files.
func prepare(env environment, who identity) error {
	root, data := env.root(), env.data()
	// A volume made by the host-path provisioner is closed to all but root.
	directories := []struct {
		path string
		mode fs.FileMode
	}{
		{filepath.Dir(root), 0o755}, {root, 0o755}, {filepath.Join(root, "pg_log"), 0o755}, {data, 0o700},
		{socketDir, 0o2775}, {filepath.Dir(defaultKey), 0o750},
	}
	for _, directory := range directories {
		if err := openDirectory(directory.path, directory.mode, who); err != nil {
			return fmt.Errorf("prepare %s: %w", directory.path, err)
		}
	}
	if env["CLONE_PASSWORD"] != "" {
		line := strings.Join([]string{env["CLONE_HOST"], env.or("CLONE_PORT", "5432"), "*", escapePass(env["CLONE_USER"]), escapePass(env["CLONE_PASSWORD"])}, ":")
		if err := writeOwned(cloneFile, []byte(line+"\n"), who); err != nil {
			return err
		}
	}
	if _, err := os.Stat(env.or("SSL_PRIVATE_KEY_FILE", defaultKey)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return selfSigned(env, who)
}

// openDirectory makes a directory and gives it to who. One that belongs to
// somebody else, and that only root could change, is left as it is if who may
// use it: so are volumes of pods with an fsGroup.
func openDirectory(path string, mode fs.FileMode, who identity) error {
	if err := os.MkdirAll(path, mode); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	owned := int(info.Sys().(*syscall.Stat_t).Uid) == who.uid
	if who.change && !owned {
		if err := os.Chown(path, who.uid, who.gid); err != nil {
			return err
		}
		owned = true
	}
	if owned {
		return syscall.Chmod(path, uint32(mode))
	}
	return syscall.Access(path, 7) // readable, writable, searchable
}

// selfSigned makes a certificate for clusters without one of their own, so
// that connections are encrypted always.
func selfSigned(env environment, who identity) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	now := time.Now()
	template := x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: env["SCOPE"]},
		DNSNames:     []string{env["SCOPE"], env["SCOPE"] + "-repl"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(10, 0, 0),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	for _, each := range []struct {
		path, kind string
		content    []byte
	}{
		{env.or("SSL_PRIVATE_KEY_FILE", defaultKey), "PRIVATE KEY", private},
		{env.or("SSL_CERTIFICATE_FILE", defaultCert), "CERTIFICATE", certificate},
	} {
		if err := writeOwned(each.path, pem.EncodeToMemory(&pem.Block{Type: each.kind, Bytes: each.content}), who); err != nil {
			return err
		}
	}
	return nil
}

// gather reads what the configuration depends on.
func gather(env environment) (facts, error) {
	hostname, err := os.Hostname()
	if err != nil {
		return facts{}, err
	}
	found := facts{hostname: hostname, memory: memoryLimit()}
	versions, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(versions) == 0 {
		return facts{}, fmt.Errorf("find PostgreSQL below /usr/lib/postgresql: %w", errors.Join(err, fs.ErrNotExist))
	}
	for _, path := range versions {
		found.installed = append(found.installed, filepath.Base(filepath.Dir(filepath.Dir(path))))
	}
	slices.Sort(found.installed) // all have two digits
	version, err := os.ReadFile(filepath.Join(env.data(), "PG_VERSION"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return facts{}, err
	}
	found.dataVersion = strings.TrimSpace(string(version))
	return found, nil
}

// memoryLimit is the container's limit (control groups version 1 or 2), or
// the machine's memory where that is less, in bytes.
func memoryLimit() int64 {
	var machine syscall.Sysinfo_t
	limit := int64(1 << 30)
	if err := syscall.Sysinfo(&machine); err == nil {
		limit = int64(machine.Totalram) * int64(machine.Unit)
	}
	for _, path := range []string{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"} {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if own, err := strconv.ParseInt(strings.TrimSpace(string(content)), 10, 64); err == nil {
			limit = min(limit, own)
		}
	}
	return limit
}

// writeConfig writes Patroni's configuration, as JSON, which is YAML too, and
// puts the binaries that it names on the PATH.
func writeConfig(config object, who identity) error {
	content, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return fmt.Errorf("write patroni's configuration: %w", err)
	}
	if err := writeOwned(configFile, append(content, '\n'), who); err != nil {
		return err
	}
	directory := config["postgresql"].(object)["bin_dir"].(string)
	if err := os.Remove(binLink); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(directory, binLink); err != nil {
		return err
	}
	return os.Lchown(binLink, who.uid, who.gid)
}

// writeOwned writes a file which only who may read.
func writeOwned(path string, content []byte, who identity) error {
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	if !who.change {
		return nil
	}
	return os.Chown(path, who.uid, who.gid)
}

// escapePass writes a field of a password file, see libpq, "The Password File".
func escapePass(field string) string {
	return strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(field)
}

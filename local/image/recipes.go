package image

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// postgresScripts are run by Patroni, or by the operator in a pod.
//
//go:embed postgres/post_init.sh postgres/clone_with_basebackup.sh postgres/inplace_upgrade.py postgres/upgrade_data.py
var postgresScripts embed.FS

// postgresScript installs both versions of PostgreSQL with the extensions
// that manifests name most. User and group have Spilo's numbers, which
// existing manifests give as runAsUser and fsGroup.
const postgresScript = `
groupadd --gid 103 postgres
useradd --uid 101 --gid 103 --groups root --home-dir /home/postgres --create-home --shell /bin/bash postgres 2>/dev/null
mkdir -p /etc/postgresql-common
echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf
echo "deb [signed-by=` + keyring + `] ` + mirror + ` ` + olderRelease + ` main" > /etc/apt/sources.list.d/older.list
install_packages patroni curl jq ca-certificates openssl locales procps \
	postgresql-18 postgresql-18-cron postgresql-18-partman postgresql-18-set-user postgresql-18-pgextwlist \
	postgresql-17 postgresql-17-cron postgresql-17-partman postgresql-17-set-user postgresql-17-pgextwlist
localedef --inputfile en_US --charmap UTF-8 en_US.UTF-8

# Just-in-time compilation is a third of the size; both versions run without it.
rm -rf /usr/lib/postgresql/*/lib/llvmjit* /usr/lib/postgresql/*/lib/bitcode
rm -f /usr/lib/*-linux-gnu/libLLVM* /usr/lib/llvm-*/lib/libLLVM* /usr/lib/*-linux-gnu/libz3.*
# Needed to install, not to run. perl-base stays.
rm -rf /usr/share/i18n /usr/share/perl /usr/lib/*-linux-gnu/perl /usr/lib/*-linux-gnu/libperl.*
rm -rf /usr/lib/systemd /usr/lib/*-linux-gnu/systemd /etc/systemd /usr/bin/systemd* /usr/share/postgresql-common
rm -rf /usr/lib/python3*/ensurepip /usr/lib/python3*/test /var/lib/postgresql /etc/postgresql

# Where Spilo keeps its configuration, and where patronictl looks for it.
mkdir -p /home/postgres/pgdata /home/postgres/.config/patroni /root/.config/patroni /run/certs /run/postgresql
ln -s /run/postgres.yml /home/postgres/postgres.yml
ln -s /home/postgres/postgres.yml /home/postgres/.config/patroni/patronictl.yaml
ln -s /home/postgres/postgres.yml /root/.config/patroni/patronictl.yaml
echo 'PATH="/run/postgresql-bin:/usr/local/bin:/usr/bin:/bin:/usr/lib/postgresql/18/bin"' > /etc/environment
`

// postgresOwners comes after the epilogue of the tree: whoever runs the pod,
// with group 0 or as postgres, may write where the entry point writes.
const postgresOwners = `
mkdir -p /run/certs /run/postgresql /run/lock
chown -R postgres:root /home/postgres /run
chmod -R g=u /home/postgres /run
chmod 1777 /tmp /var/tmp
chmod 664 /etc/passwd
`

const pgbouncerScript = `
groupadd --gid 101 pgbouncer
useradd --uid 100 --gid 101 --no-create-home --home-dir /nonexistent pgbouncer 2>/dev/null
mkdir -p /etc/pgbouncer
install_packages pgbouncer ca-certificates
rm -rf /usr/lib/systemd /etc/systemd /usr/lib/*-linux-gnu/systemd /usr/bin/systemd* /usr/share/perl /usr/lib/python3*
rm -f /etc/pgbouncer/* /etc/init.d/pgbouncer
chown -R pgbouncer:pgbouncer /etc/pgbouncer
`

// postgresLayers are Debian, the packages, and our own files, in the order of
// how seldom they change.
func (b *Builder) postgresLayers(ctx context.Context) ([]layer, error) {
	lowest, err := b.base(ctx)
	if err != nil {
		return nil, err
	}
	packages, err := b.debian(ctx, recipe{name: "postgresql", script: postgresScript, finish: postgresOwners}, &lowest)
	if err != nil {
		return nil, err
	}
	scripts, err := scriptFiles(postgresScripts, "postgres")
	if err != nil {
		return nil, err
	}
	own, err := b.programLayer(ctx, "spilo-entrypoint", "postgres", postgresSources, scripts...)
	if err != nil {
		return nil, err
	}
	return []layer{lowest, packages, own}, nil
}

func postgresConfig() v1.Config {
	return v1.Config{
		Entrypoint: []string{"/usr/local/bin/spilo-entrypoint"},
		WorkingDir: "/home/postgres",
		Env: []string{
			"PATH=/run/postgresql-bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/18/bin",
			"LC_ALL=en_US.UTF-8",
			"PGHOME=/home/postgres",
			"PGROOT=/home/postgres/pgdata/pgroot",
		},
		ExposedPorts: map[string]struct{}{"5432/tcp": {}, "8008/tcp": {}},
	}
}

func (b *Builder) pgbouncerLayers(ctx context.Context) ([]layer, error) {
	lowest, err := b.base(ctx)
	if err != nil {
		return nil, err
	}
	packages, err := b.debian(ctx, recipe{name: "pgbouncer", script: pgbouncerScript}, &lowest)
	if err != nil {
		return nil, err
	}
	own, err := b.programLayer(ctx, "pgbouncer-entrypoint", "pgbouncer", pgbouncerSources)
	if err != nil {
		return nil, err
	}
	return []layer{lowest, packages, own}, nil
}

func pgbouncerConfig() v1.Config {
	return v1.Config{
		Entrypoint: []string{"/usr/local/bin/pgbouncer-entrypoint"},
		User:       "100:101",
		// SIGTERM would wait for all clients to leave, see PgBouncer, "Signals".
		StopSignal:   "SIGQUIT",
		WorkingDir:   "/",
		Env:          []string{"PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		ExposedPorts: map[string]struct{}{"5432/tcp": {}},
	}
}

// programLayer is the layer of one of our own entry points and its scripts.
func (b *Builder) programLayer(ctx context.Context, name, folder string, sources fs.FS, scripts ...file) (layer, error) {
	path, err := b.compile(ctx, folder, sources)
	if err != nil {
		return layer{}, err
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return layer{}, fmt.Errorf("layer %s: %w", name, err)
	}
	return b.fileLayer(ctx, name, append([]file{{path: "usr/local/bin/" + name, mode: 0o755, content: program}}, scripts...)...)
}

// scriptFiles are the files of one folder, as they lie in /scripts of an image.
func scriptFiles(scripts fs.FS, folder string) (files []file, err error) {
	entries, err := fs.ReadDir(scripts, folder)
	if err != nil {
		return nil, fmt.Errorf("read the scripts: %w", err)
	}
	for _, entry := range entries {
		content, err := fs.ReadFile(scripts, folder+"/"+entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read the scripts: %w", err)
		}
		files = append(files, file{path: "scripts/" + entry.Name(), mode: 0o755, content: content})
	}
	return files, nil
}

package image

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	mirror = "http://deb.debian.org/debian"
	// release brings PostgreSQL 18 and Patroni 4.1; olderRelease PostgreSQL 17,
	// so that major upgrades can be tried.
	release      = "forky"
	olderRelease = "trixie"
	keyring      = "/usr/share/keyrings/debian-archive-keyring.gpg"
)

// recipe of a layer that is built by running a script in a Debian tree.
type recipe struct {
	name   string
	script string // of /bin/sh, run in the tree as root, after prologue and before epilogue
	finish string // run last of all
	files  []file // put into the tree before the script runs
}

// shell is the whole script.
func (r recipe) shell() string { return prologue + r.script + epilogue + r.finish }

// prologue prepares a tree for the package manager. Mounts and processes
// vanish with the namespaces in which it runs.
const prologue = `
mount -t proc proc /proc
mount -t sysfs sysfs /sys
[ -e /dev/null ] || mknod -m 666 /dev/null c 1 3
[ -e /dev/zero ] || mknod -m 666 /dev/zero c 1 5
[ -e /dev/random ] || mknod -m 666 /dev/random c 1 8
[ -e /dev/urandom ] || mknod -m 666 /dev/urandom c 1 9
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
install_packages() {
	apt-get update --quiet
	apt-get install --quiet --yes --no-install-recommends "$@"
}
`

// epilogue removes what nobody reads in a container, and what was made for
// this one machine: its id, and a key that every image would share.
const epilogue = `
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/cache/ldconfig/* /var/lib/dpkg/*-old
rm -rf /usr/share/doc /usr/share/man /usr/share/info /usr/share/lintian /usr/share/bug
find /usr/share/locale -mindepth 1 -maxdepth 1 ! -name locale.alias -exec rm -rf {} +
find /var/log -type f -delete
rm -rf /etc/machine-id /etc/ssl/private/* /etc/ssl/certs/ssl-cert-snakeoil.pem
[ ! -d /etc/ssl/certs ] || find /etc/ssl/certs -xtype l -delete
rm -rf /tmp/* /var/tmp/* /run/* /usr/sbin/policy-rc.d /etc/.pwd.lock
`

// aptConfig makes apt quick (the tree is thrown away after a crash) and
// lenient: a mirror some days behind must not stop a local build.
const aptConfig = `Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Install-Suggests "false";
Dpkg::Use-Pty "0";
`

// base is the layer that all Debian images share.
func (b *Builder) base(ctx context.Context) (layer, error) {
	r := recipe{name: "debian", files: []file{
		{path: "etc/apt/apt.conf.d/local", mode: 0o644, content: []byte(aptConfig)},
		{path: "etc/dpkg/dpkg.cfg.d/local", mode: 0o644, content: []byte("force-unsafe-io\n")},
	}}
	return b.debian(ctx, r, nil)
}

// debian builds the layer of a recipe: on top of lower, or from nothing.
func (b *Builder) debian(ctx context.Context, r recipe, lower *layer) (layer, error) {
	parts := [][]byte{[]byte(release + olderRelease), []byte(r.shell())}
	for _, f := range r.files {
		parts = append(parts, fmt.Appendf(nil, "%s %o", f.path, f.mode), f.content)
	}
	if lower != nil {
		parts = append(parts, []byte(lower.Blob.Hex))
	}
	key := digest(parts...)
	return b.layer(ctx, r.name, key, func(w io.Writer) error {
		root, err := workDir(b.cached("layer", r.name, key))
		if err != nil {
			return err
		}
		defer os.RemoveAll(root)
		return b.buildTree(ctx, w, r, root, lower)
	})
}

// buildTree builds the tree in root and writes the layer to w.
func (b *Builder) buildTree(ctx context.Context, w io.Writer, r recipe, root string, lower *layer) error {
	done := b.step("build the layer %s from Debian packages", r.name)
	start := time.Now()
	known, err := b.lowerTree(ctx, root, lower)
	if err != nil {
		return err
	}
	for _, f := range r.files {
		path := filepath.Join(root, f.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.content, os.FileMode(f.mode)); err != nil {
			return err
		}
	}
	if err := inTree(ctx, root, r.shell()); err != nil {
		return err
	}
	if err := writeTree(w, root, known, start); err != nil {
		return err
	}
	done()
	return nil
}

// lowerTree fills root with the layer below, or with a bootstrapped Debian.
func (b *Builder) lowerTree(ctx context.Context, root string, lower *layer) (index, error) {
	if lower == nil {
		return nil, b.bootstrap(ctx, root)
	}
	if err := lower.unpack(ctx, root); err != nil {
		return nil, err
	}
	for _, path := range []string{"/etc/resolv.conf", "/etc/hosts"} {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("give the tree its network settings: %w", err)
		}
		if err := os.WriteFile(filepath.Join(root, path), content, 0o644); err != nil {
			return nil, err
		}
	}
	plain, err := lower.open()
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	return readIndex(plain)
}

// bootstrap unpacks a minimal Debian into root.
func (b *Builder) bootstrap(ctx context.Context, root string) error {
	if err := b.hostTools(ctx); err != nil {
		return err
	}
	// The script file is named because debootstrap may be older than the release.
	command := exec.CommandContext(ctx, "debootstrap", "--variant=minbase", "--keyring="+keyring, release, root, mirror, "sid")
	command.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	return run(command, "debootstrap "+release)
}

// hostTools installs what a build needs on this machine and is missing.
func (b *Builder) hostTools(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("build images from Debian packages: needs root, runs as user id %d", os.Geteuid())
	}
	if _, err := exec.LookPath("debootstrap"); err == nil {
		return nil
	}
	defer b.step("install debootstrap on this machine")()
	command := exec.CommandContext(ctx, "apt-get", "install", "--yes", "--no-install-recommends", "debootstrap", "debian-archive-keyring")
	command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	return run(command, "apt-get install debootstrap")
}

// inTree runs a shell script as root of the tree, in a mount and process
// namespace of its own: when the script ends, however it ends, so do its
// mounts and processes.
func inTree(ctx context.Context, root, script string) error {
	command := exec.CommandContext(ctx, "/bin/sh", "-eu", "-s")
	command.Stdin = strings.NewReader(script)
	command.Dir = "/"
	command.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/root", "DEBIAN_FRONTEND=noninteractive"}
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if value, ok := os.LookupEnv(name); ok {
			command.Env = append(command.Env, name+"="+value)
		}
	}
	command.SysProcAttr = &syscall.SysProcAttr{
		Chroot:       root,
		Cloneflags:   syscall.CLONE_NEWPID,
		Unshareflags: syscall.CLONE_NEWNS,
		Pdeathsig:    syscall.SIGKILL,
	}
	return run(command, "build script")
}

// run runs a command; an error carries the last lines of what it said.
func run(command *exec.Cmd, what string) error {
	const lastLines = 25
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		lines = lines[max(0, len(lines)-lastLines):]
		return fmt.Errorf("%s: %w\n%s", what, err, strings.Join(lines, "\n"))
	}
	return nil
}

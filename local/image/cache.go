package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// lockPoll is how often a builder looks whether another one is done with the
// same result. Files can be locked, but not waited for with a context.
const lockPoll = 200 * time.Millisecond

// lockSuffix marks lock files, which stay: whoever removed one that another
// process holds would let a third one in.
const lockSuffix = ".lock"

// Suffixes of what is not finished. Only the holder of the lock touches it, so
// what a killed builder left is overwritten by the next.
const (
	partSuffix = ".part"
	workSuffix = ".work"
)

// cached returns the path of one result. Results of the same kind and name
// differ by key, a digest of everything that goes into them.
func (b *Builder) cached(kind, name, key string) string {
	return filepath.Join(b.dir, kind, name, key[:16])
}

// once calls build unless path exists. While it runs, no other builder of any
// process works on the same path. build must create path as its last act.
// What other recipes left under the same name is removed.
func (b *Builder) once(ctx context.Context, path string, build func() error) error {
	if exists(path) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("create the image cache: %w", err)
	}
	unlock, err := lock(ctx, path+lockSuffix)
	if err != nil {
		return err
	}
	defer unlock()
	if exists(path) {
		return nil
	}
	if err := build(); err != nil {
		return err
	}
	removeOthers(path)
	return nil
}

// removeOthers removes the neighbours of path which do not begin like it.
func removeOthers(path string) {
	found, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	for _, other := range found {
		if !strings.HasPrefix(other, path) && !strings.HasSuffix(other, lockSuffix) {
			os.RemoveAll(other) // what stays costs only disk
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// lock takes an exclusive lock on a file, waiting for as long as ctx allows.
// The kernel gives the lock back when the process ends, however it ends.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the image cache: %w", err)
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("wait for another build of %s: %w", path, ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}

// workDir makes an empty directory to build path in. The caller holds the
// lock of path and removes the directory in the end.
func workDir(path string) (string, error) {
	work := path + workSuffix
	if err := os.RemoveAll(work); err != nil {
		return "", fmt.Errorf("clear what an earlier build left: %w", err)
	}
	return work, os.Mkdir(work, 0o755)
}

// step logs the beginning of a long step; the returned function logs its end
// with the time that it took.
func (b *Builder) step(format string, args ...any) (done func()) {
	what := fmt.Sprintf(format, args...)
	b.log("image: %s …", what)
	start := time.Now()
	return func() { b.log("image: %s: done in %.1f s", what, time.Since(start).Seconds()) }
}

// digest is the key of a recipe: its parts, each with its length, so that no
// two lists of parts collide.
func digest(parts ...[]byte) string {
	hash := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(hash, "%d:", len(part))
		hash.Write(part)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// digestTree is the digest of all files of a file system, names included.
func digestTree(tree fs.FS) (string, error) {
	var parts [][]byte
	err := fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(tree, path)
		parts = append(parts, []byte(path), content)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read a recipe's files: %w", err)
	}
	return digest(parts...), nil
}

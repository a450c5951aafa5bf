package image

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// epoch is the time of everything that a build makes. Files out of packages
// keep their own times, which do not depend on the build; Python needs them,
// because its compiled files name the time of their source.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// isRuntime tells what the machine puts into a tree while it builds, and a
// container runtime while it runs: never part of a layer.
func isRuntime(name string) bool {
	switch name {
	case "etc/resolv.conf", "etc/hostname", "etc/hosts":
		return true
	}
	top, rest, _ := strings.Cut(name, "/")
	return rest != "" && (top == "dev" || top == "proc" || top == "sys")
}

// index says for every path of a layer what is there, as a digest of its
// header and content.
type index map[string][sha256.Size]byte

// readIndex reads the index of a layer's plain tar.
func readIndex(plain io.Reader) (index, error) {
	known := index{}
	archive := tar.NewReader(plain)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return known, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read a layer: %w", err)
		}
		if known[header.Name], err = entryDigest(header, archive); err != nil {
			return nil, fmt.Errorf("read a layer: %w", err)
		}
	}
}

func entryDigest(header *tar.Header, content io.Reader) (sum [sha256.Size]byte, err error) {
	hash := sha256.New()
	fmt.Fprintf(hash, "%c %o %d %d %q %d\n", header.Typeflag, header.Mode, header.Uid, header.Gid, header.Linkname, header.ModTime.Unix())
	if header.Typeflag == tar.TypeReg {
		_, err = io.Copy(hash, content)
	}
	hash.Sum(sum[:0])
	return sum, err
}

// writeTree writes to w, as a tar sorted by path, what is below root and not
// the same in lower, and the removal of what is only in lower. Files changed
// since start get the time epoch.
func writeTree(w io.Writer, root string, lower index, start time.Time) error {
	archive := tar.NewWriter(w)
	removed := maps.Clone(lower)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		header, err := treeHeader(root, path, entry, start)
		if err != nil || header == nil {
			return err
		}
		delete(removed, header.Name)
		return writeEntry(archive, header, path, lower)
	})
	if err != nil {
		return fmt.Errorf("pack %s: %w", root, err)
	}
	for _, path := range slices.Sorted(maps.Keys(removed)) {
		if _, parentGone := removed[filepath.Dir(strings.TrimSuffix(path, "/"))+"/"]; parentGone {
			continue
		}
		if err := archive.WriteHeader(whiteout(path)); err != nil {
			return fmt.Errorf("pack %s: %w", root, err)
		}
	}
	return archive.Close()
}

// treeHeader describes one file, or returns nil for what no layer holds:
// sockets, pipes, devices, and what belongs to the running machine.
func treeHeader(root, path string, entry fs.DirEntry, start time.Time) (*tar.Header, error) {
	info, err := entry.Info()
	if err != nil {
		return nil, err
	}
	name, err := filepath.Rel(root, path)
	if err != nil {
		return nil, err
	}
	if isRuntime(name) || !info.Mode().IsRegular() && !info.IsDir() && info.Mode()&fs.ModeSymlink == 0 {
		return nil, nil
	}
	var target string
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = os.Readlink(path); err != nil {
			return nil, err
		}
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return nil, err
	}
	header.Name = name
	if info.IsDir() {
		header.Name += "/"
	}
	header.Uname, header.Gname = "", ""
	header.AccessTime, header.ChangeTime = time.Time{}, time.Time{}
	header.ModTime = header.ModTime.Truncate(time.Second)
	if info.IsDir() || header.ModTime.After(start) {
		header.ModTime = epoch
	}
	header.Format = tar.FormatGNU
	return header, nil
}

// writeEntry writes the file at path unless lower holds the same.
func writeEntry(archive *tar.Writer, header *tar.Header, path string, lower index) error {
	if header.Typeflag != tar.TypeReg {
		sum, err := entryDigest(header, nil)
		if err != nil || lower[header.Name] == sum {
			return err
		}
		return archive.WriteHeader(header)
	}
	content, err := os.Open(path)
	if err != nil {
		return err
	}
	defer content.Close()
	sum, err := entryDigest(header, content)
	if err != nil || lower[header.Name] == sum {
		return err
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(archive, content)
	return err
}

// whiteout is how a layer says that a path of a lower layer is gone, see the
// OCI image specification, "Layer", "Whiteouts".
func whiteout(path string) *tar.Header {
	dir, base := filepath.Split(strings.TrimSuffix(path, "/"))
	return &tar.Header{Name: dir + ".wh." + base, Mode: 0o600, ModTime: epoch, Typeflag: tar.TypeReg}
}

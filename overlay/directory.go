package overlay

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Directory reads the overlays of a directory: its own files are one, and each
// folder in it with such files is another, in the order of their names. They
// are called as path says it.
func Directory(dir string) (Set, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("overlay %s is not a directory", dir)
	}
	set, err := FromFS(filepath.ToSlash(filepath.Clean(dir)), "directory "+dir, os.DirFS(dir))
	if err != nil {
		return nil, err
	}
	return set, set.Check()
}

// FromFS reads the overlays of a file system as Directory does.
func FromFS(name, source string, files fs.FS) (Set, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("read overlay %s: %w", name, err)
	}
	var set Set
	own, err := readFolder(name, source, files, ".")
	if err != nil {
		return nil, err
	}
	set = append(set, own...)
	for _, entry := range entries {
		folder := entry.Name()
		if !isDir(files, entry) || strings.HasPrefix(folder, ".") || folder == "cue.mod" || folder == "testdata" {
			continue
		}
		below, err := readFolder(path.Join(name, folder), source, files, folder)
		if err != nil {
			return nil, err
		}
		set = append(set, below...)
	}
	if len(set) == 0 {
		return nil, &Error{Overlay: name, Cause: "there is no file *" + SuffixCUE + " or *" + SuffixTemplate + " in it"}
	}
	return set, nil
}

// isDir follows links: a mounted ConfigMap consists of them.
func isDir(files fs.FS, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.IsDir()
	}
	info, err := fs.Stat(files, entry.Name())
	return err == nil && info.IsDir()
}

// readFolder reads one folder; an empty set when it holds no overlay.
func readFolder(name, source string, files fs.FS, folder string) (Set, error) {
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		return nil, fmt.Errorf("read overlay %s: %w", name, err)
	}
	found, isOverlay := map[string][]byte{}, false
	for _, entry := range entries {
		file := entry.Name()
		if !IsFile(file) && file != ScopeFile {
			continue
		}
		content, err := readFile(files, path.Join(folder, file))
		var tooLarge *tooLargeError
		if errors.As(err, &tooLarge) {
			return nil, &Error{Overlay: name, File: file, Cause: err.Error()}
		}
		if err != nil {
			return nil, fmt.Errorf("read overlay %s: %w", name, err)
		}
		found[file] = content
		isOverlay = isOverlay || IsFile(file)
	}
	if !isOverlay {
		return nil, nil
	}
	o, err := New(name, source, found)
	return Set{o}, err
}

// tooLargeError says so before the file is read into memory.
type tooLargeError struct{ size int64 }

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("the file has %d bytes, at most %d are allowed", e.size, MaxFile)
}

func readFile(files fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(files, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > MaxFile {
		return nil, &tooLargeError{info.Size()}
	}
	return fs.ReadFile(files, name)
}

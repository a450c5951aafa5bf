package image

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Binary describes an image which holds one static program and nothing else.
type Binary struct {
	Name       string   // image reference, for example docker.io/library/postgres-operator:v0.1.0
	Path       string   // of the program on this machine; it must not need shared libraries
	Entrypoint string   // absolute path of the program in the image
	Args       []string // default arguments
	User       string   // uid or uid:gid
	// CertificateAuthorities adds this machine's bundle of trusted authorities,
	// for programs which speak TLS to hosts outside the cluster.
	CertificateAuthorities bool
}

// certificateBundle is where Go programs look first, on Debian as in the image.
const certificateBundle = "/etc/ssl/certs/ca-certificates.crt"

// FromBinary builds the image of a static program.
func (b *Builder) FromBinary(ctx context.Context, binary Binary) (Archive, error) {
	if !path.IsAbs(binary.Entrypoint) {
		return Archive{}, fmt.Errorf("image %s: entry point %q is not an absolute path", binary.Name, binary.Entrypoint)
	}
	content, err := os.ReadFile(binary.Path)
	if err != nil {
		return Archive{}, fmt.Errorf("image %s: %w", binary.Name, err)
	}
	files := []file{{path: strings.TrimPrefix(binary.Entrypoint, "/"), mode: 0o755, content: content}}
	if binary.CertificateAuthorities {
		bundle, err := os.ReadFile(certificateBundle)
		if err != nil {
			return Archive{}, fmt.Errorf("image %s: %w", binary.Name, err)
		}
		files = append(files, file{path: strings.TrimPrefix(certificateBundle, "/"), mode: 0o644, content: bundle})
	}
	program, err := b.fileLayer(ctx, filepath.Base(binary.Entrypoint), files...)
	if err != nil {
		return Archive{}, err
	}
	return b.archive(ctx, binary.Name, v1.Config{
		Entrypoint: []string{binary.Entrypoint},
		Cmd:        binary.Args,
		User:       binary.User,
		WorkingDir: "/",
		Env:        []string{"PATH=/"},
	}, []layer{program})
}

// Package certs makes the cluster's certificates.
//
// Clients inside pods, Python's ssl module above all, check strictly: an
// authority must carry keyUsage keyCertSign and cRLSign, and each certificate
// both key identifiers. Existing files are kept, so that a cluster survives a
// restart of its components.
package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const validity = 10 * 365 * 24 * time.Hour

// Authority signs certificates.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Request says whom a certificate names. Addresses make it a server's
// certificate too; every certificate serves as a client's.
type Request struct {
	CommonName   string
	Organization []string
	DNSNames     []string
	Addresses    []net.IP
}

// Pair is where a certificate and its key are kept, PEM encoded.
type Pair struct{ Certificate, Key string }

// LoadAuthority reads the authority kept at files, or makes and keeps a new one.
func LoadAuthority(name string, files Pair) (*Authority, error) {
	if loaded, err := readAuthority(files); !errors.Is(err, fs.ErrNotExist) {
		return loaded, err
	}
	template := newTemplate(Request{CommonName: name})
	template.IsCA = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = nil
	if err := issue(template, nil, files); err != nil {
		return nil, fmt.Errorf("making the authority %s: %w", name, err)
	}
	return readAuthority(files)
}

func readAuthority(files Pair) (*Authority, error) {
	pair, err := tls.LoadX509KeyPair(files.Certificate, files.Key)
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds no ECDSA key", files.Key)
	}
	return &Authority{cert: pair.Leaf, key: key}, nil
}

// Ensure makes the certificate of a request unless its files exist and were
// signed by this authority.
func (a *Authority) Ensure(request Request, files Pair) error {
	if pair, err := tls.LoadX509KeyPair(files.Certificate, files.Key); err == nil &&
		pair.Leaf.CheckSignatureFrom(a.cert) == nil {
		return nil
	}
	if err := issue(newTemplate(request), a, files); err != nil {
		return fmt.Errorf("making the certificate of %s: %w", request.CommonName, err)
	}
	return nil
}

func newTemplate(request Request) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: request.CommonName, Organization: request.Organization},
		DNSNames:              request.DNSNames,
		IPAddresses:           request.Addresses,
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(validity),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
}

// issue signs the template by the authority, or by itself when there is none.
func issue(template *x509.Certificate, authority *Authority, files Pair) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return err
	}
	if template.SubjectKeyId, err = keyID(key); err != nil {
		return err
	}
	parent, signer := template, key
	if authority != nil {
		parent, signer = authority.cert, authority.key
	}
	template.AuthorityKeyId = parent.SubjectKeyId
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return err
	}
	if err := WriteKey(files.Key, key); err != nil {
		return err
	}
	return os.WriteFile(files.Certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

func keyID(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(der)
	return sum[:20], nil
}

// WriteKey keeps a private key, readable by its owner only.
func WriteKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}

package roles

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/xdg-go/scram"
)

// Postgres stores what proves a password, not the password:
//
//	SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>   (base64, RFC 5803)
//	md5<hex of md5(password + role name)>
//
// https://www.postgresql.org/docs/current/catalog-pg-authid.html. Both are computed here, so that the
// server never sees the clear text and cannot log it.
const (
	scramPrefix     = "SCRAM-SHA-256$"
	scramIterations = 4096 // the server's default, scram_iterations
	saltBytes       = 16   // as the server does
)

// Verifier is a password as Postgres stores it. It does not print.
type Verifier string

// String masks the verifier: it allows guessing the password, and an MD5 hash even logs in.
func (v Verifier) String() string {
	if v == "" {
		return "none"
	}
	return "***"
}

// GoString masks as String does.
func (v Verifier) GoString() string { return v.String() }

func (v Verifier) isSCRAM() bool { return strings.HasPrefix(string(v), scramPrefix) }
func (v Verifier) isMD5() bool {
	return regexp.MustCompile(`^md5[0-9a-f]{32}$`).MatchString(string(v))
}

// newVerifier hashes a password, with a salt read from random. What is a verifier already stays as it is.
func newVerifier(role, password string, useMD5 bool, random io.Reader) (Verifier, error) {
	if given := Verifier(password); given.isMD5() || given.isSCRAM() {
		return given, nil
	}
	if useMD5 {
		return md5Verifier(role, password), nil
	}
	salt := make([]byte, saltBytes)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("read a salt: %w", err)
	}
	return scramVerifier(password, salt, scramIterations)
}

// holds tells whether v is a verifier of the password, in the method that is wanted. It costs a key
// derivation, some milliseconds, and writes nothing.
func (v Verifier) holds(role, password string, useMD5 bool) bool {
	if given := Verifier(password); given.isMD5() || given.isSCRAM() {
		return same(v, given)
	}
	if useMD5 {
		return same(v, md5Verifier(role, password))
	}
	iterations, salt, ok := v.scramFactors()
	if !ok {
		return false
	}
	computed, err := scramVerifier(password, salt, iterations)
	return err == nil && same(v, computed)
}

func same(a, b Verifier) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func md5Verifier(role, password string) Verifier {
	sum := md5.Sum([]byte(password + role))
	return Verifier("md5" + hex.EncodeToString(sum[:]))
}

func (v Verifier) scramFactors() (iterations int, salt []byte, ok bool) {
	head, _, found := strings.Cut(strings.TrimPrefix(string(v), scramPrefix), "$")
	count, encoded, split := strings.Cut(head, ":")
	if !v.isSCRAM() || !found || !split {
		return 0, nil, false
	}
	iterations, err := strconv.Atoi(count)
	if err != nil || iterations < 1 {
		return 0, nil, false
	}
	salt, err = base64.StdEncoding.DecodeString(encoded)
	return iterations, salt, err == nil
}

// scramVerifier prepares the password by SASLprep; where that does not allow it, Postgres and all
// its clients take the bytes as they are.
func scramVerifier(password string, salt []byte, iterations int) (Verifier, error) {
	client, err := scram.SHA256.NewClient("", password, "")
	if err != nil {
		if client, err = scram.SHA256.NewClientUnprepped("", password, ""); err != nil {
			return "", fmt.Errorf("prepare a password: %w", err)
		}
	}
	stored, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt), Iters: iterations})
	if err != nil {
		return "", fmt.Errorf("derive a verifier: %w", err)
	}
	encode := base64.StdEncoding.EncodeToString
	return Verifier(fmt.Sprintf("%s%d:%s$%s:%s", scramPrefix, iterations, encode(salt),
		encode(stored.StoredKey), encode(stored.ServerKey))), nil
}

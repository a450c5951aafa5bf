package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// MarshalJSON writes every option by the name of its field, durations as text
// and secrets masked: safe to log and to serve.
func (c Config) MarshalJSON() ([]byte, error) {
	values := map[string]any{}
	for _, f := range fields(&c) {
		values[f.Field] = f.printed()
	}
	return json.Marshal(values)
}

// String returns the JSON of MarshalJSON.
func (c Config) String() string {
	b, err := c.MarshalJSON()
	if err != nil {
		return "config: " + err.Error()
	}
	return string(b)
}

// GoString keeps %#v from printing secrets.
func (c Config) GoString() string { return c.String() }

// Digest returns a short text that is equal for equal configurations. Secrets
// count; the text does not reveal them.
func (c Config) Digest() string {
	values := map[string]any{}
	for _, f := range fields(&c) {
		values[f.Key] = f.at.Interface()
	}
	b, err := json.Marshal(values) // sorts keys
	if err != nil {
		panic(fmt.Sprintf("config: cannot encode: %v", err)) // every type of an option can be encoded
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// printed returns the value as it may be shown.
func (f field) printed() any {
	v := f.at.Interface()
	if f.Secret && !f.at.IsZero() {
		return masked
	}
	if d, ok := v.(time.Duration); ok {
		return d.String()
	}
	return v
}

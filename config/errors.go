package config

import (
	"errors"
	"fmt"
	"strings"
)

// masked stands for a secret wherever a value is shown.
const masked = "***"

// KeyError says that the value of one option cannot be used.
type KeyError struct {
	Key     string // key of the ConfigMap or path in the OperatorConfiguration
	Value   string // the value, masked when it is a secret
	Allowed string // what is allowed instead
}

func (e *KeyError) Error() string {
	return fmt.Sprintf("%s: %q is not allowed: must be %s", e.Key, e.Value, e.Allowed)
}

func compareKeys(a, b error) int {
	var ka, kb *KeyError
	if errors.As(a, &ka) && errors.As(b, &kb) {
		return strings.Compare(ka.Key, kb.Key)
	}
	return 0
}

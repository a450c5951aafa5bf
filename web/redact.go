package web

import (
	"regexp"
	"slices"
)

const masked = "***"

// secretNames are names of variables and keys that hold what nobody may read.
var secretNames = regexp.MustCompile(`(?i)password|passwd|secret_access_key|access_key_id|account_key|api_key|token|credentials|private_key|sas_`)

// redact returns a value in which everything is masked that may be a secret: values of keys and of
// environment variables with such a name. A reference to a Secret is none.
func redact(value any) any {
	switch value := value.(type) {
	case map[string]any:
		shown := make(map[string]any, len(value))
		for key, item := range value {
			if text, ok := item.(string); ok && text != "" && (secretNames.MatchString(key) || key == "value" && secretVariable(value)) {
				shown[key] = masked
				continue
			}
			shown[key] = redact(item)
		}
		return shown
	case []any:
		shown := slices.Clone(value)
		for i, item := range shown {
			shown[i] = redact(item)
		}
		return shown
	}
	return value
}

func secretVariable(variable map[string]any) bool {
	name, _ := variable["name"].(string)
	return secretNames.MatchString(name)
}

package pgbouncer

import "strings"

// FirstUser reads the first entry of an auth_file: "user" "password", in which a quote is doubled.
// https://www.pgbouncer.org/config.html#authentication-file-format
func FirstUser(list string) (user, password string, ok bool) {
	user, rest, ok := unquote(strings.TrimSpace(list))
	if !ok {
		return "", "", false
	}
	password, _, ok = unquote(strings.TrimSpace(rest))
	return user, password, ok
}

func unquote(text string) (value, rest string, ok bool) {
	text, ok = strings.CutPrefix(text, `"`)
	if !ok {
		return "", "", false
	}
	for {
		part, after, found := strings.Cut(text, `"`)
		if !found {
			return "", "", false
		}
		value += part
		if text, ok = strings.CutPrefix(after, `"`); !ok {
			return value, after, true
		}
		value += `"`
	}
}

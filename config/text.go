package config

import (
	"errors"
	"fmt"
	"math"
	"postgres-operator/window"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

var (
	errBool     = errors.New("true or false")
	errDuration = errors.New(`a duration such as "30s", "10m" or "1h30m"`)
	errName     = errors.New("a name or namespace/name")
)

// typeName says in words what a value of the option is.
func typeName(v any) string {
	switch v.(type) {
	case string:
		return "text"
	case Template:
		return "template"
	case bool, *bool:
		return "bool"
	case int, int32, *int64:
		return "integer"
	case uint32:
		return "unsigned integer"
	case time.Duration:
		return "duration"
	case []string:
		return "list of text"
	case map[string]string:
		return "map of text"
	case NamespacedName:
		return "name or namespace/name"
	case []window.Window:
		return "list of maintenance windows"
	case []InfrastructureRole:
		return "infrastructure roles"
	case Definition:
		return "JSON or YAML of an object"
	case *corev1.Probe:
		return "probe"
	case []corev1.Container:
		return "list of containers"
	}
	panic(fmt.Sprintf("config: no parser for options of type %T", v))
}

// setText sets an option from the notation of the ConfigMap. Its error says
// what is allowed.
func (l *loader) setText(f field, text string) error {
	if text == "" {
		return f.checkEmpty()
	}
	var err error
	switch p := f.at.Addr().Interface().(type) {
	case *string:
		*p = text
	case *Template:
		*p = Template(text)
		err = l.checkPlaceholders(f, text)
	case *bool:
		*p, err = parseBool(text)
	case **bool:
		var b bool
		b, err = parseBool(text)
		*p = &b
	case *int:
		var n int64
		n, err = f.parseInt(text, 64)
		*p = int(n)
	case *int32:
		var n int64
		n, err = f.parseInt(text, 32)
		*p = int32(n)
	case **int64:
		var n int64
		n, err = f.parseInt(text, 64)
		*p = &n
	case *uint32:
		var n int64
		n, err = f.parseInt(text, 64)
		if err == nil && (n < 0 || n > math.MaxUint32) {
			err = f.intError()
		}
		*p = uint32(n)
	case *time.Duration:
		*p, err = time.ParseDuration(text)
		if err != nil || *p < 0 {
			err = errDuration
		}
	default:
		err = l.setStructuredText(f, text)
	}
	if err != nil {
		return err
	}
	return f.checkFormat()
}

// setStructuredText is setText for everything with parts.
func (l *loader) setStructuredText(f field, text string) error {
	var err error
	switch p := f.at.Addr().Interface().(type) {
	case *[]string:
		*p = splitList(text)
	case *map[string]string:
		*p, err = splitMap(text)
	case *NamespacedName:
		*p, err = parseNamespacedName(text, l.operatorNamespace)
	case *[]window.Window:
		*p, err = parseWindows(splitList(text))
	case *[]InfrastructureRole:
		*p, err = l.parseInfrastructureRole(text)
	case *Definition:
		*p, err = parseDefinition(text, f.Format)
	case *[]corev1.Container:
		*p, err = parseContainers(text)
	default:
		err = errors.New("set in an OperatorConfiguration")
	}
	return err
}

func parseBool(text string) (bool, error) {
	b, err := strconv.ParseBool(strings.TrimSpace(text))
	if err != nil {
		return false, errBool
	}
	return b, nil
}

// parseInt reads a number in any notation of Go (10, 0x0a) within the bounds
// of the option.
func (f field) parseInt(text string, bits int) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 0, bits)
	if err != nil {
		return 0, f.intError()
	}
	for _, bound := range []struct {
		text string
		sign int64
	}{{f.Min, 1}, {f.Max, -1}} {
		if b, boundErr := strconv.ParseInt(bound.text, 10, 64); boundErr == nil && (n-b)*bound.sign < 0 {
			return 0, f.intError()
		}
	}
	return n, nil
}

func (f field) intError() error {
	text := "a whole number"
	if f.Min != "" {
		text += " of at least " + f.Min
	}
	if f.Max != "" {
		text += " and at most " + f.Max
	}
	return errors.New(text)
}

// splitList splits at commas. Spaces around items and empty items vanish.
func splitList(text string) []string {
	var list []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

// splitMap reads key:value pairs separated by commas. A comma inside double
// quotes separates nothing; the quotes stay part of the value.
func splitMap(text string) (map[string]string, error) {
	m := map[string]string{}
	for _, pair := range splitOutsideQuotes(text) {
		key, value, found := strings.Cut(pair, ":")
		key = strings.TrimSpace(key)
		if !found || key == "" {
			return nil, fmt.Errorf("key:value pairs separated by commas; %q is none", pair)
		}
		m[key] = strings.TrimSpace(value)
	}
	return m, nil
}

func splitOutsideQuotes(text string) []string {
	quoted := false
	parts := strings.FieldsFunc(text, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ',' && !quoted
	})
	var list []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			list = append(list, p)
		}
	}
	return list
}

package render

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"sigs.k8s.io/yaml"
)

// templateWork counts what one execution of a Go template costs.
type templateWork struct{ steps, bytes int }

func newTemplateWork() *templateWork { return &templateWork{} }

func (w *templateWork) tick() (string, error) {
	if w.steps++; w.steps > maxTemplateSteps {
		return "", fmt.Errorf("it takes more than %d steps", maxTemplateSteps)
	}
	return "", nil
}

// made accounts for a text that a function has made.
func (w *templateWork) made(text string) (string, error) {
	if w.bytes += len(text) + 1; w.bytes > maxTemplateBytes {
		return "", w.tooMuch()
	}
	return text, nil
}

func (w *templateWork) tooMuch() error {
	return fmt.Errorf("its functions make more than %d bytes", maxTemplateBytes)
}

// functions are all that a template can call beside and, or, not, len, index,
// slice and the comparisons. None of them knows the environment, files, the
// network, time or randomness. Those of text/template that make texts are
// replaced by ones that count.
func (w *templateWork) functions() template.FuncMap {
	text := func(f func(string) string) any {
		return func(s string) (string, error) { return w.made(f(s)) }
	}
	return template.FuncMap{
		"tick": w.tick,

		"print":   func(values ...any) (string, error) { return w.made(fmt.Sprint(values...)) },
		"println": func(values ...any) (string, error) { return w.made(fmt.Sprintln(values...)) },
		"printf":  w.printf,
		"html":    text(template.HTMLEscapeString), "js": text(template.JSEscapeString), "urlquery": text(func(s string) string { return template.URLQueryEscaper(s) }),
		"call": func(...any) (string, error) { return "", errors.New("call is not available") },

		"toYaml": w.toYAML, "toJson": w.toJSON, "quote": w.toJSON,
		"indent":  func(n int, s string) (string, error) { return w.indent(n, s, "") },
		"nindent": func(n int, s string) (string, error) { return w.indent(n, s, "\n") },
		"lower":   text(strings.ToLower), "upper": text(strings.ToUpper), "trim": text(strings.TrimSpace),
		"trimPrefix": func(prefix, s string) string { return strings.TrimPrefix(s, prefix) },
		"trimSuffix": func(suffix, s string) string { return strings.TrimSuffix(s, suffix) },
		"hasPrefix":  func(prefix, s string) bool { return strings.HasPrefix(s, prefix) },
		"hasSuffix":  func(suffix, s string) bool { return strings.HasSuffix(s, suffix) },
		"contains":   func(part, s string) bool { return strings.Contains(s, part) },
		"replace":    w.replace,
		"split":      w.split,
		"join":       w.join,
		"b64enc":     text(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }),
		"b64dec":     w.decode,
		"sha256sum": text(func(s string) string {
			sum := sha256.Sum256([]byte(s))
			return hex.EncodeToString(sum[:])
		}),

		"default":  func(otherwise, value any) any { return ternary(isZero(value), otherwise, value) },
		"ternary":  func(yes, no any, condition bool) any { return ternary(condition, yes, no) },
		"required": required,
		"fail":     func(message string) (string, error) { return "", errors.New(message) },
		"list":     func(values ...any) []any { return values },
		"dict":     dict,
		"hasKey":   func(m map[string]any, key string) bool { _, ok := m[key]; return ok },
		"get":      func(m map[string]any, key string) any { return m[key] },
		"keys":     sortedKeys[any],

		"add": func(a, b int64) int64 { return a + b }, "sub": func(a, b int64) int64 { return a - b },
		"mul": func(a, b int64) int64 { return a * b },
		"div": func(a, b int64) (int64, error) {
			if b == 0 {
				return 0, errors.New("division by zero")
			}
			return a / b, nil
		},
		"min": func(a, b int64) int64 { return min(a, b) }, "max": func(a, b int64) int64 { return max(a, b) },
	}
}

// wide finds widths of many digits, and those that are arguments, in a format.
var wide = regexp.MustCompile(`%[^a-zA-Z%]*(\*|[0-9]{4,})`)

func (w *templateWork) printf(format string, values ...any) (string, error) {
	if wide.MatchString(format) {
		return "", errors.New("printf: at most three digits of width or precision")
	}
	return w.made(fmt.Sprintf(format, values...))
}

func (w *templateWork) toYAML(value any) (string, error) {
	text, err := yaml.Marshal(value)
	if err != nil {
		return "", err
	}
	return w.made(strings.TrimSuffix(string(text), "\n"))
}

func (w *templateWork) toJSON(value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	return w.made(string(text))
}

func (w *templateWork) indent(n int, s, before string) (string, error) {
	if n < 0 || n > 200 {
		return "", errors.New("indent: between 0 and 200 spaces")
	}
	space := strings.Repeat(" ", n)
	if len(s)+strings.Count(s, "\n")*n > maxTemplateBytes {
		return "", w.tooMuch()
	}
	return w.made(before + space + strings.ReplaceAll(s, "\n", "\n"+space))
}

func (w *templateWork) replace(old, with, s string) (string, error) {
	if strings.Count(s, old)*len(with) > maxTemplateBytes {
		return "", w.tooMuch()
	}
	return w.made(strings.ReplaceAll(s, old, with))
}

func (w *templateWork) split(separator, s string) ([]any, error) {
	if _, err := w.made(s); err != nil {
		return nil, err
	}
	var parts []any
	for part := range strings.SplitSeq(s, separator) {
		parts = append(parts, part)
	}
	return parts, nil
}

func (w *templateWork) join(separator string, values []any) (string, error) {
	var parts []string
	for _, value := range values {
		parts = append(parts, fmt.Sprint(value))
	}
	return w.made(strings.Join(parts, separator))
}

func (w *templateWork) decode(s string) (string, error) {
	text, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", errors.New("b64dec: not in base64")
	}
	return w.made(string(text))
}

func ternary(condition bool, yes, no any) any {
	if condition {
		return yes
	}
	return no
}

func isZero(value any) bool {
	v := reflect.ValueOf(value)
	if !v.IsValid() {
		return true
	}
	switch v.Kind() {
	case reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	}
	return v.IsZero()
}

func required(message string, value any) (any, error) {
	if value == nil || value == "" {
		return nil, errors.New(message)
	}
	return value, nil
}

func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict: every key needs a value")
	}
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return m, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

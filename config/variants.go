package config

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Setting is what an option is set to.
type Setting struct {
	Text    string // as JSON; a secret is masked
	Default bool   // it is the default
}

// Setting of the option with a key; empty for no such option.
func (c Config) Setting(key string) Setting {
	standard := Default()
	defaults := fields(&standard)
	for i, f := range fields(&c) {
		if f.Key == key {
			return Setting{f.text(), reflect.DeepEqual(f.at.Interface(), defaults[i].at.Interface())}
		}
	}
	return Setting{}
}

// Variants are configurations that differ from this one in the option with a
// key and in nothing else. Whoever compares what comes of them sees what the
// option decides. Not each of them makes sense.
func (c Config) Variants(key string) []Config {
	var list []Config
	for i, f := range fields(&c) {
		if f.Key != key {
			continue
		}
		for _, value := range f.others() {
			other := c
			at := fields(&other)[i].at
			at.Set(reflect.ValueOf(value).Convert(at.Type()))
			list = append(list, other)
		}
	}
	return list
}

// others are values that the option could have instead.
func (f field) others() []any {
	standard := Default()
	instead := []any{reflect.Zero(f.at.Type()).Interface()}
	for _, s := range fields(&standard) {
		if s.Key == f.Key {
			instead = append(instead, s.at.Interface())
		}
	}
	instead = append(instead, f.unlike()...)
	return slices.DeleteFunc(instead, func(v any) bool { return reflect.DeepEqual(v, f.at.Interface()) })
}

func (f field) unlike() []any {
	switch v := f.at.Interface().(type) {
	case bool:
		return []any{!v}
	case *bool:
		return []any{new(true), new(false)}
	case *int64:
		return []any{new(int64(12345))}
	case string:
		return f.otherTexts(v)
	case Template:
		return []any{"other-" + v}
	case time.Duration:
		return []any{v + time.Minute}
	case int, int32, uint32:
		number := reflect.ValueOf(v)
		if number.CanInt() {
			return []any{number.Int() + 1, 1}
		}
		return []any{number.Uint() + 1}
	case []string:
		return []any{append(slices.Clone(v), "other")}
	case map[string]string:
		more := map[string]string{"other": "other"}
		maps.Copy(more, v)
		return []any{more}
	case []corev1.Container:
		return []any{append(slices.Clone(v), corev1.Container{Name: "other", Image: "other"})}
	}
	return nil // to be without it says enough
}

// otherTexts: what the text is for decides which others are allowed.
func (f field) otherTexts(v string) []any {
	var list []any
	for _, allowed := range f.Allowed {
		list = append(list, allowed)
	}
	if len(list) > 0 {
		return list
	}
	if major, err := strconv.Atoi(v); err == nil {
		return []any{strconv.Itoa(major - 1), strconv.Itoa(major + 1)}
	}
	if json.Valid([]byte(v)) && v != "" {
		return nil
	}
	switch f.Format {
	case "":
		return []any{v + "x"}
	case "cpu": // bounds act from above and from below
		return []any{"1m", "1000"}
	case "memory":
		return []any{"1Mi", "1000Gi"}
	}
	return []any{v + "x", "other"}
}

package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"postgres-operator/window"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// setValue sets an option from a decoded JSON value. Its error says what is
// allowed.
func (l *loader) setValue(f field, v any) error {
	switch p := f.at.Addr().Interface().(type) {
	case *[]string:
		list, err := textList(v)
		if err != nil {
			return err
		}
		*p = list
		return f.checkFormat()
	case *map[string]string:
		m, err := textMap(v)
		if err != nil {
			return err
		}
		*p = m
		return f.checkFormat()
	case *[]window.Window:
		list, err := textList(v)
		if err != nil {
			return err
		}
		*p, err = parseWindows(list)
		return err
	case *[]InfrastructureRole:
		roles, err := l.infrastructureRoles(v)
		*p = roles
		return err
	case **corev1.Probe:
		*p = &corev1.Probe{}
		return strictDecode(v, *p)
	case *[]corev1.Container:
		if err := strictDecode(v, p); err != nil {
			return err
		}
		return checkContainers(*p)
	}
	text, err := scalarText(f, v)
	if err != nil {
		return err
	}
	return l.setText(f, text)
}

// scalarText converts a JSON scalar of the right type to the notation of the
// ConfigMap.
func scalarText(f field, v any) (string, error) {
	switch f.at.Interface().(type) {
	case bool, *bool:
		if b, ok := v.(bool); ok {
			return strconv.FormatBool(b), nil
		}
		return "", errBool
	case int, int32, uint32, *int64:
		return wholeNumber(f, v)
	case time.Duration:
		if s, ok := v.(string); ok {
			return s, nil
		}
		return "", errDuration
	}
	if s, ok := v.(string); ok {
		return s, nil
	}
	return "", errors.New("a text")
}

func wholeNumber(f field, v any) (string, error) {
	switch n := v.(type) {
	case int:
		return strconv.Itoa(n), nil
	case int32:
		return strconv.FormatInt(int64(n), 10), nil
	case int64:
		return strconv.FormatInt(n, 10), nil
	case float64: // JSON knows no integers
		if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			return strconv.FormatInt(int64(n), 10), nil
		}
	}
	return "", f.intError()
}

func textList(v any) ([]string, error) {
	if list, ok := v.([]string); ok {
		return list, nil
	}
	values, ok := v.([]any)
	if !ok {
		return nil, errors.New("a list of texts")
	}
	var list []string
	for _, item := range values {
		s, ok := item.(string)
		if !ok {
			return nil, fmt.Errorf("a list of texts; %v is none", item)
		}
		list = append(list, s)
	}
	return list, nil
}

func textMap(v any) (map[string]string, error) {
	values, ok := v.(map[string]any)
	if !ok {
		if m, isTyped := v.(map[string]string); isTyped {
			return m, nil
		}
		return nil, errors.New("an object with texts as values")
	}
	m := make(map[string]string, len(values))
	for key, item := range values {
		s, ok := item.(string)
		if !ok {
			return nil, fmt.Errorf("an object with texts as values; that of %s is none", key)
		}
		m[key] = s
	}
	return m, nil
}

// strictDecode converts v to a Kubernetes type and refuses unknown fields.
func strictDecode(v any, into any) error {
	b, err := json.Marshal(v)
	if err == nil {
		err = yaml.UnmarshalStrict(b, into)
	}
	if err != nil {
		return fmt.Errorf("valid as %T: %w", into, err)
	}
	return nil
}

package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// loader collects what goes wrong while one configuration is read.
type loader struct {
	operatorNamespace string
	object            bool   // reading an OperatorConfiguration
	name              string // the option being read, as its form calls it
	errs              []error
	warnings          []string
}

func (l *loader) warn(text string) { l.warnings = append(l.warnings, text) }

// report turns the error of one option into a *KeyError.
func (l *loader) report(f field, value any, err error) {
	if err == nil {
		return
	}
	shown := fmt.Sprint(value)
	if _, isText := value.(string); !isText {
		if b, jsonErr := json.Marshal(value); jsonErr == nil {
			shown = string(b)
		}
	}
	if len(shown) > 200 {
		shown = shown[:200] + "..."
	}
	if f.Secret {
		shown = masked
	}
	l.errs = append(l.errs, &KeyError{Key: l.name, Value: shown, Allowed: err.Error()})
}

// group returns one group of an object and whether it is there. The top level
// always is.
func (l *loader) group(configuration map[string]any, name string) (map[string]any, bool) {
	if name == "" {
		return configuration, true
	}
	g, ok := configuration[name].(map[string]any)
	return g, ok
}

// warnObsolete names an option that is set and has no effect.
func (l *loader) warnObsolete(f field) {
	if f.Field == "EnableLoadBalancer" {
		l.warn("obsolete key " + f.Key + ", use enable_master_load_balancer and enable_replica_load_balancer")
	}
}

// warnUnknown reports keys of an object that mean nothing, and refuses groups
// that are not objects.
func (l *loader) warnUnknown(configuration map[string]any, known map[string]bool) {
	groups := map[string]bool{}
	for _, o := range Options() {
		groups[o.Group] = true
	}
	for key, value := range configuration {
		group, isMap := value.(map[string]any)
		switch {
		case groups[key] && key != "" && value == nil:
		case groups[key] && key != "" && !isMap:
			l.errs = append(l.errs, &KeyError{Key: key, Value: fmt.Sprint(value), Allowed: "an object with the options of this group"})
		case groups[key] && key != "":
			for inner := range group {
				if !known[key+"."+inner] {
					l.warn("unknown key " + key + "." + inner)
				}
			}
		case !known[key]:
			l.warn("unknown key " + key)
		}
	}
}

// finish runs the checks across options and returns the result in a stable
// order.
func (l *loader) finish(c Config) (Config, error) {
	if len(l.errs) == 0 {
		l.errs = l.check(&c)
	}
	slices.Sort(l.warnings)
	c.Warnings = l.warnings
	slices.SortStableFunc(l.errs, compareKeys)
	return c, errors.Join(l.errs...)
}

func isZero(v any) bool {
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Map, reflect.Slice:
		return r.Len() == 0
	}
	return r.IsZero()
}

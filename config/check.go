package config

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
)

// formats are the checks that a tag can name, each over one text of a value.
// Formats of whole maps are in checkFormat; ServiceAccount and RoleBinding in
// parseDefinition.
var formats = map[string]func(text string) error{
	"cpu":    checkQuantity,
	"memory": checkQuantity,
	"cron": func(text string) error {
		if !cronPattern.MatchString(text) {
			return errors.New(`a cron schedule of five fields, such as "30 00 * * *"`)
		}
		return nil
	},
	"regexp": func(text string) error {
		if _, err := regexp.Compile(text); err != nil {
			return fmt.Errorf("a list of regular expressions; %w", err)
		}
		return nil
	},
	"version": func(text string) error {
		if !versionPattern.MatchString(text) {
			return errors.New("a major version of Postgres such as 18")
		}
		return nil
	},
	"namespaces": checkNamespaces,
	"selector": func(text string) error {
		if _, err := labels.Parse(text); err != nil {
			return fmt.Errorf("a label selector such as tier=test; %w", err)
		}
		return nil
	},
	"wave": func(text string) error {
		if text != "" && !wavePattern.MatchString(text) {
			return errors.New("a number or a percentage, such as 5 or 10%")
		}
		return nil
	},
	"label": func(text string) error {
		return oneOf(validation.IsQualifiedName(text), "a label key")
	},
	"name": func(text string) error {
		return oneOf(validation.IsDNS1123Subdomain(text), "a name of a Kubernetes object")
	},
}

// oneOf turns the findings of apimachinery into what is allowed.
func oneOf(findings []string, what string) error {
	if len(findings) == 0 {
		return nil
	}
	return errors.New(what + ": " + strings.Join(findings, "; "))
}

var (
	cronPattern    = regexp.MustCompile(`^(@[a-z]+|[-0-9A-Za-z*/,?]+( +[-0-9A-Za-z*/,?]+){4})$`)
	wavePattern    = regexp.MustCompile(`^([1-9]\d{0,5}|([1-9]\d?|100)%)$`)
	versionPattern = regexp.MustCompile(`^\d{2}$`)
)

// checkQuantity accepts quantities of Kubernetes, and "null" for none.
func checkQuantity(text string) error {
	if text == "null" {
		return nil
	}
	if q, err := resource.ParseQuantity(text); err != nil || q.Sign() < 0 {
		return errors.New(`a quantity such as "500m", "2", "512Mi" or "1Gi"`)
	}
	return nil
}

func checkNamespaces(text string) error {
	if text == "*" {
		return nil
	}
	names := splitList(text)
	if len(names) == 0 {
		return errors.New("empty, *, or names of namespaces separated by commas")
	}
	for _, name := range names {
		if len(validation.IsDNS1123Label(name)) > 0 {
			return fmt.Errorf("empty, *, or names of namespaces separated by commas; %q is none", name)
		}
	}
	return nil
}

// checkEmpty refuses an empty value of an option that needs one.
func (f field) checkEmpty() error {
	if f.Required {
		return errors.New("not empty")
	}
	return nil
}

// checkFormat tests the value in its field against allowed and format.
func (f field) checkFormat() error {
	switch v := f.at.Interface().(type) {
	case string:
		if len(f.Allowed) > 0 && !slices.Contains(f.Allowed, v) {
			return errors.New("one of " + strings.Join(f.Allowed, ", "))
		}
		return checkTexts(f.Format, v)
	case []string:
		return checkTexts(f.Format, v...)
	case map[string]string:
		if f.Format == "labels" {
			return f.checkLabels(v)
		}
		if parts, ok := mapFormats[f.Format]; ok {
			return checkMap(v, parts)
		}
	}
	return nil
}

func (f field) checkLabels(labels map[string]string) error {
	if len(labels) == 0 {
		return f.checkEmpty()
	}
	for key, value := range labels {
		findings := append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...)
		if err := oneOf(findings, "labels"); err != nil {
			return err
		}
	}
	return nil
}

var placeholderPattern = regexp.MustCompile(`\{([^{}]*)\}`)

// checkPlaceholders refuses an unknown placeholder in the name of an object,
// which could not be created, and warns of it elsewhere.
func (l *loader) checkPlaceholders(f field, text string) error {
	for _, m := range placeholderPattern.FindAllStringSubmatch(text, -1) {
		if slices.Contains(f.Holders, m[1]) {
			continue
		}
		allowed := "a template with the placeholders {" + strings.Join(f.Holders, "}, {") + "}"
		if f.Required {
			return errors.New(allowed)
		}
		l.warn(l.name + ": " + m[0] + " stays as it is; placeholders are {" + strings.Join(f.Holders, "}, {") + "}")
	}
	return nil
}

func checkTexts(format string, texts ...string) error {
	check, ok := formats[format]
	if !ok {
		return nil
	}
	for _, text := range texts {
		if err := check(text); err != nil {
			return err
		}
	}
	return nil
}

// mapFormats are the keys of maps with fixed keys, and their values where
// these are fixed too.
var mapFormats = map[string]map[string][]string{
	"toleration": {"key": nil, "operator": {"Exists", "Equal"}, "value": nil, "effect": {"NoSchedule", "PreferNoSchedule", "NoExecute"}},
	"retention":  {"when_deleted": {"delete", "retain"}, "when_scaled": {"delete", "retain"}},
}

func checkMap(m map[string]string, parts map[string][]string) error {
	for key, value := range m {
		values, known := parts[key]
		if !known {
			return fmt.Errorf("a map with the keys %s; %q is none", strings.Join(slices.Sorted(maps.Keys(parts)), ", "), key)
		}
		if len(values) > 0 && value != "" && !slices.Contains(values, value) {
			return fmt.Errorf("a map with %s as one of %s", key, strings.Join(values, ", "))
		}
	}
	return nil
}

// check tests options against each other, and settles what depends on more
// than one.
func (l *loader) check(c *Config) []error {
	var errs []error
	if c.MinInstances > 0 && c.MaxInstances > 0 && c.MinInstances > c.MaxInstances {
		errs = append(errs, &KeyError{Key: l.call("min_instances"), Value: fmt.Sprint(c.MinInstances),
			Allowed: fmt.Sprintf("at most max_instances, which is %d", c.MaxInstances)})
	}
	if c.ConnectionPoolerUser == c.SuperUsername {
		errs = append(errs, &KeyError{Key: l.call("connection_pooler_user"), Value: c.ConnectionPoolerUser,
			Allowed: "another role than super_username"})
	}
	if c.AdditionalSecretMount != "" && c.AdditionalSecretMountPath == "" {
		l.warn(l.call("additional_secret_mount") + " has no effect without additional_secret_mount_path")
	}
	if l.object && c.ConnectionPoolerNumberOfInstances < 2 {
		c.ConnectionPoolerNumberOfInstances = 2
		l.warn(l.call("connection_pooler_number_of_instances") + " raised to 2")
	}
	return errs
}

// call names an option as the form being read does.
func (l *loader) call(key string) string {
	for _, o := range Options() {
		if o.Key == key && l.object {
			return o.Path
		}
	}
	return key
}

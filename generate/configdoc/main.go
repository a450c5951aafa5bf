// Command configdoc writes the reference of the operator's configuration from
// the options of package config. "make generate" runs it.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"postgres-operator/config"
	"postgres-operator/generate/effects"
)

const head = `# Configuration of the operator

<!-- Generated from the tags in package config by "make generate". Do not edit. -->

The operator reads its configuration from one of two places:

- an OperatorConfiguration in its namespace, named by the environment variable ` + "`POSTGRES_OPERATOR_CONFIGURATION_OBJECT`" + `.
  Options are typed and stand in groups, the sections of this page, below ` + "`configuration`" + `;
- else a ConfigMap, named by ` + "`CONFIG_MAP_NAME`" + ` (` + "`name` or `namespace/name`" + `). All options are text under a flat key.

Without either, defaults are in force. ` + "`WATCHED_NAMESPACE`" + ` and ` + "`SCALYR_API_KEY`" + ` override the options of the same name.

A bad value is an error that names the key, the value and what is allowed; an unknown key is a warning.

**Notation in a ConfigMap.** Lists: ` + "`a,b`" + `. Maps: ` + "`key:value,other:value`" + `. Durations: ` + "`30s`, `10m`, `1h30m`" + `. An absent key
takes its default; an empty value switches a default off, or is the default where only some values are allowed.
Names without a namespace are looked for in the operator's.

**Notation in an OperatorConfiguration.** Lists and maps are YAML. An empty text, number, list or map takes the default.

A key marked ↻ takes effect when the operator process starts again; all others at once.

The last column says what changes with an option. *pods* means that the pod template changes: pods are replaced one after the other, the
primary last.
`

func main() {
	root := flag.String("root", "..", "root of the repository")
	flag.Parse()
	if err := run(*root); err != nil {
		log.Fatal(err)
	}
}

func run(root string) error {
	found, err := effects.Read(filepath.Join(root, effects.File))
	if err != nil {
		return err
	}
	text := page(config.Options(), found)
	return os.WriteFile(filepath.Join(root, "docs/reference/configuration.md"), []byte(text), 0o644)
}

// page writes one table per group, in the order of the options.
func page(options []config.Option, found effects.Effects) string {
	var b strings.Builder
	b.WriteString(head)
	group := "none yet"
	for _, o := range options {
		if o.Group != group {
			group = o.Group
			title := "`" + group + "`"
			if group == "" {
				title = "Top level"
			}
			fmt.Fprintf(&b, "\n## %s\n\n| key | type | default | | changes |\n|---|---|---|---|---|\n", title)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", key(o), kind(o), defaults(o), cell(o.Doc)+only(o), effects.Words(found.Options[o.Key]))
	}
	return b.String()
}

func key(o config.Option) string {
	if o.Restart {
		return "`" + o.Key + "` ↻"
	}
	return "`" + o.Key + "`"
}

func kind(o config.Option) string {
	switch {
	case len(o.Allowed) > 0:
		return "`" + strings.Join(o.Allowed, "`, `") + "`"
	case o.Format == "cpu", o.Format == "memory":
		return "quantity"
	}
	text := o.Type
	if o.Min != "" {
		text += " ≥ " + o.Min
	}
	if o.Max != "" {
		text += ", ≤ " + o.Max
	}
	return text
}

// defaults names the default of the ConfigMap, and those of the object where
// they are others.
func defaults(o config.Option) string {
	text := value(o.Default)
	if o.Only == "" && o.Schema != o.Default {
		text += "; object: " + value(o.Schema)
	}
	if o.Only == "" && o.Group != "" && o.Code != o.Schema {
		text += "; object without the group: " + value(o.Code)
	}
	return text
}

func value(text string) string {
	if text == "" {
		return "none"
	}
	return "`" + cell(text) + "`"
}

func only(o config.Option) string {
	switch o.Only {
	case "configmap":
		return " ConfigMap only."
	case "crd":
		return " OperatorConfiguration only."
	}
	return ""
}

// cell keeps a text inside its table cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

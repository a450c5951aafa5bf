// Command inputdoc writes the reference of what templates see from templates/input.cue.
// "make generate" runs it.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"postgres-operator/render"
)

const head = `# What templates see: ` + "`input`" + `

<!-- Generated from templates/input.cue by "make generate". Do not edit. -->

Overlays in CUE read ` + "`input`" + `, those in Go templates its fields as ` + "`{{ .postgres.image }}`" + `. It is one cluster, with every decision about it
already taken; overlays read it and never write it. A field that is marked *optional* may be absent: test it by
` + "`if input.x != _|_`" + ` before you use it. ` + "`*`" + ` stands for any key.

## Version and stability

This is version ` + "`%s`" + ` of the structure; ` + "`input.version`" + ` says which one an operator has.

- **Additions** raise the second number. An overlay that works goes on to work.
- **A field that is to go is deprecated first**: its comment says what to use in its place, it keeps its value for at least two minor releases of
  the operator, and ` + "`postgres-operator check`" + ` warns of every overlay that reads it, with file and line.
- **Removing a field, or giving it another meaning**, raises the first number. The release notes name it, and ` + "`check`" + ` refuses an overlay
  that reads a field which is not there.
- The manifest under ` + "`input.manifest`" + ` is that of the API ` + "`acid.zalan.do/v1`" + `, which has its own promise.

What overlays write into (` + "`pod`, `service`, `statefulset`" + ` and the like) is Kubernetes' structure, and changes with Kubernetes.
`

func main() {
	root := flag.String("root", "..", "root of the repository")
	flag.Parse()
	if err := run(*root); err != nil {
		log.Fatal(err)
	}
}

func run(root string) error {
	contract, err := render.ReadContract()
	if err != nil {
		return err
	}
	path := filepath.Join(root, "docs/templates/input.md")
	return os.WriteFile(path, []byte(page(contract)), 0o644)
}

func page(c render.Contract) string {
	var b strings.Builder
	fmt.Fprintf(&b, head, render.ContractVersion)
	for _, d := range c.Definitions {
		fmt.Fprintf(&b, "\n## %s\n", d.Name)
		if d.Doc != "" {
			fmt.Fprintf(&b, "\n%s\n", strings.Join(strings.Fields(d.Doc), " "))
		}
		if d.Type != "" {
			fmt.Fprintf(&b, "\n`%s`\n", d.Type)
			continue
		}
		b.WriteString("\n| field | type | meaning |\n|---|---|---|\n")
		for _, f := range d.Fields {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.Join(f.Path, "."), kind(f), cell(meaning(f)))
		}
	}
	return b.String()
}

// kind is the type in a table.
func kind(f render.ContractField) string {
	switch {
	case f.Type == "":
		return optional("struct", f)
	case strings.HasPrefix(f.Type, "#"):
		return optional(fmt.Sprintf("[%s](#%s)", f.Type, strings.ToLower(f.Type[1:])), f)
	}
	return optional("`"+cell(f.Type)+"`", f)
}

func optional(text string, f render.ContractField) string {
	if f.Optional {
		return text + ", *optional*"
	}
	return text
}

func meaning(f render.ContractField) string {
	if f.Deprecated != "" {
		return strings.TrimSpace("**Deprecated:** " + f.Deprecated + " " + f.Doc)
	}
	return f.Doc
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

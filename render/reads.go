package render

import (
	"slices"
	"strconv"
	"strings"
	"text/template"
	tree "text/template/parse"

	"cuelang.org/go/cue/ast"

	"postgres-operator/overlay"
)

// Read is a place where an overlay reads the input.
type Read struct {
	Path     []string // * stands for any key
	Position string
}

func (r Read) String() string { return "input." + strings.Join(r.Path, ".") }

// InputReads lists what an overlay reads of the input, in the order of its files.
func InputReads(o overlay.Overlay) ([]Read, error) {
	var reads []Read
	for _, f := range o.Files {
		var err error
		var more []Read
		if strings.HasSuffix(f.Name, overlay.SuffixCUE) {
			more, err = readsOfCUE(source{name: o.Path(f), content: f.Content})
		} else {
			more, err = readsOfTemplate(o.Path(f), f.Content)
		}
		if err != nil {
			return nil, err
		}
		reads = append(reads, more...)
	}
	return reads, nil
}

func readsOfCUE(s source) ([]Read, error) {
	file, err := parse(s)
	if err != nil {
		return nil, err
	}
	var reads []Read
	ast.Walk(file, func(node ast.Node) bool {
		chain, ok := inputChain(node)
		if !ok || len(chain) == 0 {
			return true
		}
		chain = slices.Clone(chain)
		for i, step := range chain {
			if step == anyKey {
				chain[i] = "*"
			}
		}
		reads = append(reads, Read{Path: chain, Position: node.Pos().String()})
		_, indexed := node.(*ast.IndexExpr)
		return indexed // an index may read more
	}, nil)
	return longest(reads), nil
}

// longest leaves out the beginnings of chains that are there as a whole, at the same place.
func longest(reads []Read) []Read {
	return slices.DeleteFunc(reads, func(r Read) bool {
		return slices.ContainsFunc(reads, func(other Read) bool {
			return other.Position == r.Position && len(other.Path) > len(r.Path) && slices.Equal(other.Path[:len(r.Path)], r.Path)
		})
	})
}

// readsOfTemplate lists the fields that a Go template reads from the root: .postgres.image and $.postgres.image.
// Those of other values, inside range and with, are not followed.
func readsOfTemplate(path string, content []byte) ([]Read, error) {
	t, err := template.New(path).Funcs(newTemplateWork().functions()).Parse(string(content))
	if err != nil {
		return nil, goTemplateError(path, err)
	}
	var reads []Read
	for _, defined := range t.Templates() {
		if defined.Tree != nil {
			walkTemplate(defined.Root, true, func(chain []string, pos tree.Pos) {
				line := 1 + strings.Count(string(content[:pos]), "\n")
				reads = append(reads, Read{Path: chain, Position: path + ":" + strconv.Itoa(line)})
			})
		}
	}
	return reads, nil
}

// walkTemplate tells of every chain of fields that begins at the root; dot tells whether the dot is the root.
func walkTemplate(node tree.Node, dot bool, found func([]string, tree.Pos)) {
	branch := func(b tree.BranchNode, moves bool) {
		walkTemplate(b.Pipe, dot, found)
		if b.List != nil {
			walkTemplate(b.List, dot && !moves, found)
		}
		if b.ElseList != nil {
			walkTemplate(b.ElseList, dot, found)
		}
	}
	switch node := node.(type) {
	case *tree.ListNode:
		for _, below := range node.Nodes {
			walkTemplate(below, dot, found)
		}
	case *tree.ActionNode:
		walkTemplate(node.Pipe, dot, found)
	case *tree.IfNode:
		branch(node.BranchNode, false)
	case *tree.RangeNode:
		branch(node.BranchNode, true)
	case *tree.WithNode:
		branch(node.BranchNode, true)
	case *tree.PipeNode:
		for _, command := range node.Cmds {
			for _, argument := range command.Args {
				walkTemplate(argument, dot, found)
			}
		}
	case *tree.FieldNode:
		if dot {
			found(node.Ident, node.Pos)
		}
	case *tree.VariableNode:
		if len(node.Ident) > 1 && node.Ident[0] == "$" {
			found(node.Ident[1:], node.Pos)
		}
	}
}

// Covers tells whether a path of fields, such as that of a deprecated one, is or holds what is read.
func (r Read) Covers(path []string) bool {
	if len(r.Path) < len(path) {
		return false
	}
	for i, step := range path {
		if step != r.Path[i] && step != "*" && r.Path[i] != "*" {
			return false
		}
	}
	return true
}

// Present tells whether a view has what is read.
func (r Read) Present(view View) bool {
	return hasPath(plain(&view), r.Path)
}

func hasPath(value any, path []string) bool {
	if len(path) == 0 {
		return value != nil
	}
	fields, isMap := value.(map[string]any)
	if !isMap {
		return value != nil // what is below a list is not followed
	}
	for key, below := range fields {
		if (path[0] == "*" || path[0] == key) && hasPath(below, path[1:]) {
			return true
		}
	}
	return false
}

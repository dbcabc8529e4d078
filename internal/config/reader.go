package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"
	"go.yaml.in/yaml/v4"
)

// reader walks a YAML tree strictly and collects what is wrong with it. Each part of the document has
// a path ("apps/portal/dev", "hooks/post/0/run"); the whole document is "".
type reader struct {
	lines    map[string]int
	broken   map[string]bool
	failures []failure
}

// failure is an error at a line.
type failure struct {
	line int
	text string
}

// field is a key that a mapping may have, and what reads its value.
type field struct {
	name string
	read func(path string, node *yaml.Node)
}

func newReader() *reader {
	return &reader{lines: map[string]int{"": 1}, broken: map[string]bool{}}
}

// fail records an error at the node and marks the path, so that no error follows from it.
func (r *reader) fail(path string, node *yaml.Node, format string, args ...any) {
	r.broken[path] = true
	r.failures = append(r.failures, failure{node.Line, fmt.Sprintf(format, args...)})
}

// mend takes the mark back where the key says enough without its value.
func (r *reader) mend(path string) { delete(r.broken, path) }

// isBroken tells whether an error was recorded at the path or at what it is part of.
func (r *reader) isBroken(path string) bool {
	for !r.broken[path] {
		if path == "" {
			return false
		}
		path = parent(path)
	}
	return true
}

// place adds the problems of the group's meaning, each at the line of its path, but those that follow from other errors.
func (r *reader) place(problems []Problem) {
	for _, p := range problems {
		if r.isBroken(p.Path) || p.needs != "" && r.isBroken(p.needs) {
			continue
		}
		path := p.Path
		for r.lines[path] == 0 {
			path = parent(path)
		}
		r.failures = append(r.failures, failure{r.lines[path], p.Text})
	}
}

// err is all errors in the order of their lines, or nil.
func (r *reader) err() error {
	slices.SortStableFunc(r.failures, func(a, b failure) int { return a.line - b.line })
	var all *multierror.Error
	for _, f := range r.failures {
		all = multierror.Append(all, located(f.line, "%s", f.text))
	}
	return all.ErrorOrNil()
}

// mapping visits the entries of a mapping in their order.
func (r *reader) mapping(path string, node *yaml.Node, visit func(key, path string, value *yaml.Node)) {
	if node.Kind != yaml.MappingNode || node.ShortTag() != "!!map" {
		r.fail(path, node, "%s must be a mapping (key: value), not %s", describe(path), kindOf(node))
		return
	}
	first := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if r.scalar(key) != "!!str" {
			r.fail(join(path, key.Value), key, "a key of %s must be a string%s", describe(path), quoteHint(key))
			continue
		}
		if line, twice := first[key.Value]; twice {
			r.failures = append(r.failures, failure{key.Line, fmt.Sprintf("%s appears twice in %s (first on line %d)", key.Value, describe(path), line)})
			continue
		}
		first[key.Value] = key.Line
		r.lines[join(path, key.Value)] = key.Line
		visit(key.Value, join(path, key.Value), value)
	}
}

// fields reads a mapping that may have these keys and no others.
func (r *reader) fields(path string, node *yaml.Node, what string, known []field) {
	r.mapping(path, node, func(key, path string, value *yaml.Node) {
		i := slices.IndexFunc(known, func(f field) bool { return f.name == key })
		if i >= 0 {
			known[i].read(path, value)
			return
		}
		names := make([]string, len(known))
		for i, f := range known {
			names[i] = f.name
		}
		r.failures = append(r.failures, failure{r.lines[path], fmt.Sprintf("unknown field %q in %s; it may have %s", key, what, strings.Join(names, ", "))})
	})
}

// list visits the items of a list.
func (r *reader) list(path string, node *yaml.Node, visit func(path string, item *yaml.Node)) {
	if node.Kind != yaml.SequenceNode || node.ShortTag() != "!!seq" {
		r.fail(path, node, "%s must be a list, not %s", describe(path), kindOf(node))
		return
	}
	for i, item := range node.Content {
		at := join(path, fmt.Sprint(i))
		r.lines[at] = item.Line
		visit(at, item)
	}
}

// text reads a string.
func (r *reader) text(path string, node *yaml.Node) string {
	if r.scalar(node) != "!!str" {
		r.fail(path, node, "%s must be a string%s", describe(path), quoteHint(node))
		return ""
	}
	return node.Value
}

// texts reads a list of strings.
func (r *reader) texts(path string, node *yaml.Node) []string {
	var out []string
	r.list(path, node, func(at string, item *yaml.Node) {
		if r.scalar(item) != "!!str" {
			r.fail(path, item, "an item of %s must be a string%s", describe(path), quoteHint(item))
		}
		out = append(out, item.Value)
	})
	return out
}

// duration reads a positive duration such as 10m.
func (r *reader) duration(path string, node *yaml.Node) time.Duration {
	value, err := time.ParseDuration(node.Value)
	if r.scalar(node) != "!!str" || err != nil || value <= 0 {
		r.fail(path, node, "%s must be a duration such as 90s or 10m", describe(path))
		return 0
	}
	return value
}

// count reads a positive whole number.
func (r *reader) count(path string, node *yaml.Node) int {
	value, err := strconv.Atoi(node.Value)
	if r.scalar(node) != "!!int" || err != nil || value <= 0 {
		r.fail(path, node, "%s must be a whole number of at least 1", describe(path))
		return 0
	}
	return value
}

// truth reads true or false.
func (r *reader) truth(path string, node *yaml.Node) bool {
	value, err := strconv.ParseBool(node.Value)
	if r.scalar(node) != "!!bool" || err != nil {
		r.fail(path, node, "%s must be true or false", describe(path))
	}
	return value
}

// scalar is the type of a scalar, "" for what is none.
func (r *reader) scalar(node *yaml.Node) string {
	if node.Kind != yaml.ScalarNode {
		return ""
	}
	return node.ShortTag()
}

// quoteHint shows how a scalar of another type is written as a string.
func quoteHint(node *yaml.Node) string {
	if node.Kind != yaml.ScalarNode || node.ShortTag() == "!!null" {
		return ", not " + kindOf(node)
	}
	return fmt.Sprintf("; write %q", node.Value)
}

// kindOf names what a node is.
func kindOf(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.Kind == yaml.AliasNode:
		return "an alias"
	case node.ShortTag() == "!!null":
		return "empty"
	default:
		return fmt.Sprintf("%q", node.Value)
	}
}

// describe is a path as people read it: "hooks.post[0].run".
func describe(path string) string {
	if path == "" {
		return "the document"
	}
	parts := strings.Split(path, "/")
	out := parts[0]
	for i, part := range parts[1:] {
		if parts[0] == "hooks" && i == 1 {
			out += "[" + part + "]"
		} else {
			out += "." + part
		}
	}
	return out
}
func join(path, part string) string {
	if path == "" {
		return part
	}
	return path + "/" + part
}

func parent(path string) string {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)]
}

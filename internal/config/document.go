// Package config keeps the groups: as YAML documents that people write and read, and as files below
// Dokku's data folder that several commands may change at once.
package config

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// documentVersion is the version of the format that this program reads and writes.
const documentVersion = "1"

// limitKey is the key in the map of connections that is no role.
const limitKey = "limit"

// startKey is the key in a role's map that is no environment.
const startKey = "start"

// document is a parsed YAML document: the group, and the lines on which its parts stood.
type document struct {
	*reader
	group *graduate.Group
}

// Parse reads the YAML document of a group. It is strict, and reports all errors at once, each with its line.
func Parse(data []byte) (*graduate.Group, error) {
	d, err := parse(data)
	if err != nil {
		return nil, err
	}
	return d.group, nil
}

// parse is Parse for callers that have problems of their own to place in the document.
func parse(data []byte) (*document, error) {
	root, err := syntax(data)
	if err != nil {
		return nil, err
	}
	d := &document{reader: newReader(), group: &graduate.Group{}}
	d.read(root)
	normalize(d.group)
	d.place(Problems(d.group))
	if err := d.err(); err != nil {
		return nil, err
	}
	return d, nil
}

// syntax parses the bytes into a tree: one document, not empty.
func syntax(data []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	if err := decoder.Decode(&first); err == io.EOF {
		return nil, located(1, "the document is empty")
	} else if err != nil {
		return nil, syntaxError(data, err)
	}
	switch err := decoder.Decode(&second); {
	case err == io.EOF:
		return first.Content[0], nil
	case err != nil:
		return nil, syntaxError(data, err)
	default:
		return nil, located(second.Line, "a second document begins here; a group is one document")
	}
}

// syntaxError is the YAML library's error with its line in our form.
func syntaxError(data []byte, err error) error {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		return located(1, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	line := load.Mark.Line
	if line == 0 { // an illegal byte: the library knows only where it stands
		line = 1 + bytes.Count(data[:min(load.Mark.Index, len(data))], []byte("\n"))
	}
	return located(line, "%s", load.Message)
}

// located is an error that names its line.
func located(line int, format string, args ...any) error {
	return graduate.Errorf(graduate.Invalid, "line %d: "+format, append([]any{line}, args...)...)
}

// read fills the group from the root of the tree.
func (d *document) read(root *yaml.Node) {
	version := false
	d.fields("", root, "the document", []field{
		{"version", func(path string, node *yaml.Node) {
			version = true
			if d.scalar(node) != "!!int" || node.Value != documentVersion {
				d.fail(path, node, "version must be %s", documentVersion)
			}
		}},
		{"group", func(path string, node *yaml.Node) { d.group.Name = d.text(path, node) }},
		{"environments", d.environments},
		{"apps", d.roles},
		{"hooks", d.hooks},
		{"release_tasks", func(path string, node *yaml.Node) { d.group.Settings.ReleaseTasks = d.text(path, node) }},
		{"keep", func(path string, node *yaml.Node) { d.group.Settings.Keep = d.count(path, node) }},
		{"reversible", func(path string, node *yaml.Node) { d.group.Settings.Reversible = d.truth(path, node) }},
		{"start_timeout", func(path string, node *yaml.Node) { d.group.Settings.StartTimeout = d.duration(path, node) }},
		{"phase_timeout", func(path string, node *yaml.Node) { d.group.Settings.PhaseTimeout = d.duration(path, node) }},
		{"run_timeout", func(path string, node *yaml.Node) { d.group.Settings.RunTimeout = d.duration(path, node) }},
		{"history", func(path string, node *yaml.Node) { d.group.Settings.History = d.count(path, node) }},
		{"connections", d.connections},
		{"quiesce", d.quiesce},
		{"ignore", func(path string, node *yaml.Node) { d.group.Settings.Ignore = d.texts(path, node) }},
	})
	if !version && !d.isBroken("") {
		d.fail("version", root, "version is missing; write version: %s", documentVersion)
	}
}

// environments reads `environments: {dev: {}, staging: {from: [dev]}}`.
func (d *document) environments(path string, node *yaml.Node) {
	d.mapping(path, node, func(name, path string, body *yaml.Node) {
		environment := graduate.Environment{Name: name}
		d.fields(path, body, "environment "+name, []field{
			{"from", func(path string, node *yaml.Node) {
				environment.From = d.texts(path, node)
				if len(environment.From) == 0 {
					d.fail(path, node, "from must name an environment; leave it out to allow any")
				}
			}},
		})
		d.mend(path)
		d.group.Environments = append(d.group.Environments, environment)
	})
}

// roles reads `apps: {portal: {dev: portal-dev, prod: portal, start: after-post}}`.
func (d *document) roles(path string, node *yaml.Node) {
	d.mapping(path, node, func(name, path string, body *yaml.Node) {
		role := graduate.Role{Name: name, Apps: map[string]string{}, Start: graduate.StartAfterPost}
		d.mapping(path, body, func(key, path string, value *yaml.Node) {
			if key == startKey {
				role.Start = d.text(path, value)
			} else {
				role.Apps[key] = d.text(path, value)
			}
		})
		d.mend(path)
		d.group.Roles = append(d.group.Roles, role)
	})
}

// connections reads `connections: {limit: 25, portal: 10}`.
func (d *document) connections(path string, node *yaml.Node) {
	budget := &graduate.Connections{}
	d.mapping(path, node, func(key, path string, value *yaml.Node) {
		n := d.count(path, value)
		if key == limitKey {
			budget.Limit = n
			return
		}
		if budget.Roles == nil {
			budget.Roles = map[string]int{}
		}
		budget.Roles[key] = n
	})
	d.group.Settings.Connections = budget
}

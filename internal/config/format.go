package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Format writes the group as its YAML document. Parse(Format(g)) is g, and the document of the same
// group is always the same, so that export and apply change nothing.
func Format(g *graduate.Group) []byte {
	root := block(
		text("version"), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: documentVersion},
		text("group"), text(g.Name),
		text("environments"), environmentsNode(g),
	)
	if len(g.Roles) > 0 {
		root.Content = append(root.Content, text("apps"), rolesNode(g))
	}
	if len(g.Hooks) > 0 {
		root.Content = append(root.Content, text("hooks"), hooksNode(g))
	}
	if g.Settings.ReleaseTasks != "" {
		root.Content = append(root.Content, text("release_tasks"), text(g.Settings.ReleaseTasks))
	}
	if g.Settings.Keep != 0 {
		root.Content = append(root.Content, text("keep"), number(g.Settings.Keep))
	}
	if g.Settings.Reversible {
		root.Content = append(root.Content, text("reversible"), truth(true))
	}
	for _, timeout := range []struct {
		key   string
		value time.Duration
	}{{"start_timeout", g.Settings.StartTimeout}, {"phase_timeout", g.Settings.PhaseTimeout}, {"run_timeout", g.Settings.RunTimeout}} {
		if timeout.value != 0 {
			root.Content = append(root.Content, text(timeout.key), text(FormatDuration(timeout.value)))
		}
	}
	if g.Settings.History != 0 {
		root.Content = append(root.Content, text("history"), number(g.Settings.History))
	}
	if g.Settings.Connections != nil {
		root.Content = append(root.Content, text("connections"), connectionsNode(g))
	}
	if g.Settings.Quiesce != nil {
		root.Content = append(root.Content, text("quiesce"), quiesceNode(g.Settings.Quiesce))
	}
	if len(g.Settings.Ignore) > 0 {
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, pattern := range g.Settings.Ignore {
			list.Content = append(list.Content, text(pattern))
		}
		root.Content = append(root.Content, text("ignore"), list)
	}
	out, err := yaml.Dump(root, yaml.WithIndent(2), yaml.WithCompactSeqIndent(false), yaml.WithLineWidth(-1))
	if err != nil {
		panic(fmt.Sprintf("a tree of plain strings cannot be written as YAML: %v", err))
	}
	return out
}

func environmentsNode(g *graduate.Group) *yaml.Node {
	node := block()
	for _, e := range g.Environments {
		body := flow()
		if len(e.From) > 0 {
			body.Content = append(body.Content, text("from"), texts(e.From))
		}
		node.Content = append(node.Content, text(e.Name), body)
	}
	return node
}

func rolesNode(g *graduate.Group) *yaml.Node {
	node := block()
	for _, r := range g.Roles {
		body := flow()
		for _, env := range PlacedIn(g, r) {
			body.Content = append(body.Content, text(env), text(r.Apps[env]))
		}
		if r.Start == graduate.StartBeforePost {
			body.Content = append(body.Content, text(startKey), text(r.Start))
		}
		node.Content = append(node.Content, text(r.Name), body)
	}
	return node
}

func connectionsNode(g *graduate.Group) *yaml.Node {
	budget := g.Settings.Connections
	node := flow(text(limitKey), number(budget.Limit))
	for _, role := range budgeted(g, budget) {
		node.Content = append(node.Content, text(role), number(budget.Roles[role]))
	}
	return node
}

// FormatDuration writes a duration as people do: 10m, not 10m0s.
func FormatDuration(d time.Duration) string {
	out := d.String()
	if strings.HasSuffix(out, "m0s") {
		out = strings.TrimSuffix(out, "0s")
	}
	if strings.HasSuffix(out, "h0m") {
		out = strings.TrimSuffix(out, "0m")
	}
	return out
}

// block is a mapping of one entry per line, flow one on a single line.
func block(content ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Content: content}
}

func flow(content ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle, Content: content}
}

// text is a string, quoted wherever a YAML reader, an old one included, could take it for something else.
func text(value string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
	switch strings.ToLower(value) {
	case "y", "n", "yes", "no", "on", "off":
		node.Style = yaml.DoubleQuotedStyle
	}
	if strings.Contains(value, "\n") {
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}

// truth is true or false.
func truth(value bool) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(value)}
}

// number is a whole number.
func number(n int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(n)}
}

func texts(values []string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, value := range values {
		node.Content = append(node.Content, text(value))
	}
	return node
}

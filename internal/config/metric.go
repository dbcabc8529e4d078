package config

import (
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// metric reads `metric: {app: portal, for: 30s, max_5xx: 1%}`.
func (d *document) metric(path string, node *yaml.Node, h *graduate.Hook) *graduate.Metric {
	m := &graduate.Metric{}
	said := false
	d.fields(path, node, "a hook's metric", []field{
		{"app", func(path string, node *yaml.Node) { h.Role = d.text(path, node) }},
		{"for", func(path string, node *yaml.Node) { m.For = d.duration(path, node) }},
		{"max_5xx", func(path string, node *yaml.Node) {
			said = true
			var ok bool
			if m.Max5xx, ok = ParsePercent(node.Value); d.scalar(node) != "!!str" || !ok {
				d.fail(path, node, "%s must be a share such as 1%% or 0.5%%", describe(path))
			}
		}},
	})
	if !said && !d.isBroken(path) {
		d.fail(path, node, "%s needs max_5xx, such as 1%%", describe(path))
	}
	return m
}

// ParsePercent reads a share such as 0.5%.
func ParsePercent(text string) (share float64, ok bool) {
	digits, ok := strings.CutSuffix(text, "%")
	share, err := strconv.ParseFloat(digits, 64)
	return share, ok && err == nil && share >= 0 && share < 100 && !math.Signbit(share)
}

// metric checks a metric.
func (v *validator) metric(path, what string, h graduate.Hook) {
	if h.Host != "" || h.Process != "" || len(h.Command) > 0 {
		v.add(path, "%s has metric, and something else to run; it is one or the other", what)
	}
	if h.Timeout != 0 || h.Retries != 0 {
		v.add(path, "%s: a metric watches once, for its time; it has neither timeout nor retries", what)
	}
	if h.Kind != graduate.HookLive {
		v.add(path+"/metric", "%s: only what is live answers; a metric is a live hook", what)
	}
	if v.group.Role(h.Role) == nil {
		v.add(path+"/metric/app", "%s: role %q does not exist; the group has %s", what, h.Role, v.roleNames())
		v.problems[len(v.problems)-1].needs = "apps"
	}
	v.timeout(path+"/metric/for", what+": for", h.Metric.For)
}

func metricNode(h graduate.Hook) *yaml.Node {
	node := flow(text("app"), text(h.Role))
	if h.Metric.For != 0 {
		node.Content = append(node.Content, text("for"), text(FormatDuration(h.Metric.For)))
	}
	node.Content = append(node.Content, text("max_5xx"), text(h.Metric.Limit()))
	return node
}

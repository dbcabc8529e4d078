package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// hooks reads `hooks: {post: [{name: migrate, app: portal, run: [bin/rails, "db:migrate"], timeout: 10m}]}`.
func (d *document) hooks(path string, node *yaml.Node) {
	var kinds []field
	for _, kind := range graduate.HookKinds() {
		kinds = append(kinds, field{string(kind), func(path string, node *yaml.Node) {
			d.list(path, node, func(path string, node *yaml.Node) { d.hook(kind, path, node) })
		}})
	}
	d.fields(path, node, "hooks", kinds)
}

// hook reads one hook.
func (d *document) hook(kind graduate.HookKind, path string, node *yaml.Node) {
	h, own := graduate.Hook{Kind: kind}, ""
	d.fields(path, node, "a hook", []field{
		{"name", func(path string, node *yaml.Node) { h.Name = d.text(path, node) }},
		{"app", func(path string, node *yaml.Node) { own = d.text(path, node) }},
		{"run", func(path string, node *yaml.Node) { h.Command = d.texts(path, node) }},
		{"process", func(path string, node *yaml.Node) { h.Process = d.text(path, node) }},
		{"host", func(path string, node *yaml.Node) { h.Host = d.text(path, node) }},
		{"http", func(path string, node *yaml.Node) { h.HTTP = d.http(path, node, &h) }},
		{"metric", func(path string, node *yaml.Node) { h.Metric = d.metric(path, node, &h) }},
		{"timeout", func(path string, node *yaml.Node) { h.Timeout = d.duration(path, node) }},
		{"retries", func(path string, node *yaml.Node) { h.Retries = d.count(path, node) }},
		{"parallel", func(path string, node *yaml.Node) { h.Parallel = d.truth(path, node) }},
		{"migrate", func(path string, node *yaml.Node) { h.Migrate = d.truth(path, node) }},
		{"reverses", func(path string, node *yaml.Node) { h.Reverses = d.text(path, node) }},
		{"on_failure", func(path string, node *yaml.Node) { h.OnFailure = d.text(path, node) }},
		{"when", func(path string, node *yaml.Node) {
			d.fields(path, node, "a hook's when", []field{
				{"changed", func(path string, node *yaml.Node) { h.When.Changed = d.text(path, node) }},
				{"env", func(path string, node *yaml.Node) { h.When.Env = d.text(path, node) }},
			})
		}},
	})
	switch {
	case own != "" && h.OnlyLooks(): // it has an app of its own
		d.fail(path, node, "%s has app, and http or metric with an app of its own; it is one or the other", describe(path))
	case own != "":
		h.Role = own
	}
	d.group.Hooks = append(d.group.Hooks, h)
}

// http reads `http: {app: portal, path: /health, status: 200, contains: ok, within: 30s, every: 1s}`.
func (d *document) http(path string, node *yaml.Node, h *graduate.Hook) *graduate.HTTPCheck {
	c := &graduate.HTTPCheck{}
	d.fields(path, node, "a hook's http", []field{
		{"app", func(path string, node *yaml.Node) { h.Role = d.text(path, node) }},
		{"path", func(path string, node *yaml.Node) { c.Path = d.text(path, node) }},
		{"status", func(path string, node *yaml.Node) { c.Status = d.count(path, node) }},
		{"contains", func(path string, node *yaml.Node) { c.Contains = d.text(path, node) }},
		{"within", func(path string, node *yaml.Node) { c.Within = d.duration(path, node) }},
		{"every", func(path string, node *yaml.Node) { c.Every = d.duration(path, node) }},
	})
	return c
}

// hooks checks what runs, where, and for how long.
func (v *validator) hooks() {
	seen := map[string]bool{}
	for i, h := range v.group.Hooks {
		path, what := HookPath(v.group, i), fmt.Sprintf("hook %s/%s", h.Kind, h.Name)
		if !slices.Contains(graduate.HookKinds(), h.Kind) {
			v.add("hooks", "hook %s: kind %q does not exist; it may be %s", h.Name, h.Kind, kindNames())
		}
		switch {
		case h.Name == "":
			what = fmt.Sprintf("a %s hook", h.Kind)
			v.add(path, "%s has no name", what)
		case seen[what]:
			v.add(path+"/name", "%s appears twice", what)
		default:
			v.name(path+"/name", "hook", h.Name)
		}
		if v.group.Role(string(h.Kind)) != nil && slices.Contains(taskNames, h.Name) {
			v.add(path+"/name", "%s would be taken for the %s task of role %s, as tasks are called ROLE/TASK; call it otherwise", what, h.Name, h.Kind)
		}
		seen[what] = true
		v.hookBody(path, what, h)
		v.timeout(path+"/timeout", what+": timeout", h.Timeout)
		v.failing(path, what, h)
		v.migration(path, what, h)
		v.when(path+"/when", what, h.When)
	}
}

// migration checks that a migration, or its reversal, runs once at most, alone, and that its failure counts.
func (v *validator) migration(path, what string, h graduate.Hook) {
	if !h.Migrates() {
		return
	}
	switch {
	case h.Migrate && h.Kind != graduate.HookPre && h.Kind != graduate.HookPost && h.Kind != graduate.HookRollback:
		v.add(path+"/migrate", "%s: a migration may be a pre, post or rollback hook; an abort hook reverses one", what)
	case h.Reverses != "" && h.Kind != graduate.HookAbort:
		v.add(path+"/reverses", "%s: only an abort hook reverses a migration", what)
	case h.Reverses != "" && !slices.ContainsFunc(v.group.Hooks, func(m graduate.Hook) bool { return m.ReversedBy(h) }):
		v.add(path+"/reverses", "%s: reverses names %q, and there is no pre or post hook of that name with migrate: true", what, h.Reverses)
	}
	if h.Retries != 0 {
		v.add(path+"/retries", "%s: a migration runs once; it has no retries", what)
	}
	if h.Parallel {
		v.add(path+"/parallel", "%s: a migration runs alone; it is not parallel", what)
	}
	if h.OnFailure == graduate.OnFailureWarn {
		v.add(path+"/on_failure", "%s: a release does not go on without its migration; on_failure cannot be %s", what, graduate.OnFailureWarn)
	}
	if h.OnlyLooks() {
		v.add(path, "%s: what only looks migrates nothing", what)
	}
}

// taskNames are what the apps' own tasks are called.
var taskNames = []string{"predeploy", "release", "first-postdeploy", "postdeploy"}

// maxRetries bounds how often a hook is tried again.
const maxRetries = 20

// failing checks what is to be done where a hook fails.
func (v *validator) failing(path, what string, h graduate.Hook) {
	if h.Retries < 0 || h.Retries > maxRetries {
		v.add(path+"/retries", "%s: retries must be between 1 and %d, not %d", what, maxRetries, h.Retries)
	}
	switch {
	case h.OnFailure == "":
	case h.OnFailure != graduate.OnFailureAbort && h.OnFailure != graduate.OnFailureWarn:
		v.add(path+"/on_failure", "%s: on_failure must be %s or %s, not %q", what, graduate.OnFailureAbort, graduate.OnFailureWarn, h.OnFailure)
	case !decides(h.Kind):
		v.add(path+"/on_failure", "%s: the failure of such a hook never changes how the graduation goes on; on_failure means nothing there", what)
	}
}

// decides tells whether the failure of a hook of this kind turns the run back.
func decides(kind graduate.HookKind) bool {
	return kind != graduate.HookAbort && kind != graduate.HookFinally
}

// when checks that what a condition names exists.
func (v *validator) when(path, what string, w graduate.When) {
	if w.Changed != "" && v.group.Role(w.Changed) == nil {
		v.add(path+"/changed", "%s: when names role %q, which does not exist; the group has %s", what, w.Changed, v.roleNames())
		v.problems[len(v.problems)-1].needs = "apps"
	}
	if _, exists := v.group.Environment(w.Env); w.Env != "" && !exists {
		v.add(path+"/env", "%s: when names environment %q, which does not exist; the group has %s", what, w.Env, v.environmentNames())
		v.problems[len(v.problems)-1].needs = "environments"
	}
}

// hookBody checks that a hook is a container hook or a host hook, and complete.
func (v *validator) hookBody(path, what string, h graduate.Hook) {
	switch {
	case h.HTTP != nil:
		v.check(path, what, h)
	case h.Metric != nil:
		v.metric(path, what, h)
	case h.Host == "" && h.Role == "":
		v.add(path, "%s needs app and run, app and process, host, or http", what)
	case h.Host != "" && (h.Role != "" || h.Process != "" || len(h.Command) > 0):
		v.add(path, "%s has both app or run and host; it is one or the other", what)
	case h.Host != "":
		if err := validHostName(h.Host); err != nil {
			v.add(path+"/host", "%s: %v", what, err)
		}
	default:
		if v.group.Role(h.Role) == nil {
			v.add(path+"/app", "%s: role %q does not exist; the group has %s", what, h.Role, v.roleNames())
			v.problems[len(v.problems)-1].needs = "apps"
		}
		v.command(path, what, h)
	}
}

// The bounds of an HTTP check.
const (
	minEvery  = 100 * time.Millisecond
	minStatus = 200 // what comes before is no answer yet
	maxStatus = 599
)

// check checks an HTTP check.
func (v *validator) check(path, what string, h graduate.Hook) {
	c, at := h.HTTP, path+"/http"
	switch {
	case h.Host != "" || h.Process != "" || len(h.Command) > 0:
		v.add(path, "%s has http, and something else to run; it is one or the other", what)
	case h.Timeout != 0:
		v.add(path, "%s: an HTTP check has within, and no timeout", what)
	}
	if h.Kind != graduate.HookPost && h.Kind != graduate.HookLive && h.Kind != graduate.HookRollback {
		v.add(at, "%s: there is nothing new to be asked then; an HTTP check may be a post, live or rollback hook", what)
	}
	if v.group.Role(h.Role) == nil {
		v.add(at+"/app", "%s: role %q does not exist; the group has %s", what, h.Role, v.roleNames())
		v.problems[len(v.problems)-1].needs = "apps"
	}
	if !strings.HasPrefix(c.Path, "/") || strings.ContainsFunc(c.Path, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' }) {
		v.add(at+"/path", "%s: path must begin with / and have visible ASCII characters only, not %q", what, c.Path)
	}
	if c.Status != 0 && (c.Status < minStatus || c.Status > maxStatus) {
		v.add(at+"/status", "%s: status must be between %d and %d, not %d", what, minStatus, maxStatus, c.Status)
	}
	if !utf8.ValidString(c.Contains) {
		v.add(at+"/contains", "%s: contains must be text", what)
	}
	v.timeout(at+"/within", what+": within", c.Within)
	if c.Every != 0 && (c.Every < minEvery || c.Every > c.Deadline()) {
		v.add(at+"/every", "%s: every must be between %s and within, not %s", what, minEvery, FormatDuration(c.Every))
	}
}

// processName is the form of the names of processes in a Procfile.
var processName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}$`)

// command checks that a command can be stored and started.
func (v *validator) command(path, what string, h graduate.Hook) {
	command := h.Command
	switch {
	case h.Process != "" && len(command) > 0:
		v.add(path, "%s has both run and process; it is one or the other", what)
	case h.Process != "" && !processName.MatchString(h.Process):
		v.add(path+"/process", "%s: %q is no name of a process in a Procfile", what, h.Process)
	}
	if h.Process != "" {
		return
	}
	if len(command) == 0 {
		v.add(path, "%s needs a command to run", what)
		return
	}
	if command[0] == "" {
		v.add(path+"/run", "%s: the first word of the command is empty", what)
	}
	for _, word := range command {
		if strings.ContainsRune(word, 0) || !utf8.ValidString(word) {
			v.add(path+"/run", "%s: %q is not text that a command may have", what, word)
		}
	}
}

func hooksNode(g *graduate.Group) *yaml.Node {
	node := block()
	for _, kind := range graduate.HookKinds() {
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, h := range g.HooksOf(kind) {
			list.Content = append(list.Content, hookNode(h))
		}
		if len(list.Content) > 0 {
			node.Content = append(node.Content, text(string(kind)), list)
		}
	}
	return node
}

func hookNode(h graduate.Hook) *yaml.Node {
	node := flow(text("name"), text(h.Name))
	if h.HTTP != nil {
		node.Content = append(node.Content, text("http"), httpNode(h))
	} else if h.Metric != nil {
		node.Content = append(node.Content, text("metric"), metricNode(h))
	} else if h.Host != "" {
		node.Content = append(node.Content, text("host"), text(h.Host))
	} else {
		node.Content = append(node.Content, text("app"), text(h.Role))
		if h.Process != "" {
			node.Content = append(node.Content, text("process"), text(h.Process))
		} else {
			node.Content = append(node.Content, text("run"), texts(h.Command))
		}
	}
	if h.Timeout != 0 {
		node.Content = append(node.Content, text("timeout"), text(FormatDuration(h.Timeout)))
	}
	if h.Retries != 0 {
		node.Content = append(node.Content, text("retries"), number(h.Retries))
	}
	if h.OnFailure != "" {
		node.Content = append(node.Content, text("on_failure"), text(h.OnFailure))
	}
	if h.Parallel {
		node.Content = append(node.Content, text("parallel"), truth(true))
	}
	if h.Migrate {
		node.Content = append(node.Content, text("migrate"), truth(true))
	}
	if h.Reverses != "" {
		node.Content = append(node.Content, text("reverses"), text(h.Reverses))
	}
	if h.When != (graduate.When{}) {
		node.Content = append(node.Content, text("when"), whenNode(h.When))
	}
	return node
}

// HookTraits says in words what is special about a hook; empty where nothing is.
func HookTraits(h graduate.Hook) []string {
	var traits []string
	if h.When.Env != "" {
		traits = append(traits, "only in "+h.When.Env)
	}
	if h.When.Changed != "" {
		traits = append(traits, "only where "+h.When.Changed+" changes")
	}
	if h.Retries > 0 {
		traits = append(traits, fmt.Sprintf("retries: %d", h.Retries))
	}
	if h.OnFailure == graduate.OnFailureWarn {
		traits = append(traits, "a failure only warns")
	}
	if h.Parallel {
		traits = append(traits, "parallel")
	}
	if h.Migrate {
		traits = append(traits, "migration")
	}
	if h.Reverses != "" {
		traits = append(traits, "reverses "+h.Reverses)
	}
	return traits
}

// SameHook tells whether two hooks are equal in everything.
func SameHook(a, b graduate.Hook) bool {
	if !slices.Equal(a.Command, b.Command) {
		return false
	}
	a.Command, b.Command = nil, nil
	return reflect.DeepEqual(a, b)
}

func hookNames(hooks []graduate.Hook) []string {
	names := make([]string, len(hooks))
	for i, h := range hooks {
		names[i] = fmt.Sprintf("%s/%s", h.Kind, h.Name)
	}
	return names
}

func httpNode(h graduate.Hook) *yaml.Node {
	c := h.HTTP
	node := flow(text("app"), text(h.Role), text("path"), text(c.Path))
	if c.Status != 0 {
		node.Content = append(node.Content, text("status"), number(c.Status))
	}
	if c.Contains != "" {
		node.Content = append(node.Content, text("contains"), text(c.Contains))
	}
	if c.Within != 0 {
		node.Content = append(node.Content, text("within"), text(FormatDuration(c.Within)))
	}
	if c.Every != 0 {
		node.Content = append(node.Content, text("every"), text(FormatDuration(c.Every)))
	}
	return node
}

func whenNode(w graduate.When) *yaml.Node {
	node := flow()
	if w.Changed != "" {
		node.Content = append(node.Content, text("changed"), text(w.Changed))
	}
	if w.Env != "" {
		node.Content = append(node.Content, text("env"), text(w.Env))
	}
	return node
}

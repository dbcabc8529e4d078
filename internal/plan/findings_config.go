package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// findInConfig looks at the configuration with which the new version will run. Nothing of a value is told but its kind.
func (p *planner) findInConfig(r *role) {
	config, app := r.target.Config, r.target.App
	var missing, inQuotes, open []string
	for _, key := range keysOf(r.source) {
		if _, ok := config[key]; !ok && !p.acknowledged(r, key) {
			missing = append(missing, key)
		}
	}
	for _, key := range keysOf(r.target) {
		if p.acknowledged(r, key) {
			continue
		}
		if quoted(config[key]) {
			inQuotes = append(inQuotes, key)
		}
		if unexpanded(config[key]) {
			open = append(open, key)
		}
	}
	if len(missing) > 0 {
		p.add(KeyMissing, r, app, fmt.Sprintf("%s lacks %s, which %s has: %s", app, keys(missing), r.source.App, list(missing)),
			fmt.Sprintf("dokku config:set --no-restart %s KEY=…, or acknowledge it: dokku graduate:set %s ignore %s/config:%s", app, p.g.Name, r.Name, missing[0]))
	}
	if len(inQuotes) > 0 {
		p.add(ValueQuoted, r, app, fmt.Sprintf("%s has quotes as a part of the value of %s: %s", app, keys(inQuotes), list(inQuotes)),
			fmt.Sprintf("set the value without them, dokku config:set --no-restart %s KEY=…, unless they are meant", app))
	}
	if len(open) > 0 {
		p.add(ValueUnexpanded, r, app, fmt.Sprintf("%s has a variable that nobody puts in as a part of the value of %s: %s", app, keys(open), list(open)),
			fmt.Sprintf("set the value with what the variable stands for: dokku config:set --no-restart %s KEY=…", app))
	}
	p.findInURLs(r)
}

// keys is "1 config key", "2 config keys".
func keys(names []string) string { return plural(len(names), "config key") }

// acknowledged tells whether nobody needs to hear of a config key.
func (p *planner) acknowledged(r *role, key string) bool { return p.ignored(r, "config", key) }

// ignored tells whether a difference of that name would be acknowledged.
func (p *planner) ignored(r *role, kind, name string) bool {
	d := graduate.Difference{Role: r.Name, Kind: kind, Name: name}
	return slices.ContainsFunc(p.ignores, func(i graduate.Ignore) bool { return i.Matches(d) })
}

// platformKeys are set by Dokku itself, for what a plan compares otherwise.
var platformKeys = []string{"GIT_REV", "NO_VHOST"}

// keysOf lists the config keys of an app that people set.
func keysOf(f graduate.Facts) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(f.Config)), func(key string) bool {
		return key == f.RevisionKey || strings.HasPrefix(key, "DOKKU_") || slices.Contains(platformKeys, key)
	})
}

// findInURLs looks for URL keys that name another place than the keys beside them.
func (p *planner) findInURLs(r *role) {
	config := r.target.Config
	var wrong []string
	for _, key := range keysOf(r.target) {
		prefix, ok := urlPrefix(key)
		if !ok || p.acknowledged(r, key) {
			continue
		}
		host, port, ok := address(config[key])
		if !ok {
			continue
		}
		for _, beside := range besides(prefix) {
			if other, ok := config[beside.host]; ok && disagree(host, other) && !p.acknowledged(r, beside.host) {
				wrong = append(wrong, key+" and "+beside.host)
			}
			// An app's own PORT is where it listens, behind the proxy that its URL names.
			if other, ok := config[beside.port]; ok && port != "" && disagree(port, other) && !p.acknowledged(r, beside.port) {
				wrong = append(wrong, key+" and "+beside.port)
			}
		}
	}
	if len(wrong) > 0 {
		p.add(URLMismatch, r, r.target.App, fmt.Sprintf("config keys of %s name different places: %s", r.target.App, list(wrong)),
			"set them to the same host and port, or unset those that the app does not read")
	}
}

// urlPrefix is what comes before _URL in a key.
func urlPrefix(key string) (string, bool) {
	for _, suffix := range []string{"_URL", "_URI", "_DSN"} {
		if prefix, ok := strings.CutSuffix(key, suffix); ok && prefix != "" {
			return prefix, true
		}
	}
	return "", false
}

type hostAndPort struct{ host, port string }

// besides are the names of the keys that say the same as a URL key of that prefix.
func besides(prefix string) []hostAndPort {
	prefixes := []string{prefix}
	switch prefix {
	case "DATABASE":
		prefixes = append(prefixes, "DB")
	case "DB":
		prefixes = append(prefixes, "DATABASE")
	}
	var out []hostAndPort
	for _, name := range prefixes {
		out = append(out, hostAndPort{name + "_HOST", name + "_PORT"}, hostAndPort{name + "_HOSTNAME", ""})
	}
	return out
}

// disagree tells whether a value beside a URL says something else; what an app listens on is no place.
func disagree(inURL, beside string) bool {
	beside = sameHost(strings.Trim(strings.TrimSpace(beside), `"'`))
	return beside != "" && !strings.Contains(beside, ",") && beside != "0.0.0.0" && beside != "::" && !unexpanded(beside) && inURL != beside
}

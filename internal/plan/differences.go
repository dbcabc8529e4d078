package plan

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/kballard/go-shellquote"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// What a difference says of a thing that is there, or not.
const (
	there  = "there"
	absent = "absent"
)

// compare lists how the environments differ, by role; what is acknowledged is only counted.
func (p *planner) compare() {
	for _, r := range p.roles {
		if !r.asked || !r.source.Exists || !r.target.Exists {
			continue
		}
		for _, kind := range graduate.DifferenceKinds() {
			source, target := traits(kind, r.source), traits(kind, r.target)
			for _, name := range both(source, target) {
				d := graduate.Difference{Role: r.Name, Kind: kind, Name: name, Source: or(source[name]), Target: or(target[name])}
				switch {
				case d.Source == d.Target:
				case p.ignored(r, kind, name):
					p.plan.Acknowledged++
				default:
					p.plan.Differences = append(p.plan.Differences, d)
				}
			}
		}
	}
}

func or(trait string) string {
	if trait == "" {
		return absent
	}
	return oneLine(trait)
}

// both are the names that either has, in order.
func both(a, b map[string]string) []string {
	names := maps.Clone(a)
	maps.Copy(names, b)
	return slices.Sorted(maps.Keys(names))
}

// traits are what an app has of a kind, in words that may be shown, by name.
func traits(kind string, f graduate.Facts) map[string]string {
	a := f.Around
	out := map[string]string{}
	switch kind {
	case "config":
		for _, key := range keysOf(f) {
			out[key] = kindOf(f.Config[key])
		}
	case "domains":
		if !a.Vhosts {
			out["(enabled)"] = "no"
		} else {
			out["(enabled)"] = "yes"
			list := a.Domains
			put(out, list)
		}
	case "tls":
		if a.TLS {
			out["certificate"] = there
		}
	case "ports":
		put(out, a.Ports)
	case "resources":
		for process, limits := range a.Resources {
			for what, value := range limits {
				out[strings.TrimPrefix(process+" "+what, "_default_ ")] = value
			}
		}
	case "docker-options":
		for phase, options := range a.DockerOptions {
			for _, option := range options {
				out[phase+" "+withoutValue(option)] = there
			}
		}
	case "mounts":
		for _, m := range a.Mounts {
			out[mountPath(m)] = mountMode(m)
		}
	case "services":
		services(out, a.Services)
	case "networks":
		for _, n := range a.Networks {
			what, name, _ := strings.Cut(n, " ")
			out[what] = strings.TrimPrefix(out[what]+", "+name, ", ")
		}
	default:
		settings(out, kind, f)
	}
	return out
}

// settings are what is set in one word.
func settings(out map[string]string, kind string, f graduate.Facts) {
	switch kind {
	case "proxy":
		out["type"], out["enabled"] = f.Proxy, "yes"
		if !f.ProxyEnabled {
			out["enabled"] = "no"
		}
	case "checks":
		maps.Copy(out, f.Around.ChecksWait)
		out["disabled"], out["skipped"] = f.ChecksDisabled, f.Around.ChecksSkipped
	case "scheduler":
		out["selected"] = f.Scheduler
	}
}

func put(out map[string]string, names []string) {
	for _, name := range names {
		out[name] = there
	}
}

// services counts the linked services by what they are: their names differ between environments as they should.
func services(out map[string]string, linked []string) {
	count := map[string]int{}
	for _, s := range linked {
		what, _, _ := strings.Cut(s, " ")
		count[what]++
	}
	for what, n := range count {
		out[what] = "linked"
		if n > 1 {
			out[what] = fmt.Sprintf("%d linked", n)
		}
	}
}

// mountMode says how a mount HOST:CONTAINER[:OPTIONS] is mounted. Where its files are on the host differs as it should.
func mountMode(mount string) string {
	if parts := strings.SplitN(mount, ":", 3); len(parts) == 3 && parts[2] != "" {
		return "mounted " + parts[2]
	}
	return "mounted"
}

// harmless are the docker options whose values are shown; those of all others may be as secret as config values.
var harmless = []string{
	"-v", "--volume", "--memory", "-m", "--memory-swap", "--cpus", "--cpu-shares", "--restart", "--network", "--net", "--init", "--shm-size", "--ulimit",
	"--user", "-u", "--link", "-p", "-P", "--publish", "--expose", "--gpus", "--device", "--cap-add", "--cap-drop", "--tmpfs",
	"--privileged", "--read-only", "--hostname", "--platform",
}

// keyed are the docker options that set a key to a value: the key is shown.
var keyed = []string{"-e", "--env", "--build-arg", "--label", "-l", "--log-opt"}

// optionName matches the name of a docker option.
var optionName = regexp.MustCompile(`^--?[A-Za-z][a-z0-9-]*$`)

// withoutValue leaves out of a docker option what may be secret.
func withoutValue(option string) string {
	name, rest, ok := cutOption(option)
	switch {
	case !ok || !optionName.MatchString(name):
		return "…"
	case rest == "":
		return name
	case unbalanced(option):
		return name + " …"
	case slices.Contains(harmless, name):
		return oneLine(option)
	case !slices.Contains(keyed, name):
		return name + " …"
	}
	key, _, has := strings.Cut(rest, "=")
	switch {
	case has:
		return oneLine(name + " " + key + "=…")
	case name == "-e" || name == "--env": // the name of a variable of the server's
		return oneLine(name + " " + rest)
	default:
		return name + " …"
	}
}

// unbalanced tells of a quote that does not end: nobody knows where the value ends then.
func unbalanced(option string) bool {
	_, err := shellquote.Split(option)
	return err != nil
}

// cutOption cuts "--env KEY=VALUE", "--env=KEY=VALUE" and "-eKEY=VALUE" behind the option's name.
func cutOption(option string) (name, rest string, ok bool) {
	option = strings.TrimSpace(option)
	if !strings.HasPrefix(option, "-") {
		return "", option, false
	}
	if i := strings.IndexAny(option, " =\t"); i > 0 && (strings.HasPrefix(option, "--") || i == 2) {
		return option[:i], strings.Trim(option[i+1:], " \t\"'"), true
	}
	if !strings.HasPrefix(option, "--") && len(option) > 2 {
		return option[:2], strings.Trim(option[2:], " \t\"'"), true
	}
	return option, "", true
}

package dokku

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kballard/go-shellquote"
)

// dockerOptions are an app's docker options, sorted by what they are for.
type dockerOptions struct {
	// published tells that one of those of a deploy publishes a port.
	published bool
	// mounts are volumes "HOST:CONTAINER", services the links to them "postgres shop-db".
	mounts, services []string
	// others are the rest by phase; "PHASE TYPE" where they are for one process type only.
	others map[string][]string
}

var (
	// publishing matches a word that publishes a port; what follows -p in the same word does not begin with a letter.
	publishing = regexp.MustCompile(`^(-p([^[:alpha:]]|$)|-P$|--publish)`)
	// optionsProperty is the name of a list of options: TYPE.PHASE, _default_ for all process types.
	optionsProperty = regexp.MustCompile(`^(.+)\.(build|deploy|run)$`)
	// serviceLink is the container that a service plugin links: dokku.KIND.NAME:ALIAS.
	serviceLink = regexp.MustCompile(`^dokku\.([a-z0-9-]+)\.([^:]+):`)
)

// dockerOptions reads them from the property lists TYPE.PHASE (docker-options plugin, dockeroptions.go), and from
// DOCKER_OPTIONS_PHASE, the files of older versions, where they are left.
func (h *Host) dockerOptions(app string) dockerOptions {
	var o dockerOptions
	for _, phase := range []string{"build", "deploy", "run"} {
		o.read(filepath.Join(h.appDir(app), "DOCKER_OPTIONS_"+strings.ToUpper(phase)), phase, "_default_")
	}
	entries, _ := os.ReadDir(h.propertyFile("docker-options", app, ""))
	for _, entry := range entries {
		if match := optionsProperty.FindStringSubmatch(entry.Name()); match != nil {
			o.read(h.propertyFile("docker-options", app, entry.Name()), match[2], match[1])
		}
	}
	for key := range o.others {
		o.others[key] = sortedUnique(o.others[key])
	}
	return o
}

// read sorts the options of a file.
func (o *dockerOptions) read(path, phase, process string) {
	for _, line := range fileLines(path) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		words, err := shellquote.Split(line) // as Dokku does: what is quoted belongs to the option before it
		if err != nil {                      // Dokku would not start such an app either, and nobody knows where its values end
			words = strings.Fields(line)
		}
		o.published = o.published || phase == "deploy" && slices.ContainsFunc(words, publishing.MatchString)
		if err != nil {
			o.add(line, phase, process)
			continue
		}
		for _, option := range options(words) {
			o.sort(option, phase, process)
		}
	}
}

// sort puts one option to those of its kind.
func (o *dockerOptions) sort(option []string, phase, process string) {
	flag, value, joined := strings.Cut(option[0], "=")
	if !joined {
		value = strings.Join(option[1:], " ")
	}
	switch flag {
	case "-v", "--volume":
		if phase != "build" && strings.Contains(value, ":") {
			o.mounts = append(o.mounts, value)
			return
		}
	case "--mount":
		if mount, ok := mountOf(value); ok && phase != "build" {
			o.mounts = append(o.mounts, mount)
			return
		}
	case "--link":
		if match := serviceLink.FindStringSubmatch(value); match != nil {
			o.services = append(o.services, match[1]+" "+match[2])
			return
		}
	}
	o.add(strings.Join(option, " "), phase, process)
}

// add puts an option to the others.
func (o *dockerOptions) add(option, phase, process string) {
	key := phase
	if process != "_default_" {
		key += " " + process
	}
	if o.others == nil {
		o.others = map[string][]string{}
	}
	o.others[key] = append(o.others[key], option)
}

// mountOf is HOST:CONTAINER of the value of --mount; ok is false where nothing of the host is mounted.
func mountOf(value string) (mount string, ok bool) {
	var source, target string
	for field := range strings.SplitSeq(value, ",") {
		switch key, text, _ := strings.Cut(field, "="); key {
		case "source", "src":
			source = text
		case "target", "destination", "dst":
			target = text
		}
	}
	return source + ":" + target, source != "" && target != ""
}

// options groups words to options, each with its values, as Dokku does (groupOptionTokens).
func options(words []string) [][]string {
	var all [][]string
	for _, word := range words {
		if len(all) > 0 && (len(word) < 2 || word[0] != '-') {
			all[len(all)-1] = append(all[len(all)-1], word)
			continue
		}
		all = append(all, []string{word})
	}
	return all
}

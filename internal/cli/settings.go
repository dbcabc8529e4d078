package cli

import (
	"slices"
	"strconv"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// setting is a key of graduate:set. The empty value clears it.
type setting struct {
	key, help string
	set       func(s *graduate.Settings, value string) error
}

// settings is the table of the keys, sorted.
func settings() []setting {
	return []setting{
		{"connections", "how many database connections there may be in all and how many each role opens, such as limit=25,portal=10: graduate:plan says where two generations at once do not fit", setConnections},
		{"history", "how many ended graduations are kept with their logs (default " + strconv.Itoa(graduate.DefaultHistory) + ")", func(s *graduate.Settings, value string) (err error) {
			s.History, err = count("history", value)
			return err
		}},
		{"ignore", "differences between environments that are meant, by commas: [<role>/]<kind>[:<name>] with * for any text in the name, such as config:DEBUG,portal/domains; kinds: " + strings.Join(graduate.DifferenceKinds(), ", "), setIgnore},
		{"keep", "how many graduations back the versions of an environment are kept for graduate:rollback (default " + strconv.Itoa(graduate.DefaultKeep) + ")", func(s *graduate.Settings, value string) (err error) {
			s.Keep, err = count("keep", value)
			return err
		}},
		{"phase-timeout", "how long each phase without a bound of its own may take (default 2m to 15m, see docs/failure.md)", func(s *graduate.Settings, value string) (err error) {
			s.PhaseTimeout = 0
			if value != "" {
				s.PhaseTimeout, err = positiveDuration("phase-timeout", value)
			}
			return err
		}},
		{"quiesce", "how requests wait and old instances are kept off the data while the post hooks run, such as 'max_wait=30s drain=10s workers=pause' or only 'post' (see docs/quiesce.md; default: they are not)", func(s *graduate.Settings, value string) (err error) {
			s.Quiesce, err = config.ParseQuiesce(value)
			return err
		}},
		{"release-tasks", "when the apps' own predeploy and release tasks run: hold (with the post hooks; default), before or skip", func(s *graduate.Settings, value string) error {
			if value != "" && !slices.Contains(config.ReleaseTaskModes(), value) {
				return graduate.Errorf(graduate.Invalid, "release-tasks may be %s, not %q", strings.Join(config.ReleaseTaskModes(), ", "), value)
			}
			s.ReleaseTasks = value
			return nil
		}},
		{"reversible", "true where the previous set can work with what post hooks have done: a release that fails late is then taken back (default false)", func(s *graduate.Settings, value string) (err error) {
			s.Reversible = false
			if value != "" {
				if s.Reversible, err = strconv.ParseBool(value); err != nil {
					return graduate.Errorf(graduate.Invalid, "reversible must be true or false, not %q", value)
				}
			}
			return nil
		}},
		{"run-timeout", "how long a graduation may take in all, up to its release point (default " + config.FormatDuration(graduate.DefaultRunTimeout) + ")", func(s *graduate.Settings, value string) (err error) {
			s.RunTimeout = 0
			if value != "" {
				s.RunTimeout, err = positiveDuration("run-timeout", value)
			}
			return err
		}},
		{"start-timeout", "how long starting and checking the apps may take (default " + config.FormatDuration(graduate.DefaultStartTimeout) + ")", func(s *graduate.Settings, value string) (err error) {
			s.StartTimeout = 0
			if value != "" {
				s.StartTimeout, err = positiveDuration("start-timeout", value)
			}
			return err
		}},
	}
}

// setConnections reads "limit=25 portal=10"; commas do as well, as blanks need quotes of their own over SSH.
func setConnections(s *graduate.Settings, value string) error {
	words := strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ',' })
	s.Connections = nil
	if value == "" {
		return nil
	}
	numbers := map[string]int{}
	for _, word := range words {
		key, number, ok := strings.Cut(word, "=")
		if !ok || key == "" || number == "" {
			return graduate.Errorf(graduate.Invalid, "connections: %q is not limit=NUMBER or ROLE=NUMBER, such as portal=10", word)
		}
		if _, twice := numbers[key]; twice {
			return graduate.Errorf(graduate.Invalid, "connections: %s is given twice", key)
		}
		n, err := count("connections: "+key, number)
		if err != nil {
			return err
		}
		numbers[key] = n
	}
	budget := &graduate.Connections{Limit: numbers["limit"]}
	if delete(numbers, "limit"); len(numbers) > 0 {
		budget.Roles = numbers
	}
	s.Connections = budget
	return nil
}

// setIgnore reads patterns, which replace those that there were.
func setIgnore(s *graduate.Settings, value string) error {
	s.Ignore = nil
	for _, pattern := range strings.Split(value, ",") {
		if pattern = strings.TrimSpace(pattern); pattern != "" {
			s.Ignore = append(s.Ignore, pattern)
		}
	}
	return nil
}

// count reads a whole number that a person typed; the empty one stands for the default.
func count(key, value string) (int, error) {
	if value == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return 0, graduate.Errorf(graduate.Invalid, "%s must be a whole number of at least 1, not %q", key, value)
	}
	return n, nil
}

func setVerb() Verb {
	var more []string
	for _, s := range settings() {
		more = append(more, s.key+": "+s.help)
	}
	return Verb{
		Name: "set", Args: []string{"<group>", "<key>", "[<value>]"},
		Help:    "Set a key of a group or clear it where no value is given",
		More:    strings.Join(more, "\n"),
		Example: "dokku graduate:set shop start-timeout 15m",
		Run: func(c *Call) error {
			group, key, value := c.Args[0], c.Args[1], c.Arg(2)
			i := slices.IndexFunc(settings(), func(s setting) bool { return s.key == key })
			if i < 0 {
				return unknownSetting(key)
			}
			err := c.Store.Update(group, func(g *graduate.Group) error { return settings()[i].set(&g.Settings, value) })
			if err != nil {
				return err
			}
			if value == "" {
				c.UI.Title("Unsetting %s", key)
			} else {
				c.UI.Title("Setting %s to %s", key, value)
			}
			return nil
		},
	}
}

// unknownSetting lists the keys that there are.
func unknownSetting(key string) error {
	var keys []string
	for _, s := range settings() {
		keys = append(keys, s.key)
	}
	return graduate.Errorf(graduate.Invalid, "Invalid property %q specified, valid properties include: %s", key, strings.Join(keys, ", "))
}

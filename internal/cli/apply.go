package cli

import (
	"io"

	"github.com/urfave/cli/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// maxDocument bounds what is read from standard input.
const maxDocument = 1 << 20

func applyVerb() Verb {
	return Verb{
		Name: "apply", Options: "[--file -] < group.yml",
		Help: "Create or change a group by a YAML document on standard input",
		More: "All of the document or nothing: every error is shown with its line. What changed is said; a document that\n" +
			"changes nothing is no error. graduate:export writes such a document.",
		Example: "dokku graduate:apply < group.yml\nssh dokku@server graduate:apply < group.yml",
		Flags:   []cli.Flag{&cli.StringFlag{Name: "file", Usage: "- is standard input, which is what is read in any case", Value: "-"}},
		Run: func(c *Call) error {
			if c.Flags.String("file") != "-" {
				return graduate.Errorf(graduate.Invalid, "graduate:apply reads standard input only: dokku graduate:apply < %s", c.Flags.String("file"))
			}
			data, err := io.ReadAll(io.LimitReader(c.UI.In, maxDocument+1))
			if err != nil {
				return graduate.Errorf(graduate.Internal, "standard input cannot be read: %w", err)
			}
			if len(data) > maxDocument {
				return graduate.Errorf(graduate.Invalid, "the document has more than %d bytes", maxDocument)
			}
			g, changed, err := c.Store.Apply(data, c.newApps, newHostHooks)
			if err != nil {
				return err
			}
			c.printChanges(g.Name, changed)
			return nil
		},
	}
}

// newApps is the check that each app that gets a place exists.
func (c *Call) newApps(before, after *graduate.Group) []config.Problem {
	var problems []config.Problem
	for _, r := range after.Roles {
		for _, env := range config.PlacedIn(after, r) {
			app := r.Apps[env]
			if before != nil {
				if place, had := before.PlaceOf(app); had && place.Role == r.Name && place.Environment == env {
					continue
				}
			}
			if problem := c.missingApp(app); problem != "" {
				problems = append(problems, config.Problem{Path: config.AppPath(r.Name, env), Text: problem})
			}
		}
	}
	return problems
}

// newHostHooks is the check that each host script that is new to the group may be run.
func newHostHooks(before, after *graduate.Group) []config.Problem {
	var problems []config.Problem
	for i, h := range after.Hooks {
		if h.Host == "" || before != nil && hasHost(before, h.Host) {
			continue
		}
		if _, err := config.CheckHostHook(h.Host); err != nil {
			problems = append(problems, config.Problem{Path: config.HookPath(after, i) + "/host", Text: err.Error()})
		}
	}
	return problems
}

func hasHost(g *graduate.Group, host string) bool {
	for _, h := range g.Hooks {
		if h.Host == host {
			return true
		}
	}
	return false
}

func exportVerb() Verb {
	return Verb{
		Name: "export", Args: []string{"<group>"},
		Help:    "Print a group as a YAML document for graduate:apply",
		Example: "dokku graduate:export shop > group.yml",
		Run: func(c *Call) error {
			g, err := c.Store.Load(c.Args[0])
			if err != nil {
				return err
			}
			_, err = c.UI.Out.Write(config.Format(g))
			return err
		},
	}
}

package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"
	"github.com/urfave/cli/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func addVerb() Verb {
	return Verb{
		Name: "add", Args: []string{"<group>", "<role>", "<env>=<app>..."}, Options: "[--start after-post|before-post]",
		Help: "Add a role and the app that plays it in each environment",
		More: "A role that is there already gets the apps of further environments. The apps have to exist, and an app\n" +
			"has one place in one group only.",
		Example: "dokku graduate:add shop portal dev=portal-dev staging=portal-staging prod=portal",
		Flags:   []cli.Flag{&cli.StringFlag{Name: "start", Usage: "when workers start: after-post (the post hooks; default) or before-post, with web"}},
		Run:     addRole,
	}
}

// addRole adds a role, or apps to a role.
func addRole(c *Call) error {
	group, name := c.Args[0], c.Args[1]
	apps, err := placesOf(c.Args[2:])
	if err != nil {
		return err
	}
	var missing *multierror.Error
	for _, place := range apps {
		if problem := c.missingApp(place.app); problem != "" {
			missing = multierror.Append(missing, graduate.Errorf(graduate.NotFound, "%s", problem))
		}
	}
	if err := missing.ErrorOrNil(); err != nil {
		return err
	}
	return c.change(group, func(g *graduate.Group) error {
		role := g.Role(name)
		if role == nil {
			g.Roles = append(g.Roles, graduate.Role{Name: name, Apps: map[string]string{}, Start: graduate.StartAfterPost})
			role = g.Role(name)
		}
		if c.Flags.IsSet("start") {
			role.Start = c.Flags.String("start")
		}
		for _, place := range apps {
			if is := role.Apps[place.env]; is != "" && is != place.app {
				return graduate.Errorf(graduate.Conflict, "%s in %s of %s is %s already; change it with graduate:apply, or remove the role first: dokku graduate:remove %s %s", name, place.env, group, is, group, name)
			}
			role.Apps[place.env] = place.app
		}
		return nil
	})
}

// envApp is one "<env>=<app>".
type envApp struct{ env, app string }

// placesOf reads the words "<env>=<app>".
func placesOf(words []string) ([]envApp, error) {
	var out []envApp
	for _, word := range words {
		env, app, ok := strings.Cut(word, "=")
		if !ok || env == "" || app == "" {
			return nil, graduate.Errorf(graduate.Invalid, "%q is not <env>=<app>, such as prod=portal", word)
		}
		if slices.ContainsFunc(out, func(other envApp) bool { return other.env == env }) {
			return nil, graduate.Errorf(graduate.Invalid, "environment %s is given twice", env)
		}
		if err := graduate.ValidName(app); err != nil {
			return nil, graduate.Errorf(graduate.Invalid, "app %w", err)
		}
		out = append(out, envApp{env, app})
	}
	return out, nil
}

// missingApp says that an app does not exist and how to make it; "" where it does.
func (c *Call) missingApp(app string) string {
	if c.Host.Exists(app) {
		return ""
	}
	return fmt.Sprintf("app %s does not exist; make it with: dokku apps:create %s", app, app)
}

func removeVerb() Verb {
	return Verb{
		Name: "remove", Args: []string{"<group>", "<role>"},
		Help:    "Remove a role from a group; its apps stay as they are",
		Example: "dokku graduate:remove shop mailer",
		Run: func(c *Call) error {
			group, name := c.Args[0], c.Args[1]
			return c.change(group, func(g *graduate.Group) error {
				if g.Role(name) == nil {
					return graduate.Errorf(graduate.NotFound, "group %s has no role %s; it has: %s", group, name, orNone(config.RoleNames(g)))
				}
				for _, h := range g.Hooks {
					if h.When.Changed == name {
						return graduate.Errorf(graduate.Conflict, "role %s decides whether hook %s runs; remove the hook first: dokku graduate:hooks:remove %s %s %s", name, h.FullName(), group, h.Kind, h.Name)
					}
					if h.Role == name {
						return graduate.Errorf(graduate.Conflict, "role %s is what hook %s/%s runs in; remove the hook first: dokku graduate:hooks:remove %s %s %s", name, h.Kind, h.Name, group, h.Kind, h.Name)
					}
				}
				g.RemoveRole(name)
				return nil
			})
		},
	}
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

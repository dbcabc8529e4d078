package cli

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/go-multierror"
	"github.com/urfave/cli/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func createVerb() Verb {
	return Verb{
		Name: "create", Args: []string{"<group>", "<env>", "<env>..."},
		Help:    "Create a group with its environments",
		More:    "Any environment may graduate into any other. graduate:apply can narrow that (from).",
		Example: "dokku graduate:create shop dev staging prod",
		Run: func(c *Call) error {
			g := &graduate.Group{Name: c.Args[0]}
			for _, env := range c.Args[1:] {
				g.Environments = append(g.Environments, graduate.Environment{Name: env})
			}
			if err := c.Store.Create(g); err != nil {
				return err
			}
			c.UI.Step("Group %s created with the environments %s", g.Name, strings.Join(c.Args[1:], ", "))
			return nil
		},
	}
}

func listVerb() Verb {
	return Verb{
		Name: "list", Options: "[--format stdout|json]",
		Help:    "List the groups",
		Example: "dokku --quiet graduate:list",
		Flags:   []cli.Flag{formatFlag()},
		Run: func(c *Call) error {
			asJSON, err := c.json()
			if err != nil {
				return err
			}
			names, err := c.Store.List()
			if err != nil {
				return err
			}
			if asJSON {
				return c.UI.JSON(append([]string{}, names...))
			}
			c.UI.Title("Groups")
			for _, name := range names {
				c.UI.Print("%s", name)
			}
			return nil
		},
	}
}

func destroyVerb() Verb {
	return Verb{
		Name: "destroy", Args: []string{"<group>"}, Options: "[--force]",
		Help:    "Remove a group; its apps stay as they are",
		Example: "dokku graduate:destroy shop --force",
		Flags:   []cli.Flag{&cli.BoolFlag{Name: "force", Aliases: []string{"f"}, Usage: "do not ask"}},
		Run: func(c *Call) error {
			name := c.Args[0]
			if err := exists(c.Store, name); err != nil {
				return err
			}
			if !c.Flags.Bool("force") && os.Getenv("DOKKU_APPS_FORCE_DELETE") != "1" {
				if err := c.confirmDestroy(name); err != nil {
					return err
				}
			}
			lock, err := lockGroup(c.Flags.Context, c.Host, name, &patience{})
			if err != nil {
				return err
			}
			defer lock.Close()
			if err := c.Store.Delete(name); err != nil {
				return err
			}
			if err := forgetGroup(c, name); err != nil {
				return graduate.Errorf(graduate.Internal, "group %s is destroyed, but what was kept for its rollbacks is not removed: %w", name, err)
			}
			c.UI.Step("Group %s destroyed", name)
			return nil
		},
	}
}

// forgetGroup removes what is kept for the rollbacks of a group.
func forgetGroup(c *Call, name string) error {
	runs, err := histories(c.Host, name)
	failed := multierror.Append(nil, err)
	for _, h := range runs {
		failed = multierror.Append(failed, c.Host.Forget(c.Flags.Context, h.Run))
	}
	return multierror.Append(failed, c.Host.ReleaseHolds(name)).ErrorOrNil()
}

// exists makes sure that there is a group of that name; a damaged one counts.
func exists(store *config.Store, name string) error {
	_, err := store.Load(name)
	if code := graduate.CodeOf(err); code == graduate.NotFound || code == graduate.Invalid {
		return err
	}
	return nil
}

// confirmDestroy asks as Dokku does before it destroys an app.
func (c *Call) confirmDestroy(name string) error {
	c.UI.Warn("WARNING: Potentially Destructive Action")
	c.UI.Warn("This command will destroy group %s.", name)
	c.UI.Warn("To proceed, type \"%s\"", name)
	_, _ = fmt.Fprint(c.UI.Out, "> ")
	answer, _ := bufio.NewReader(c.UI.In).ReadString('\n')
	if strings.TrimSpace(answer) != name {
		return graduate.Errorf(graduate.Refused, "Confirmation did not match test. Aborted.")
	}
	return nil
}

// change stores what edit does to a group and prints what that was.
func (c *Call) change(group string, edit func(*graduate.Group) error) error {
	var changed []string
	err := c.Store.Update(group, func(g *graduate.Group) error {
		before, err := config.Parse(config.Format(g))
		if err != nil {
			return err
		}
		if err := edit(g); err != nil {
			return err
		}
		changed = config.Changes(before, g)
		return nil
	})
	if err != nil {
		return err
	}
	c.printChanges(group, changed)
	return nil
}

// printChanges says what changed in a group.
func (c *Call) printChanges(group string, changed []string) {
	c.UI.Title("Group %s", group)
	if len(changed) == 0 {
		c.UI.Detail("unchanged")
	}
	for _, line := range changed {
		c.UI.Detail("%s", line)
	}
}

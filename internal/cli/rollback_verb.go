package cli

import (
	"github.com/urfave/cli/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func rollbackVerb() Verb {
	return Verb{
		Name: "rollback", Args: []string{"<env>"}, Options: "[--to <id>] [--group <group>] [--hooks] [--no-quiesce] [--yes] [--format stdout|json]",
		Help: "Bring the previous set of an environment back",
		More: "Images, commits, Procfile, app.json and scale of the whole set come back as it was before the last graduation\n" +
			"(a second time: before the one before it), or as the graduation <id> left it. All are started, checked and\n" +
			"held like a release, and go live at one moment. Config values do not come back; the keys that differ are\n" +
			"named. Post hooks and release tasks do not run; with --hooks the group's rollback hooks do, in the image of\n" +
			"the release that is taken back, with a quiesce where the group has one (--no-quiesce: without); the finally\n" +
			"hooks do in any case. Afterwards trains and automatic graduations of the environment are held until\n" +
			"graduate:release. The exit codes are those of graduate:run.",
		Example: "dokku graduate:rollback prod",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "the id of the graduation whose set comes back"},
			&cli.StringFlag{Name: "group", Aliases: []string{"g"}, Usage: "the group, where more than one has the environment"},
			&cli.BoolFlag{Name: "hooks", Usage: "run the rollback hooks"},
			&cli.BoolFlag{Name: "no-quiesce", Usage: "let the old instances serve while they run, whatever the group's setting is"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask on a terminal"},
			formatFlag(),
		},
		Run: func(c *Call) error {
			if _, err := c.json(); err != nil {
				return err
			}
			return RollBack(c.Flags.Context, c.UI, RollbackOptions{
				Environment: c.Args[0], To: c.Flags.String("to"), Group: c.Flags.String("group"),
				Hooks: c.Flags.Bool("hooks"), NoQuiesce: c.Flags.Bool("no-quiesce"), Yes: c.Flags.Bool("yes"), Format: c.Flags.String("format"),
			})
		},
	}
}

func releaseVerb() Verb {
	return Verb{
		Name: "release", Args: []string{"<env>"}, Options: "[--group <group>]",
		Help:    "Let automatic graduations go on after a rollback",
		More:    "A rollback holds trains and automatic graduations of its environment, so that nothing brings back by itself\nwhat was just taken back. graduate:run by a person is not held.",
		Example: "dokku graduate:release prod",
		Flags:   []cli.Flag{&cli.StringFlag{Name: "group", Aliases: []string{"g"}, Usage: "the group, where more than one has the environment"}},
		Run: func(c *Call) error {
			env := c.Args[0]
			g, err := c.Store.Find(c.Flags.String("group"), env)
			if err != nil {
				return err
			}
			id := c.Host.HeldBy(g.Name, env)
			if id == "" {
				c.UI.Step("%s of %s is not held", env, g.Name)
				return nil
			}
			if err := c.Host.ReleaseHold(g.Name, env); err != nil {
				return graduate.Errorf(graduate.Internal, "%s of %s is still held by rollback %s: %w", env, g.Name, id, err)
			}
			c.UI.Step("%s of %s is released; it was held by rollback %s", env, g.Name, id)
			return nil
		},
	}
}

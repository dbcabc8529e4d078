package cli

import (
	"time"

	"github.com/urfave/cli/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func runVerb() Verb {
	return Verb{
		Name: "run", Args: []string{"<from>", "<to>"}, Options: "[--group <group>] [--plan <id>] [--only <role>,...] [--all] [--force <code>] [--wait <duration>] [--quiesce|--no-quiesce] [--yes] [--format stdout|json]",
		Help: "Graduate a group from one environment to the next",
		More: "All new versions are started beside the old ones and checked, the post hooks run, then all go live at one\n" +
			"moment. Whatever fails before that moment leaves the target as it was. The exit code is 0 where the new\n" +
			"set is live or there was nothing to do, 1 where nothing was touched, 2 where everything was restored, 3\n" +
			"where the previous set is live again, 4 where a person has to decide.\n\n" +
			"On a terminal the plan is shown, as graduate:plan does, and asked for; what has changed until the answer is\n" +
			"told, and nothing done. With --plan just that plan is done or nothing. An error of the plan refuses the\n" +
			"graduation in either case; those that docs/findings.md calls forcible pass with --force CODE, which may be\n" +
			"given several times and is recorded.\n\n" +
			"With --quiesce requests wait and the old instances are kept off the data while the post hooks run, as with the\n" +
			"group's setting of that name (docs/quiesce.md); with --no-quiesce they are not, whatever is set.\n\n" +
			"A target that somebody else deploys just now, or a graduation of the group that is under way, is waited\n" +
			"for with --wait, and refused without it. What a person locked (dokku apps:lock) is always refused.",
		Example: "dokku graduate:run dev prod",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "group", Aliases: []string{"g"}, Usage: "the group, where more than one has both environments"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask on a terminal"},
			&cli.BoolFlag{Name: "all", Usage: "take apps along that run their version already"},
			&cli.StringFlag{Name: "plan", Usage: "the id of the plan that is done, or nothing where it does not hold any more"},
			onlyFlag(),
			&cli.StringSliceFlag{Name: "force", Usage: "the code of an error that is to pass; it is recorded"},
			&cli.StringFlag{Name: "wait", Usage: "how long to wait for others' deploys and graduations, such as 5m"},
			&cli.BoolFlag{Name: "quiesce", Usage: "let requests wait and keep old instances off the data while the post hooks run"},
			&cli.BoolFlag{Name: "no-quiesce", Usage: "do not, whatever the group's setting is"},
			formatFlag(),
		},
		Run: func(c *Call) error {
			if _, err := c.json(); err != nil {
				return err
			}
			var wait time.Duration
			if c.Flags.IsSet("wait") {
				var err error
				if wait, err = positiveDuration("--wait", c.Flags.String("wait")); err != nil {
					return err
				}
			}
			only, err := c.only()
			if err != nil {
				return err
			}
			quiesce, err := c.quiesce()
			if err != nil {
				return err
			}
			return Graduate(c.Flags.Context, c.UI, RunOptions{
				From: c.Args[0], To: c.Args[1], Group: c.Flags.String("group"),
				Yes: c.Flags.Bool("yes"), All: c.Flags.Bool("all"), Wait: wait, Quiesce: quiesce,
				Plan: c.Flags.String("plan"), Only: only, Force: c.Flags.StringSlice("force"), Format: c.Flags.String("format"),
			})
		},
	}
}

// quiesce is what --quiesce and --no-quiesce say; nil where neither is given.
func (c *Call) quiesce() (*bool, error) {
	yes, no := c.Flags.Bool("quiesce"), c.Flags.Bool("no-quiesce")
	switch {
	case yes && no:
		return nil, graduate.Errorf(graduate.Invalid, "--quiesce and --no-quiesce are given both")
	case yes || no:
		return &yes, nil
	default:
		return nil, nil
	}
}

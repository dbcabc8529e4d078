package cli

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func planVerb() Verb {
	return Verb{
		Name: "plan", Args: []string{"<from>", "<to>"},
		Options: "[--group <group>] [--only <role>,...] [--all] [--detailed-exit-code] [--format stdout|json]",
		Help:    "Show what graduate:run would do and what would bite",
		More: "What changes in every app, how the environments differ, and what keeps a graduation from going well or may\n" +
			"bite later, each with a code that docs/findings.md explains. Nothing is touched, and no config value is shown.\n" +
			"The plan has an id: graduate:run --plan ID does just that, or says what has changed since. The newest 100\n" +
			"plans are kept. With --detailed-exit-code the exit code is 0 where there is nothing to do, 2 where something\n" +
			"will change, and 1 where it would be refused. The shape of the JSON: docs/plan.schema.json.",
		Example: "dokku graduate:plan dev prod",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "group", Aliases: []string{"g"}, Usage: "the group, where more than one has both environments"},
			onlyFlag(),
			&cli.BoolFlag{Name: "all", Usage: "take apps along that run their version already"},
			&cli.BoolFlag{Name: "detailed-exit-code", Usage: "0 nothing to do, 1 refused, 2 something will change"},
			formatFlag(),
		},
		Run: func(c *Call) error {
			if _, err := c.json(); err != nil {
				return err
			}
			only, err := c.only()
			if err != nil {
				return err
			}
			return ShowPlan(c.Flags.Context, c.UI, PlanOptions{
				From: c.Args[0], To: c.Args[1], Group: c.Flags.String("group"), Only: only, All: c.Flags.Bool("all"),
				Detailed: c.Flags.Bool("detailed-exit-code"), Format: c.Flags.String("format"),
			})
		},
	}
}

func onlyFlag() cli.Flag {
	return &cli.StringFlag{Name: "only", Usage: "these roles alone, separated by commas; the others stay as they are"}
}

// only are the roles that were asked for; none where the whole set was.
func (c *Call) only() ([]string, error) {
	if !c.Flags.IsSet("only") {
		return nil, nil
	}
	var roles []string
	for role := range strings.SplitSeq(c.Flags.String("only"), ",") {
		if role = strings.TrimSpace(role); role != "" {
			roles = append(roles, role)
		}
	}
	if len(roles) == 0 {
		return nil, graduate.Errorf(graduate.Invalid, "--only needs the names of roles, such as --only portal,mailer")
	}
	return roles, nil
}

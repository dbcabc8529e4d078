package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func hooksAddVerb() Verb {
	return Verb{
		Name: "hooks:add", Args: []string{"<group>", "<kind>", "<name>"},
		Options: "(--app <role> -- <command>... | --app <role> --process <name> | --host <file>) [--timeout <time>] [--retries <n>] [--parallel] [--on-failure abort|warn] [--when-env <env>] [--when-changed <role>]",
		Help:    "Add a hook: pre or post or live or abort or rollback or finally",
		More: "pre runs before anything is started, post while every new version is up and none is live, live after the\n" +
			"release, abort when a graduation fails before it, rollback when a release is taken back, finally at the end,\n" +
			"however that is. A hook runs once per graduation, after those of its kind that are there already: with --app in a\n" +
			"one-off container of the role's new image (rollback: of the release that is taken back) with the target app's\n" +
			"config, with --host as a script that the server's administrator put into the hooks folder.",
		Example: "dokku graduate:hooks:add shop post migrate --app portal -- bin/rails db:migrate\ndokku graduate:hooks:add shop post smoke --host smoke-test --timeout 2m",
		Command: true,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "app", Usage: "the role whose new image runs the command"},
			&cli.StringFlag{Name: "process", Usage: "run this process of the new version's Procfile, in place of a command"},
			&cli.StringFlag{Name: "host", Usage: "the name of a script in the hooks folder"},
			&cli.StringFlag{Name: "timeout", Usage: "when the hook has failed, such as 90s (default " + config.FormatDuration(graduate.DefaultHookTimeout) + ")"},
			&cli.StringFlag{Name: "retries", Usage: "how often it is tried again where it fails, after 1s, 2s, 4s and so on"},
			&cli.BoolFlag{Name: "parallel", Usage: "run it beside those of its neighbours that are parallel, too"},
			&cli.StringFlag{Name: "on-failure", Usage: "abort, or warn: tell it and go on (default abort)"},
			&cli.StringFlag{Name: "when-env", Usage: "run it only where this environment is graduated into"},
			&cli.StringFlag{Name: "when-changed", Usage: "run it only where the app of this role gets another version"},
		},
		Run: addHook,
	}
}

// addHook adds a hook behind those of its kind; one that is there already, the same in everything, is no error.
func addHook(c *Call) error {
	h := graduate.Hook{Kind: graduate.HookKind(c.Args[1]), Name: c.Args[2], Role: c.Flags.String("app"), Host: c.Flags.String("host"), Command: c.Command, Process: c.Flags.String("process"),
		Parallel: c.Flags.Bool("parallel"), OnFailure: c.Flags.String("on-failure"),
		When: graduate.When{Env: c.Flags.String("when-env"), Changed: c.Flags.String("when-changed")}}
	switch {
	case h.Role == "" && h.Host == "" && h.Process == "":
		return graduate.Errorf(graduate.Invalid, "a hook needs --app <role> and a command after --, or --host <file>")
	case h.Role != "" && h.Host != "":
		return graduate.Errorf(graduate.Invalid, "a hook has --app or --host, not both")
	case h.Host != "" && len(h.Command) > 0:
		return graduate.Errorf(graduate.Invalid, "a host script takes no command after --; it finds what it needs in its environment")
	case h.Process != "" && (h.Role == "" || len(h.Command) > 0):
		return graduate.Errorf(graduate.Invalid, "--process needs --app <role>, and has no command beside it")
	case h.Role != "" && len(h.Command) == 0 && h.Process == "":
		return graduate.Errorf(graduate.Invalid, "a hook with --app needs a command after --, such as: -- bin/rails db:migrate")
	}
	if text := c.Flags.String("timeout"); text != "" {
		timeout, err := positiveDuration("--timeout", text)
		if err != nil {
			return err
		}
		h.Timeout = timeout
	}
	if text := c.Flags.String("retries"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return graduate.Errorf(graduate.Invalid, "--retries must be a whole number, not %q", text)
		}
		h.Retries = n
	}
	if h.Host != "" {
		if _, err := config.CheckHostHook(h.Host); err != nil {
			return err
		}
	}
	return c.change(c.Args[0], func(g *graduate.Group) error {
		for _, is := range g.HooksOf(h.Kind) {
			if is.Name != h.Name {
				continue
			}
			if config.SameHook(is, h) {
				return nil
			}
			return graduate.Errorf(graduate.Conflict, "hook %s/%s exists already; remove it first: dokku graduate:hooks:remove %s %s %s", h.Kind, h.Name, g.Name, h.Kind, h.Name)
		}
		g.Hooks = append(g.Hooks, h)
		return nil
	})
}

// positiveDuration reads a duration that a person typed.
func positiveDuration(what, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, graduate.Errorf(graduate.Invalid, "%s must be a duration such as 90s or 10m, not %q", what, text)
	}
	return d, nil
}

func hooksRemoveVerb() Verb {
	return Verb{
		Name: "hooks:remove", Args: []string{"<group>", "<kind>", "<name>"},
		Help:    "Remove a hook",
		Example: "dokku graduate:hooks:remove shop post migrate",
		Run: func(c *Call) error {
			kind, name := graduate.HookKind(c.Args[1]), c.Args[2]
			return c.change(c.Args[0], func(g *graduate.Group) error {
				before := len(g.Hooks)
				g.Hooks = slices.DeleteFunc(g.Hooks, func(h graduate.Hook) bool { return h.Kind == kind && h.Name == name })
				if len(g.Hooks) < before {
					return nil
				}
				var names []string
				for _, h := range g.Hooks {
					names = append(names, fmt.Sprintf("%s/%s", h.Kind, h.Name))
				}
				return graduate.Errorf(graduate.NotFound, "group %s has no hook %s/%s; it has: %s", g.Name, kind, name, orNone(names))
			})
		},
	}
}

func hooksListVerb() Verb {
	return Verb{
		Name: "hooks:list", Args: []string{"<group>"}, Options: "[--format stdout|json]",
		Help:    "List the hooks of a group in the order in which they run",
		Example: "dokku graduate:hooks:list shop --format json",
		Flags:   []cli.Flag{formatFlag()},
		Run: func(c *Call) error {
			asJSON, err := c.json()
			if err != nil {
				return err
			}
			g, err := c.Store.Load(c.Args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return c.UI.JSON(hookRows(g))
			}
			c.UI.Title("Hooks of %s", g.Name)
			if len(g.Hooks) == 0 {
				return nil
			}
			table := tabwriter.NewWriter(c.UI.Out, 0, 0, 2, ' ', 0)
			if !c.UI.Quiet {
				_, _ = fmt.Fprintln(table, "Kind\tName\tTimeout\tRuns")
			}
			for _, row := range hookRows(g) {
				runs := "host script " + row.Host
				switch {
				case row.Process != "":
					runs = fmt.Sprintf("in %s: the process %s of the Procfile", row.App, row.Process)
				case row.Host == "":
					runs = fmt.Sprintf("in %s: %s", row.App, shellWords(row.Run))
				}
				if traits := config.HookTraits(row.hook); len(traits) > 0 {
					runs += " (" + strings.Join(traits, ", ") + ")"
				}
				_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", row.Kind, row.Name, row.Timeout, runs)
			}
			return table.Flush()
		},
	}
}

// hookRow is a hook as programs read it; the time-out is the one that applies.
type hookRow struct {
	Kind    string   `json:"kind"`
	Name    string   `json:"name"`
	App     string   `json:"app,omitempty"`
	Run     []string `json:"run,omitempty"`
	Process string   `json:"process,omitempty"`
	Host    string   `json:"host,omitempty"`
	Timeout string   `json:"timeout"`

	Retries   int           `json:"retries,omitempty"`
	Parallel  bool          `json:"parallel,omitempty"`
	OnFailure string        `json:"on_failure,omitempty"`
	When      graduate.When `json:"when,omitzero"`

	hook graduate.Hook
}

func hookRows(g *graduate.Group) []hookRow {
	rows := []hookRow{}
	for _, h := range g.Hooks {
		rows = append(rows, hookRow{
			Kind: string(h.Kind), Name: h.Name, App: h.Role, Run: h.Command, Process: h.Process, Host: h.Host,
			Timeout: config.FormatDuration(h.Deadline()), Retries: h.Retries, Parallel: h.Parallel, OnFailure: h.OnFailure, When: h.When, hook: h,
		})
	}
	return rows
}

// shellWords writes a command so that a shell would read it back.
func shellWords(words []string) string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = word
		if word == "" || strings.ContainsFunc(word, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-", r)
		}) {
			out[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}

package cli

import (
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func hooksAddVerb() Verb {
	return Verb{
		Name: "hooks:add", Args: []string{"<group>", "<kind>", "<name>"},
		Options: "(--app <role> -- <command>... | --app <role> --process <name> | --app <role> --http <path> [--status <n>] [--contains <text>] [--within <time>] [--every <time>] | --app <role> --max-5xx <share> [--for <time>] | --host <file>) [--timeout <time>] [--retries <n>] [--parallel] [--on-failure abort|warn] [--migrate | --reverses <name>] [--when-env <env>] [--when-changed <role>]",
		Help:    "Add a hook: pre or post or live or abort or rollback or finally",
		More: "pre runs before anything is started, post while every new version is up and none is live, live after the\n" +
			"release, abort when a graduation fails before it, rollback when a release is taken back, finally at the end,\n" +
			"however that is. A hook runs once per graduation, after those of its kind that are there already: with --app in a\n" +
			"one-off container of the role's new image (rollback: of the release that is taken back) with the target app's\n" +
			"config, with --host as a script that the server's administrator put into the hooks folder. With --http it is a\n" +
			"request instead: to every held web container of the role, or in a live hook to the app's public address, until the\n" +
			"answer is as wanted.",
		Example: "dokku graduate:hooks:add shop post migrate --app portal -- bin/rails db:migrate\ndokku graduate:hooks:add shop post smoke --host smoke-test --timeout 2m\ndokku graduate:hooks:add shop live up --app portal --http /health --contains ok --within 1m",
		Command: true,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "app", Usage: "the role whose new image runs the command"},
			&cli.StringFlag{Name: "process", Usage: "run this process of the new version's Procfile, in place of a command"},
			&cli.StringFlag{Name: "host", Usage: "the name of a script in the hooks folder"},
			&cli.StringFlag{Name: "http", Usage: "ask for this path of the role's app, such as /health"},
			&cli.StringFlag{Name: "status", Usage: "with --http: the status that is wanted (default 200)"},
			&cli.StringFlag{Name: "contains", Usage: "with --http: a text that the answer has to have"},
			&cli.StringFlag{Name: "within", Usage: "with --http: how long to ask until the answer is as wanted (default " + config.FormatDuration(graduate.DefaultHTTPWithin) + ")"},
			&cli.StringFlag{Name: "every", Usage: "with --http: the time between (default " + config.FormatDuration(graduate.DefaultHTTPEvery) + ")"},
			&cli.StringFlag{Name: "max-5xx", Usage: "fail where more than this share of the app's answers is 5xx, such as 1%; a live hook"},
			&cli.StringFlag{Name: "for", Usage: "with --max-5xx: how long to watch (default " + config.FormatDuration(graduate.DefaultMetricFor) + ")"},
			&cli.StringFlag{Name: "timeout", Usage: "when the hook has failed, such as 90s (default " + config.FormatDuration(graduate.DefaultHookTimeout) + ")"},
			&cli.StringFlag{Name: "retries", Usage: "how often it is tried again where it fails, after 1s, 2s, 4s and so on"},
			&cli.BoolFlag{Name: "parallel", Usage: "run it beside those of its neighbours that are parallel, too"},
			&cli.StringFlag{Name: "on-failure", Usage: "abort, or warn: tell it and go on (default abort)"},
			&cli.BoolFlag{Name: "migrate", Usage: "it is a migration: never twice, and never beside another of the group"},
			&cli.StringFlag{Name: "reverses", Usage: "the migration that an abort hook takes back, where it had begun"},
			&cli.StringFlag{Name: "when-env", Usage: "run it only where this environment is graduated into"},
			&cli.StringFlag{Name: "when-changed", Usage: "run it only where the app of this role gets another version"},
		},
		Run: addHook,
	}
}

// addHook adds a hook behind those of its kind; one that is there already, the same in everything, is no error.
func addHook(c *Call) error {
	h, err := hookOf(c)
	if err != nil {
		return err
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

// hookOf is the hook that the flags describe.
func hookOf(c *Call) (graduate.Hook, error) {
	f := c.Flags
	h := graduate.Hook{
		Kind: graduate.HookKind(c.Args[1]), Name: c.Args[2], Role: f.String("app"), Command: c.Command, Process: f.String("process"), Host: f.String("host"),
		Parallel: f.Bool("parallel"), Migrate: f.Bool("migrate"), Reverses: f.String("reverses"), OnFailure: f.String("on-failure"), When: graduate.When{Env: f.String("when-env"), Changed: f.String("when-changed")},
	}
	if err := incomplete(c, h); err != nil {
		return h, err
	}
	t := typed{call: c}
	if f.IsSet("http") {
		h.HTTP = &graduate.HTTPCheck{
			Path: f.String("http"), Status: t.number("status"), Contains: f.String("contains"), Within: t.duration("within"), Every: t.duration("every"),
		}
	}
	if f.IsSet("max-5xx") {
		h.Metric = &graduate.Metric{For: t.duration("for"), Max5xx: t.percent("max-5xx")}
	}
	h.Timeout, h.Retries = t.duration("timeout"), t.number("retries")
	return h, t.err
}

// incomplete says what is missing, or is too much, for a hook to run something.
func incomplete(c *Call, h graduate.Hook) error {
	fail := func(text string) error { return graduate.Errorf(graduate.Invalid, "%s", text) }
	looks := c.Flags.IsSet("http") || c.Flags.IsSet("max-5xx")
	if looks {
		if c.Flags.IsSet("http") && c.Flags.IsSet("max-5xx") {
			return fail("a hook has --http or --max-5xx, not both")
		}
		if h.Role == "" || h.Host != "" || h.Process != "" || len(h.Command) > 0 {
			return fail("--http or --max-5xx needs --app <role>, and has neither a command nor --process nor --host beside it")
		}
	}
	for _, needs := range [][2]string{{"status", "http"}, {"contains", "http"}, {"within", "http"}, {"every", "http"}, {"for", "max-5xx"}} {
		if c.Flags.IsSet(needs[0]) && !c.Flags.IsSet(needs[1]) {
			return fail("--" + needs[0] + " needs --" + needs[1])
		}
	}
	if looks {
		return nil
	}
	switch {
	case h.Role == "" && h.Host == "" && h.Process == "":
		return fail("a hook needs --app <role> and a command after --, or --host <file>")
	case h.Role != "" && h.Host != "":
		return fail("a hook has --app or --host, not both")
	case h.Host != "" && len(h.Command) > 0:
		return fail("a host script takes no command after --; it finds what it needs in its environment")
	case h.Process != "" && (h.Role == "" || len(h.Command) > 0):
		return fail("--process needs --app <role>, and has no command beside it")
	case h.Role != "" && len(h.Command) == 0 && h.Process == "":
		return fail("a hook with --app needs a command after --, such as: -- bin/rails db:migrate")
	}
	return nil
}

// typed reads flags that a person has typed, and keeps the first error.
type typed struct {
	call *Call
	err  error
}

func (t *typed) duration(name string) time.Duration {
	text := t.call.Flags.String(name)
	if text == "" || t.err != nil {
		return 0
	}
	var d time.Duration
	d, t.err = positiveDuration("--"+name, text)
	return d
}

func (t *typed) percent(name string) float64 {
	share, ok := config.ParsePercent(t.call.Flags.String(name))
	if !ok && t.err == nil {
		t.err = graduate.Errorf(graduate.Invalid, "--%s must be a share such as 1%% or 0.5%%, not %q", name, t.call.Flags.String(name))
	}
	return share
}

func (t *typed) number(name string) int {
	text := t.call.Flags.String(name)
	if text == "" || t.err != nil {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.err = graduate.Errorf(graduate.Invalid, "--%s must be a whole number, not %q", name, text)
	}
	return n
}

// positiveDuration reads a duration that a person typed.
func positiveDuration(what, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, graduate.Errorf(graduate.Invalid, "%s must be a duration such as 90s or 10m, not %q", what, text)
	}
	return d, nil
}

package cli

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

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
				case row.hook.HTTP != nil:
					runs = fmt.Sprintf("asks %s: %s", row.App, row.hook.HTTP)
				case row.hook.Metric != nil:
					runs = fmt.Sprintf("watches %s: %s", row.App, row.hook.Metric)
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
	HTTP    *httpRow `json:"http,omitempty"`
	// Metric is a watch; its time is the hook's time-out.
	Metric  *metricRow `json:"metric,omitempty"`
	Timeout string     `json:"timeout"`

	Retries   int           `json:"retries,omitempty"`
	Parallel  bool          `json:"parallel,omitempty"`
	Migrate   bool          `json:"migrate,omitempty"`
	Reverses  string        `json:"reverses,omitempty"`
	OnFailure string        `json:"on_failure,omitempty"`
	When      graduate.When `json:"when,omitzero"`

	hook graduate.Hook
}

// httpRow is an HTTP check as programs read it; its time is the hook's time-out.
type httpRow struct {
	Path     string `json:"path"`
	Status   int    `json:"status"`
	Contains string `json:"contains,omitempty"`
	Every    string `json:"every"`
}

// metricRow is a metric as programs read it.
type metricRow struct {
	Max5xx string `json:"max_5xx"`
}

func hookRows(g *graduate.Group) []hookRow {
	rows := []hookRow{}
	for _, h := range g.Hooks {
		row := hookRow{
			Kind: string(h.Kind), Name: h.Name, App: h.Role, Run: h.Command, Process: h.Process, Host: h.Host,
			Timeout: config.FormatDuration(h.Deadline()), Retries: h.Retries, Parallel: h.Parallel, Migrate: h.Migrate, Reverses: h.Reverses, OnFailure: h.OnFailure, When: h.When, hook: h,
		}
		if c := h.HTTP; c != nil {
			row.HTTP = &httpRow{c.Path, c.WantedStatus(), c.Contains, config.FormatDuration(c.Interval())}
			row.Timeout = config.FormatDuration(c.Deadline())
		}
		if m := h.Metric; m != nil {
			row.Metric, row.Timeout = &metricRow{m.Limit()}, config.FormatDuration(m.Window())
		}
		rows = append(rows, row)
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

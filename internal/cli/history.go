package cli

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/journal"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

func historyVerb() Verb {
	return Verb{
		Name: "history", Args: []string{"[<group>]"}, Options: "[--env <env>] [--format stdout|json]",
		Help: "List the graduations of a group or of all groups",
		More: "The newest stands first. Its status is running, live, aborted, needs-person or rolled-back; abandoned where\n" +
			"its process has died. JSON is one flat object per graduation, each on a line. graduate:set GROUP history\n" +
			"says how many that have ended are kept.",
		Example: "dokku graduate:history shop --env prod",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "env", Aliases: []string{"e"}, Usage: "only those into this environment"},
			formatFlag(),
		},
		Run: history,
	}
}

func history(c *Call) error {
	asJSON, err := c.json()
	if err != nil {
		return err
	}
	found := records(c.Host, c.Arg(0))
	if env := c.Flags.String("env"); env != "" {
		found = slices.DeleteFunc(found, func(r graduate.Record) bool { return r.To != env })
	}
	if len(found) == 0 && c.Arg(0) != "" {
		if err := exists(c.Store, c.Arg(0)); err != nil { // the graduations of a group outlive it
			return err
		}
	}
	if asJSON {
		for _, r := range found {
			if err := c.UI.JSON(r); err != nil {
				return err
			}
		}
		return nil
	}
	c.UI.Title("Graduations")
	table := tabwriter.NewWriter(c.UI.Out, 0, 0, 2, ' ', 0)
	if !c.UI.Quiet {
		fmt.Fprintln(table, "ID\tGroup\tFrom\tTo\tBy\tStarted\tTook\tStatus")
	}
	for _, r := range found {
		took := "-"
		if r.Finished != nil {
			took = time.Duration(r.Seconds * float64(time.Second)).Round(time.Second).String()
		}
		from := r.From
		if r.Kind == graduate.KindRollback {
			from = "(rollback)"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Group, from, r.To, r.User, r.Started.Format(time.RFC3339), took, r.Status+forced(r.Forced))
	}
	return table.Flush()
}

func outputVerb() Verb {
	return Verb{
		Name: "output", Args: []string{"[<id>]"},
		Help: "Show what a graduation said",
		More: "As it was printed where nobody looked at it on a terminal, with what its hooks printed. Without an id it is\n" +
			"the last graduation.",
		Example: "dokku graduate:output",
		Run: func(c *Call) error {
			ids := c.Host.RunIDs()
			id := c.Arg(0)
			if id == "" && len(ids) > 0 {
				id = ids[len(ids)-1]
			}
			if !slices.Contains(ids, id) {
				return graduate.Errorf(graduate.NotFound, "there is no graduation %s; dokku graduate:history lists those that are kept", id)
			}
			run := graduate.Run{ID: id, Dir: c.Host.RunDir(id)}
			events, err := journal.Replay(run.Journal())
			output(c.UI, events)
			return err
		},
	}
}

// output shows the events of a journal as the run did.
func output(s ui.Streams, events []graduate.Event) {
	s.TTY = false
	screen := ui.NewRenderer(s, "")
	defer screen.Close()
	for _, e := range events {
		if e.Type == graduate.EventHook && (e.State == graduate.HookSucceeded || e.State == graduate.HookFailed) {
			hookLines(screen, e)
		}
		screen.Event(e)
		switch {
		case e.Type != graduate.EventOutcome:
		case e.State == graduate.OutcomeLive:
			s.Print("=====> %s is live (%s)", e.Group, e.Run)
		default:
			s.Print(" !     %s", e.Message)
		}
	}
}

// hookLines shows what a hook printed; its log may be gone.
func hookLines(screen ui.Renderer, e graduate.Event) {
	log, err := os.Open(e.Log)
	if err != nil {
		return
	}
	defer log.Close()
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		screen.Line(e.Hook, lines.Text())
	}
}

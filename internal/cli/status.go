package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"
	"github.com/urfave/cli/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/hold"
	"github.com/dokku-graduate/dokku-graduate/internal/journal"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// status is what `graduate:status --format json` prints of one graduation.
type status struct {
	ID   string `json:"id"`
	Kind string `json:"kind"` // graduate or rollback
	// Cause is what failed after the release point, in a rollback that no person began.
	Cause string `json:"cause,omitempty"`
	// Plan is the plan that was acted on, Forced what --force let pass of it.
	Plan    string    `json:"plan_id,omitempty"`
	Forced  []string  `json:"forced,omitempty"`
	Group   string    `json:"group"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	User    string    `json:"user"`
	Started time.Time `json:"started"`
	// State is the last state that was entered; Outcome is running, abandoned, or how the run ended.
	State   string `json:"state"`
	Outcome string `json:"outcome"`
	Failure string `json:"failure,omitempty"`
	// Left is what the clean-up after the release has left for the next try.
	Left string `json:"left,omitempty"`
	// Deferred are the finally hooks that a later command runs.
	Deferred []string    `json:"deferred_hooks,omitempty"`
	Apps     []appStatus `json:"apps"`
}

// appStatus is one app of a graduation.
type appStatus struct {
	Role  string `json:"role"`
	App   string `json:"app"`
	State string `json:"state"`
}

// statusOf tells a graduation's status. A run without an outcome whose coordinator is gone is abandoned: that is
// worked out when asked, as nobody was there to record it.
func statusOf(host *dokku.Host, h graduate.History) status {
	r := h.Run
	s := status{
		ID: r.ID, Kind: cmp.Or(r.Kind, graduate.KindGraduate), Cause: r.Cause, Plan: r.PlanID, Forced: r.Forced, Group: r.Group, From: r.From, To: r.To, User: r.User, Started: r.Started,
		State: string(h.State), Outcome: "abandoned", Failure: h.Failure, Left: h.Left,
		Deferred: slices.Sorted(maps.Keys(h.Deferred)),
	}
	switch {
	case h.Outcome != nil:
		s.Outcome = h.Outcome.State
	case host.Alive(r.ID):
		s.Outcome = "running"
	}
	states := map[string]string{}
	for _, e := range h.Events {
		switch e.Type {
		case graduate.EventApp:
			states[e.App] = e.State
		case graduate.EventCandidate:
			states[e.App] = fmt.Sprintf("%s (%s)", graduate.AppHeld, e.Candidate.Name())
		}
	}
	for _, a := range r.Apps {
		state := cmp.Or(states[a.Target], "waiting")
		if s.Outcome == graduate.OutcomeAborted && a.Skip == "" {
			state = "as it was"
		}
		s.Apps = append(s.Apps, appStatus{a.Role, a.Target, state})
	}
	return s
}

func statusVerb() Verb {
	return Verb{
		Name: "status", Args: []string{"[<group>]"}, Options: "[--format stdout|json]",
		Help: "Show the running graduation or the last one",
		More: "A graduation whose process has died is shown as abandoned; graduate:recover, or the group's next\n" +
			"graduation, completes it.",
		Example: "dokku graduate:status shop",
		Flags:   []cli.Flag{formatFlag()},
		Run: func(c *Call) error {
			json, err := c.json()
			if err != nil {
				return err
			}
			h, err := last(c.Host, c.Arg(0), func(graduate.History) bool { return true })
			if err != nil {
				return err
			}
			s := statusOf(c.Host, *h)
			if json {
				return c.UI.JSON(s)
			}
			printStatus(c.UI, s)
			return nil
		},
	}
}

func printStatus(out ui.Streams, s status) {
	what := fmt.Sprintf("%s from %s to %s", s.Group, s.From, s.To)
	if s.Kind == graduate.KindRollback {
		what = fmt.Sprintf("rollback of %s in %s", s.Group, s.To)
	}
	out.Print("=====> %s: %s (%s)", what, s.Outcome, s.ID)
	out.Detail("Started by %s at %s, last state %s", s.User, s.Started.Format(time.RFC3339), s.State)
	if s.Plan != "" {
		out.Detail("Plan %s%s", s.Plan, forced(s.Forced))
	}
	if s.Cause != "" {
		out.Detail("It takes a release back that failed: %s", s.Cause)
	}
	for _, a := range s.Apps {
		out.Detail("%-16s %-24s %s", a.Role, a.App, a.State)
	}
	if s.Failure != "" {
		out.Detail("Reason: %s", s.Failure)
	}
	if s.Left != "" {
		out.Detail("Left for the next clean-up: %s", strings.ReplaceAll(s.Left, "\n", "; "))
	}
	if len(s.Deferred) > 0 {
		out.Detail("Not run yet: %s; dokku graduate:recover %s runs them", strings.Join(s.Deferred, ", "), s.Group)
	}
	if s.Outcome == "abandoned" {
		out.Detail("Complete it with dokku graduate:recover %s", s.Group)
	}
}

// forced says what --force let pass; nothing where it was not needed.
func forced(codes []string) string {
	if len(codes) == 0 {
		return ""
	}
	return ", forced: " + strings.Join(codes, ", ")
}

// last is the newest graduation of a group, or of all, that wanted accepts.
func last(host *dokku.Host, group string, wanted func(graduate.History) bool) (*graduate.History, error) {
	runs, err := histories(host, group)
	for i := len(runs) - 1; i >= 0; i-- {
		if wanted(runs[i]) {
			return &runs[i], nil
		}
	}
	if err != nil {
		return nil, err
	}
	if group != "" {
		return nil, graduate.Errorf(graduate.NotFound, "there is no such graduation of group %s", group)
	}
	return nil, graduate.Errorf(graduate.NotFound, "there is no such graduation on this server")
}

func abortVerb() Verb {
	return Verb{
		Name: "abort", Args: []string{"[<env>]"}, Options: "[--group <group>]",
		Help: "Abort the running graduation before its release point",
		More: "The target environment is put back as it was. After the release point it is too late: the graduation is\n" +
			"being finished.",
		Example: "dokku graduate:abort prod",
		Flags:   []cli.Flag{&cli.StringFlag{Name: "group", Aliases: []string{"g"}, Usage: "the group, where more than one is being graduated"}},
		Run: func(c *Call) error {
			runs, _ := histories(c.Host, c.Flags.String("group")) // a damaged journal is none of a running graduation
			runs = slices.DeleteFunc(runs, func(h graduate.History) bool {
				return h.Outcome != nil || !c.Host.Alive(h.Run.ID) || c.Arg(0) != "" && c.Arg(0) != h.Run.To
			})
			switch len(runs) {
			case 0:
				return graduate.Errorf(graduate.NotFound, "no graduation is running that could be aborted")
			case 1:
				return abort(c.UI, runs[0].Run)
			}
			var groups []string
			for _, h := range runs {
				groups = append(groups, h.Run.Group)
			}
			return graduate.Errorf(graduate.Invalid, "more than one graduation is running: name the group with --group, which is one of %s", strings.Join(groups, ", "))
		},
	}
}

// abort asks a run's coordinator to turn back, and says what it answered.
func abort(out ui.Streams, r *graduate.Run) error {
	action, reason := hold.Abort(r.Socket, r.ID, caller())
	if action == hold.Gone { // its socket is closed when the deploys are let go
		if released, _ := journal.Released(r.Journal()); released {
			action, reason = hold.GoOn, "it is past its release point"
		}
	}
	switch action {
	case hold.TurnBack:
		out.Print("-----> Graduation %s of %s to %s is being aborted", r.ID, r.Group, r.To)
		return nil
	case hold.GoOn:
		return graduate.Errorf(graduate.Refused, "graduation %s of %s to %s cannot be aborted any more: %s", r.ID, r.Group, r.To, reason)
	default:
		return graduate.Errorf(graduate.Conflict, "graduation %s of %s to %s does not answer (%s); if its process is gone, dokku graduate:recover %s", r.ID, r.Group, r.To, reason, r.Group)
	}
}

func recoverVerb() Verb {
	return Verb{
		Name: "recover", Args: []string{"[<group>]"}, Options: "[--unattended] [--wait <duration>] [--migration undo|keep]",
		Help: "Complete graduations whose process has died",
		More: "Back to the old set before the release point, forward to the new one after it; a clean-up that failed is\n" +
			"tried again. Without a group those of all groups are completed; the server does so by itself when it starts,\n" +
			"and waits then for those that a living process turns back or finishes (--wait).",
		Example: "dokku graduate:recover",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "unattended", Usage: "leave graduations alone that stopped for a person, unless they are half-way"},
			&cli.StringFlag{Name: "migration", Usage: "what becomes of a migration of which nobody knows how it ended: undo (its reversal runs) or keep"},
			&cli.StringFlag{Name: "wait", Usage: "how long to wait for graduations that are being turned back or finished, such as 5m"},
		},
		Run: func(c *Call) error {
			decided, err := decidedBy(c)
			if err != nil {
				return err
			}
			var late error
			if c.Flags.IsSet("wait") {
				bound, err := positiveDuration("--wait", c.Flags.String("wait"))
				if err != nil {
					return err
				}
				late = awaitEndings(c.Flags.Context, c.UI, c.Host, c.Arg(0), bound)
			}
			o := Asked
			if c.Flags.Bool("unattended") {
				o = Unattended
			}
			n, err := Recover(c.Flags.Context, c.UI, c.Host, c.Arg(0), o, decided)
			if err == nil && late == nil && n == 0 {
				c.UI.Print("-----> There is nothing to recover")
			}
			if late == nil {
				return err
			}
			return multierror.Append(late, err)
		},
	}
}

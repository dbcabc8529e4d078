package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/plan"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// PlanOptions are what `graduate:plan FROM TO` was called with.
type PlanOptions struct {
	From, To string
	// Group may be empty where only one group has both environments.
	Group string
	// Only are the roles that are asked for; none means the whole set.
	Only []string
	// All takes unchanged apps along.
	All bool
	// Detailed makes the exit code tell what the plan says.
	Detailed bool
	Format   string
}

// changesCode is the exit code of graduate:plan --detailed-exit-code where something will change.
const changesCode = 2

// ShowPlan makes a plan, stores it and shows it.
func ShowPlan(ctx context.Context, s ui.Streams, o PlanOptions) error {
	host := openHost()
	group, err := config.OpenStore().Find(o.Group, o.From, o.To)
	if err != nil {
		return err
	}
	p, _, err := plan.Make(ctx, host, group, plan.Options{From: o.From, To: o.To, All: o.All, Only: o.Only})
	if err != nil {
		return err
	}
	if err := host.SavePlan(p); err != nil {
		return graduate.Errorf(graduate.Internal, "the plan cannot be stored (%w)", err)
	}
	if o.Format == "json" {
		err = s.JSON(p)
	} else {
		s.Plan(p, time.Now(), runOf(p))
	}
	if err != nil || !o.Detailed {
		return err
	}
	return detailed(p)
}

// runOf is the command that does what is planned; empty where it would be refused, or would do nothing.
func runOf(p *graduate.Plan) string {
	if len(p.Forbidding()) > 0 || !changes(p) {
		return ""
	}
	return fmt.Sprintf("dokku graduate:run %s %s --plan %s", p.From, p.To, p.ID) // the plan knows its group
}

// changes tells whether a plan does anything at all.
func changes(p *graduate.Plan) bool {
	return slices.ContainsFunc(p.Roles, func(r graduate.RolePlan) bool { return r.Action != graduate.ActionSkip })
}

// detailed is what a plan says as an exit code.
func detailed(p *graduate.Plan) error {
	switch {
	case len(p.Forbidding()) > 0:
		return exitCode(1)
	case changes(p):
		return exitCode(changesCode)
	default:
		return nil
	}
}

// exitCode ends a command with that code, where all has been said already.
type exitCode int

// Error is for the log of whoever loses it; nobody sees it.
func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// decision is a plan with the apps of the run that does it.
type decision struct {
	plan *graduate.Plan
	apps []*graduate.App
}

// planned makes the plan of a run. Apps that others deploy are waited for, where nothing else is in its way; the deploy
// locks of targets are then this process's, so that the plan that follows stays true.
func planned(ctx context.Context, host *dokku.Host, group *graduate.Group, o plan.Options, p *patience) (*decision, error) {
	for {
		made, apps, err := plan.Make(ctx, host, group, o)
		if err != nil {
			return nil, err
		}
		busy := deploying(made)
		if len(busy) == 0 || p.bound == 0 {
			return &decision{made, apps}, nil
		}
		for _, f := range busy {
			wait := host.AwaitDeploy
			if f.Code == plan.SourceDeploying {
				wait = host.AwaitDeployEnd
			}
			if err := awaitDeploy(ctx, group.Name, f.App, p, wait); err != nil {
				return nil, err
			}
		}
	}
}

// deploying are the findings about apps that others deploy just now; none where anything else is in the plan's way.
func deploying(p *graduate.Plan) []graduate.Finding {
	forbidding := p.Forbidding()
	if slices.ContainsFunc(forbidding, func(f graduate.Finding) bool { return f.Code != plan.TargetDeploying && f.Code != plan.SourceDeploying }) {
		return nil
	}
	return forbidding
}

// refusals are the errors of a plan, one line each.
func refusals(p *graduate.Plan) error {
	var refused *multierror.Error
	for _, f := range p.Forbidding() {
		refused = multierror.Append(refused, graduate.Errorf(graduate.Refused, "%s", ui.Clean(f.Line())))
	}
	return refused.ErrorOrNil()
}

// mostChanges is how much of what has changed since a plan is named.
const mostChanges = 8

// differs says, in one line, what has changed since a plan; nothing where it still holds.
func differs(id string, old, now *graduate.Plan) error {
	if old.Digest == now.Digest {
		return nil
	}
	changed := plan.Changed(old, now)
	if more := len(changed) - mostChanges; more > 0 {
		changed = append(changed[:mostChanges:mostChanges], fmt.Sprintf("and %d more", more))
	}
	return graduate.Errorf(graduate.Refused, "plan %s does not hold any more, nothing was done: %s; see dokku graduate:plan %s %s --group %s",
		id, ui.Clean(strings.Join(changed, "; ")), now.From, now.To, now.Group)
}

// given is the stored plan that a run is to act on; nil where it was given none.
func given(host *dokku.Host, o *RunOptions) (*graduate.Plan, error) {
	if o.Plan == "" {
		return nil, nil
	}
	p, err := host.LoadPlan(o.Plan)
	if err != nil {
		return nil, err
	}
	switch {
	case p.From != o.From || p.To != o.To:
		return nil, graduate.Errorf(graduate.Invalid, "plan %s is from %s to %s, not from %s to %s", p.ID, p.From, p.To, o.From, o.To)
	case o.Group != "" && o.Group != p.Group:
		return nil, graduate.Errorf(graduate.Invalid, "plan %s is of group %s, not of %s", p.ID, p.Group, o.Group)
	case len(o.Only) > 0 && !slices.Equal(slices.Compact(slices.Sorted(slices.Values(o.Only))), p.Only), o.All && !p.All:
		return nil, graduate.Errorf(graduate.Invalid, "plan %s was made with other words: --plan takes its --only and --all along, leave them out", p.ID)
	}
	o.Group, o.Only, o.All = p.Group, p.Only, p.All
	return p, nil
}

package plan

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Keeper tells what is kept for a rollback, and what there is.
type Keeper interface {
	// Survey is that of a Surveyor.
	Survey(ctx context.Context, apps []string) (map[string]graduate.Facts, error)
	// KeptVersion is the image of a kept version and its scale; the image is empty where it is gone.
	KeptVersion(ctx context.Context, k graduate.Kept) (image string, scale []graduate.Process)
	// Server is that of a Surveyor.
	Server(ctx context.Context, g *graduate.Group) (graduate.Server, error)
	// HasImage tells whether the platform has an image of that name.
	HasImage(ctx context.Context, name string) bool
}

// RollbackOptions are what the user asked for.
type RollbackOptions struct {
	// Environment is what is rolled back.
	Environment string
	// To is the graduation whose set is brought back; where it is empty, that of before the last one.
	To string
	// Run is the id of the run that is planned.
	Run string
	// Quiesced tells that hooks run in it, and old instances are kept off the data meanwhile where the group says so.
	Quiesced bool
	// Automatic tells that no person is there: it goes without a quiesce that is not possible.
	Automatic bool
}

// Rollback is what a rollback will do.
type Rollback struct {
	Apps []*graduate.App
	// Undoes is the oldest graduation that is taken back, Newest the newest; both are empty where only deploys of
	// others are.
	Undoes, Newest string
	// Notes say what does not come back, one line each.
	Notes []string
	// Quiesce is how old instances are kept off the data, nil where they are not; Unquiesced says why it goes without
	// one that the group asks for.
	Quiesce    *graduate.Quiesce
	Unquiesced []string
}

// MakeRollback decides about every role. past are the releases into the environment, the oldest first.
func MakeRollback(ctx context.Context, in Keeper, g *graduate.Group, o RollbackOptions, past []*graduate.Run) (*Rollback, error) {
	goal, err := choose(g, o, Standing(past))
	if err != nil {
		return nil, err
	}
	apps := map[string]string{}
	for _, role := range g.Roles {
		if app := role.Apps[o.Environment]; app != "" {
			apps[role.Name] = app
		}
	}
	facts, err := in.Survey(ctx, slices.Collect(maps.Values(apps)))
	if err != nil {
		return nil, err
	}
	b := &Rollback{Undoes: goal.undoes, Newest: goal.newest}
	var refused *multierror.Error
	for _, role := range g.Roles {
		app := apps[role.Name]
		if app == "" {
			continue
		}
		if t := targetTrouble(factsOf(facts, app)); len(t) > 0 {
			refused = multierror.Append(refused, t.refuse())
			continue
		}
		a, err := b.app(ctx, in, o, goal, role, factsOf(facts, app))
		if err != nil {
			refused = multierror.Append(refused, err)
			continue
		}
		b.Apps = append(b.Apps, a)
	}
	if err := b.quiesce(ctx, in, g, o, facts); err != nil {
		refused = multierror.Append(refused, err)
	}
	return b, refused.ErrorOrNil()
}

// Standing lists the graduations that no rollback has taken back, the oldest first.
func Standing(past []*graduate.Run) []*graduate.Run {
	var standing []*graduate.Run
	for _, r := range past {
		if !r.Rollback() {
			standing = append(standing, r)
			continue
		}
		i := slices.IndexFunc(standing, func(s *graduate.Run) bool { return s.ID == r.Undoes })
		if i >= 0 {
			standing = standing[:i]
		}
	}
	return standing
}

// goal is the set that is brought back: what a graduation left, or what was there before it.
type goal struct {
	run            *graduate.Run
	before         bool
	undoes, newest string
}

// choose finds the set that is asked for.
func choose(g *graduate.Group, o RollbackOptions, standing []*graduate.Run) (goal, error) {
	if len(standing) == 0 {
		return goal{}, graduate.Errorf(graduate.Refused, "%s of %s has no earlier set to go back to: no graduation into it stands", o.Environment, g.Name)
	}
	last := len(standing) - 1
	if o.To == "" {
		return goal{run: standing[last], before: true, undoes: standing[last].ID, newest: standing[last].ID}, nil
	}
	i := slices.IndexFunc(standing, func(r *graduate.Run) bool { return r.ID == o.To })
	switch {
	case i < 0:
		var ids []string
		for _, r := range standing {
			ids = append(ids, r.ID)
		}
		return goal{}, graduate.Errorf(graduate.NotFound, "%s of %s has no graduation %s to go back to; it has %s", o.Environment, g.Name, o.To, strings.Join(ids, ", "))
	case i == last: // what came after it were deploys of others
		return goal{run: standing[i]}, nil
	default:
		return goal{run: standing[i], undoes: standing[i+1].ID, newest: standing[last].ID}, nil
	}
}

// app decides about one role.
func (b *Rollback) app(ctx context.Context, in Keeper, o RollbackOptions, to goal, role graduate.Role, now graduate.Facts) (*graduate.App, error) {
	a := &graduate.App{
		Role: role.Name, Source: now.App, Target: now.App, Before: now.Revision, First: !now.Deployed, Start: role.Start,
		Was: was(o.Run, now), UndoTag: "latest",
	}
	then := to.run.AppOf(role.Name)
	if then == nil || then.Was == nil && (to.before || then.Skip != "") {
		a.Skip = "it stays as it is: that set did not have it"
		b.note("%s stays as it is: it was not deployed in that set", now.App)
		return a, nil
	}
	a.Kept = graduate.Kept{App: now.App, Run: to.run.ID, Before: to.before || then.Skip != ""}
	image := then.Image
	if a.Kept.Before {
		a.Revision, a.Origin, image = then.Was.Revision, then.Was.Origin, then.Was.Image
		b.configuration(to.run.ID, then.Was, now)
	} else {
		a.Revision, a.Origin = then.Revision, then.Origin
	}
	a.Image, a.Scale = in.KeptVersion(ctx, a.Kept)
	if a.Image == "" {
		return nil, refuse("the image that %s had in that set is gone (dokku-graduate/%s:%s): choose another set with --to, or deploy %s by itself",
			now.App, a.Kept.App, a.Kept.Name(), now.App)
	}
	if source := a.Origin.SourceImage; source != "" && !in.HasImage(ctx, source) {
		b.note("the image %s, from which %s was made, is not on this server any more: ps:rebuild would have to pull it", source, now.App)
	}
	if has(now, image, a.Image) && now.Revision == a.Revision && !now.Missing {
		a.Skip = "unchanged: it runs this version already"
	}
	return a, nil
}

// has tells whether an app runs one of these images, or one that was made from it.
func has(now graduate.Facts, images ...string) bool {
	return now.Deployed && (slices.Contains(images, now.Image) || slices.Contains(images, now.Artifact))
}

// configuration notes which config values have changed since: they are not brought back.
func (b *Rollback) configuration(run string, was *graduate.Version, now graduate.Facts) {
	if keys := graduate.Differing(run, was.Config, now.Config, now.RevisionKey); len(keys) > 0 {
		b.note("the config of %s has changed since and stays as it is: %s", now.App, strings.Join(keys, ", "))
	}
}

func refuse(format string, args ...any) error {
	return graduate.Errorf(graduate.Refused, "%s", fmt.Sprintf(format, args...))
}

func (b *Rollback) note(format string, args ...any) {
	b.Notes = append(b.Notes, fmt.Sprintf(format, args...))
}

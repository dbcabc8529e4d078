package plan

import (
	"slices"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// notAsked is why a role that --only leaves out stays as it is.
const notAsked = "not asked for (--only)"

// alreadyThere is why an unchanged role stays as it is.
const alreadyThere = "unchanged: it runs this version already"

// decide says what happens to each role, now that all findings are known.
func (p *planner) decide() []*graduate.App {
	p.plan.Roles = make([]graduate.RolePlan, 0, len(p.roles))
	apps := make([]*graduate.App, 0, len(p.roles))
	for _, r := range p.roles {
		decided := r.decide(p.plan)
		p.plan.Roles = append(p.plan.Roles, decided)
		if decided.Action == graduate.ActionRefuse {
			continue
		}
		a := &graduate.App{
			Role: r.Name, Source: r.source.App, Target: r.target.App,
			Image: r.source.Image, Revision: r.source.Revision, Before: r.target.Revision,
			First: !r.target.Deployed, Start: r.Start, Origin: r.source.Origin, Was: was(p.o.Run, r.target),
		}
		if decided.Action == graduate.ActionSkip {
			a.Skip = decided.Why
		}
		apps = append(apps, a)
	}
	return apps
}

// decide makes the plan of one role.
func (r *role) decide(p *graduate.Plan) graduate.RolePlan {
	out := graduate.RolePlan{
		Role: r.Name, Source: r.source.App, Target: r.target.App,
		Revision: r.source.Revision, Before: r.target.Revision,
	}
	refused := slices.IndexFunc(p.Findings, func(f graduate.Finding) bool { return f.Role == r.Name && f.Forbids() })
	switch {
	case !r.asked:
		out.Action, out.Why = graduate.ActionSkip, notAsked
		return out
	case refused >= 0:
		out.Action, out.Why = graduate.ActionRefuse, p.Findings[refused].Why
	case r.same:
		out.Action, out.Why = graduate.ActionSkip, alreadyThere
		return out
	case !r.target.Deployed:
		out.Action, out.Why = graduate.ActionFirst, "it was never deployed"
	default:
		out.Action, out.Why = graduate.ActionGraduate, r.reason()
	}
	out.Commits, out.CommitCount = r.commits.Commits, r.commits.Count
	out.Backwards, out.Unrelated = r.commits.Backwards, r.commits.Unrelated
	out.New = imageOf(r.source)
	if r.target.Deployed {
		out.Old = imageOf(r.target)
	}
	out.NewBytes = newBytes(out.New, out.Old)
	if r.source.Exists && r.target.Exists {
		out.Changes = r.changes()
	}
	return out
}

// reason says what makes a role's app be graduated.
func (r *role) reason() string {
	t := r.target
	switch {
	case t.Artifact != r.source.Image || t.Revision != r.source.Revision:
		return "the source has another version"
	case t.Drift:
		return "its configuration has changed since its containers were made"
	case t.Missing:
		return "one of its containers is not running"
	case slices.ContainsFunc(t.Running, func(id string) bool { return id != t.Image }):
		return "its containers do not all run its version"
	default:
		return "it runs this version already, and all are taken along (--all)"
	}
}

// imageOf is the image that an app's next start would use; nil where there is none.
func imageOf(f graduate.Facts) *graduate.ImageFacts {
	if f.Image == "" {
		return nil
	}
	image := f.Around.Version
	image.ID = f.Image
	return &image
}

// newBytes is the size of the layers that one image has and another has not.
func newBytes(image, old *graduate.ImageFacts) int64 {
	if image == nil {
		return 0
	}
	had := map[string]bool{}
	if old != nil {
		for _, l := range old.Layers {
			had[l.ID] = true
		}
	}
	var bytes int64
	for _, l := range image.Layers {
		if !had[l.ID] {
			bytes += l.Size
		}
		had[l.ID] = true
	}
	return bytes
}

// was is what a target has, as the run's record tells it; nil where it was never deployed.
func was(run string, f graduate.Facts) *graduate.Version {
	if !f.Deployed {
		return nil
	}
	return &graduate.Version{
		Image: f.Image, Revision: f.Revision, Origin: f.Origin, Scale: f.Scale,
		Config: graduate.Digests(run, f.Config),
	}
}

// unchanged tells whether the target runs the source's version already, wholly and with its present config.
func unchanged(source, target graduate.Facts) bool {
	return target.Deployed && target.Artifact == source.Image && target.Revision == source.Revision &&
		!target.Drift && !target.Missing &&
		!slices.ContainsFunc(target.Running, func(id string) bool { return id != target.Image })
}

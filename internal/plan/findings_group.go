package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// findInGroup looks at what is about the group as a whole.
func (p *planner) findInGroup() {
	g := p.g
	if p.server.Running != "" {
		p.add(GroupRunning, nil, "", fmt.Sprintf("group %s is being graduated already (%s)", g.Name, p.server.Running),
			fmt.Sprintf("await it with dokku graduate:status %s, or dokku graduate:abort --group %s", g.Name, g.Name))
	}
	for _, h := range p.runs(graduate.HookKinds()...) {
		if why, ok := p.server.Hosts[h.Host]; ok && h.Host != "" {
			p.add(HookScript, nil, "", fmt.Sprintf("hook %s/%s: %s", h.Kind, h.Name, why),
				fmt.Sprintf("put it right, or take the hook out: dokku graduate:hooks:remove %s %s %s", g.Name, h.Kind, h.Name))
		}
	}
	p.findInChecks()
	p.findInDeadlines()
	var left []string
	for _, r := range p.roles {
		if !r.asked {
			left = append(left, r.Name)
		}
	}
	if len(left) > 0 {
		p.add(SetIncomplete, nil, "", fmt.Sprintf("the set is not whole: --only leaves %s out, and nobody has tried the others together with what they run", list(left)),
			"leave --only out, unless that is meant")
	}
	p.findInSchema()
}

// findInChecks says which HTTP checks and metrics can never pass: a live check would tell so only after the release point.
func (p *planner) findInChecks() {
	for _, h := range p.runs(graduate.HookPost, graduate.HookLive) {
		r := p.role(h.Role)
		if !h.OnlyLooks() || r == nil || !r.target.Exists || !p.any((*role).moves) {
			continue
		}
		app, severity := r.target.App, graduate.SeverityError
		if h.OnFailure == graduate.OnFailureWarn {
			severity = graduate.SeverityWarning
		}
		if h.HTTP != nil && r.webs() == 0 {
			p.addAs(severity, HookCheck, r, app, fmt.Sprintf("hook %s asks the web containers of %s, which has none", h.FullName(), app),
				fmt.Sprintf("dokku ps:scale %s web=1, or dokku graduate:hooks:remove %s %s %s", app, p.g.Name, h.Kind, h.Name))
		} else if h.Kind == graduate.HookLive && !(r.target.ProxyEnabled && r.target.Proxy == "nginx") {
			p.addAs(severity, HookCheck, r, app, fmt.Sprintf("hook %s looks at what nginx answers for %s, and nginx does not serve it", h.FullName(), app),
				fmt.Sprintf("dokku proxy:enable %s, or dokku graduate:hooks:remove %s %s %s", app, p.g.Name, h.Kind, h.Name))
		}
	}
}

// webs is how many web containers the target will have.
func (r *role) webs() int {
	switch {
	case !r.moves() && len(r.target.Scale) > 0:
		return scaleOf(r.target.Scale)[graduate.Web]
	case r.moves() && !slices.Contains(r.types(), graduate.Web):
		return 0
	default:
		return r.scale(graduate.Web)
	}
}

// findInDeadlines says which bounds contradict that of the whole run: they could never be reached.
func (p *planner) findInDeadlines() {
	g, limit := p.g, p.g.Settings.RunDeadline()
	check := func(what string, d time.Duration, instead string) {
		if d > limit {
			p.add(Deadline, nil, "", fmt.Sprintf("%s may take %s, and the whole graduation %s", what, d, limit),
				fmt.Sprintf("dokku graduate:set %s run-timeout %s, or %s", g.Name, d+30*time.Minute, instead))
		}
	}
	check("starting the apps (start-timeout)", g.Settings.StartDeadline(), "a shorter start-timeout")
	check("each phase (phase-timeout)", g.Settings.PhaseTimeout, "a shorter phase-timeout")
	for _, h := range p.runs(graduate.HookPre, graduate.HookPost) {
		check(fmt.Sprintf("hook %s/%s", h.Kind, h.Name), h.Longest(), "add the hook with a shorter --timeout, or fewer --retries")
	}
}

// findInSchema says that old instances go on working while hooks change data, unless they are known to bear it.
func (p *planner) findInSchema() {
	if p.g.Settings.Quiesce != nil && !WithoutQuiesce(p.plan) {
		return
	}
	changes := slices.ContainsFunc(p.runs(graduate.HookPost), func(h graduate.Hook) bool { return !h.OnlyLooks() })
	if !changes || p.g.Settings.Reversible || !p.any((*role).overlaps) {
		return
	}
	p.add(SchemaWindow, nil, "", "the old instances go on serving while the post hooks run, and then see what these have done to data",
		fmt.Sprintf("write migrations that the previous version can work with, and say so: dokku graduate:set %s reversible true", p.g.Name))
}

package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// WithoutQuiesce tells whether a run of this plan goes without a quiesce that the group asks for: it is not possible, and
// that is no reason to refuse it.
func WithoutQuiesce(p *graduate.Plan) bool {
	return slices.ContainsFunc(p.Findings, func(f graduate.Finding) bool { return f.Code == NoQuiesce && !f.Forbids() })
}

// waitMargin is by how much the proxy's patience has to be longer than a request's wait: it has to be answered as well.
const waitMargin = 5 * time.Second

// findInQuiesce says for which apps requests cannot wait. Those of the apps that stay as they are wait too.
func (p *planner) findInQuiesce() {
	q := p.g.Settings.Quiesce
	if q == nil || !p.any(func(r *role) bool { return r.asked && r.moves() }) {
		return
	}
	severity, without := graduate.SeverityError, ""
	if q.Optional {
		severity, without = graduate.SeverityWarning, ": the graduation goes on without a quiesce"
	}
	for _, r := range p.roles {
		f := r.target
		switch around := f.Around; {
		case !f.Exists:
		case around.NoRoom != "":
			p.addAs(severity, NoQuiesce, r, f.App, fmt.Sprintf("requests of %s cannot wait: %s%s", f.App, around.NoRoom, without),
				"put that right, or do without: --no-quiesce")
		case around.ProxyTimeout > 0 && around.ProxyTimeout < q.Wait()+waitMargin:
			p.addAs(severity, NoQuiesce, r, f.App,
				fmt.Sprintf("nginx ends requests of %s after %s (proxy-read-timeout, proxy-send-timeout), and they are to wait for up to %s%s", f.App, around.ProxyTimeout, q.Wait(), without),
				fmt.Sprintf("a shorter max_wait, or dokku nginx:set %s proxy-read-timeout %ds", f.App, int((q.Wait()+2*waitMargin).Seconds())))
		}
	}
}

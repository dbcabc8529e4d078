package plan

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/go-multierror"

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
	add := func(r *role, found trouble) {
		for _, f := range found {
			p.addAs(severity, f.Code, r, f.App, f.Why+without, f.Do)
		}
	}
	add(nil, pageTrouble(q, p.server))
	for _, r := range p.roles {
		add(r, roomTrouble(q, r.target))
	}
}

// quiesce decides whether a rollback is quiesced, by what a plan looks at. A person can say to do without, a rollback that
// begins by itself would not come about.
func (b *Rollback) quiesce(ctx context.Context, in Keeper, g *graduate.Group, o RollbackOptions, facts map[string]graduate.Facts) error {
	q := g.Settings.Quiesce
	if q == nil || !o.Quiesced || !slices.ContainsFunc(b.Apps, func(a *graduate.App) bool { return a.Skip == "" }) {
		return nil
	}
	server, err := in.Server(ctx, g)
	if err != nil {
		return err
	}
	found := pageTrouble(q, server)
	for _, a := range b.Apps {
		found = append(found, roomTrouble(q, factsOf(facts, a.Target))...)
	}
	switch {
	case len(found) == 0:
		b.Quiesce = q
	case !q.Optional && !o.Automatic:
		var refused *multierror.Error
		for _, f := range found {
			refused = multierror.Append(refused, trouble{f}.refuse())
		}
		return refused
	}
	for _, f := range found {
		b.Unquiesced = append(b.Unquiesced, f.Why+": the rollback goes on without a quiesce")
	}
	return nil
}

// pageTrouble is why the page of those who wait too long cannot be shown.
func pageTrouble(q *graduate.Quiesce, server graduate.Server) (t trouble) {
	if server.Page != "" {
		t.add("", NoQuiesce, fmt.Sprintf("the maintenance page %s cannot be shown: %s", q.Page, server.Page), "put it right, or do without: --no-quiesce")
	}
	return t
}

// roomTrouble is why requests of an app cannot wait.
func roomTrouble(q *graduate.Quiesce, f graduate.Facts) (t trouble) {
	switch around := f.Around; {
	case !f.Exists:
	case around.NoRoom != "":
		t.add(f.App, NoQuiesce, fmt.Sprintf("requests of %s cannot wait: %s", f.App, around.NoRoom), "put that right, or do without: --no-quiesce")
	case around.ProxyTimeout > 0 && around.ProxyTimeout < q.Wait()+waitMargin:
		t.add(f.App, NoQuiesce,
			fmt.Sprintf("nginx ends requests of %s after %s (proxy-read-timeout, proxy-send-timeout), and they are to wait for up to %s", f.App, around.ProxyTimeout, q.Wait()),
			fmt.Sprintf("a shorter max_wait, or dokku nginx:set %s proxy-read-timeout %ds", f.App, int((q.Wait()+2*waitMargin).Seconds())))
	}
	return t
}

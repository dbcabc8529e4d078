package plan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// find looks for all that will bite. Roles that --only leaves out are not looked at, and of those that stay as they
// are only what has always kept a group from being graduated.
func (p *planner) find(ctx context.Context) error {
	p.findInQuiesce()
	p.findInGroup()
	for _, r := range p.roles {
		if !r.asked {
			continue
		}
		for _, t := range []trouble{sourceTrouble(p.g, r.source), targetTrouble(r.target)} {
			for _, f := range t {
				p.add(f.Code, r, f.App, f.Why, f.Do)
			}
		}
		if r.moves() && r.source.Exists && r.target.Exists {
			p.findInSource(r)
			p.findInTarget(r)
			p.findInConfig(r)
			p.findInHistory(r)
		}
	}
	p.findInMemory()
	p.findInDisk()
	p.findInConnections()
	if err := p.findInCommands(ctx); err != nil {
		return err
	}
	for _, code := range slices.Compact(slices.Sorted(slices.Values(p.o.Force))) {
		if !p.forced[code] {
			p.add(ForcedNothing, nil, "", "--force "+code+" lets nothing pass: there is no such finding", "leave it out")
		}
	}
	return nil
}

// add takes down a finding about an app of a role; both are empty for what is about the whole group.
func (p *planner) add(code string, r *role, app, why, do string) {
	c, _ := codeOf(code)
	p.addAs(c.Severity, code, r, app, why, do)
}

// addAs takes down a finding that is milder than its code.
func (p *planner) addAs(severity graduate.Severity, code string, r *role, app, why, do string) {
	f := graduate.Finding{Code: code, Severity: severity, App: app, Why: oneLine(why), Do: oneLine(do), Docs: "docs/findings.md#" + code}
	if r != nil {
		f.Role = r.Name
	}
	if severity == graduate.SeverityError && slices.Contains(p.o.Force, code) {
		f.Forced, p.forced[code] = true, true
	}
	p.plan.Findings = append(p.plan.Findings, f)
}

// oneLine makes one line of a text that others wrote.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// trouble are findings about one app, without its role.
type trouble []graduate.Finding

func (t *trouble) add(app, code, why, do string) {
	*t = append(*t, graduate.Finding{Code: code, App: app, Why: why, Do: do})
}

// refuse is the first of them as an error in one line.
func (t trouble) refuse() error { return refuse("%s; %s", t[0].Why, t[0].Do) }

// sort puts the findings into one order: what refuses first, then by role, then by code.
func (p *planner) sort() {
	severities := []graduate.Severity{graduate.SeverityError, graduate.SeverityWarning, graduate.SeverityNote}
	slices.SortStableFunc(p.plan.Findings, func(a, b graduate.Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity)),
			cmp.Compare(p.place(a.Role), p.place(b.Role)),
			cmp.Compare(rank(a.Code), rank(b.Code)),
		)
	})
}

// place is where a role stands in its group; the group itself comes first.
func (p *planner) place(name string) int {
	return slices.IndexFunc(p.roles, func(r *role) bool { return r.Name == name })
}

func rank(code string) int {
	return slices.IndexFunc(codes, func(c Code) bool { return c.Code == code })
}

// list joins names as people read them.
func list(names []string) string { return strings.Join(names, ", ") }

// plural is "1 key", "2 keys".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

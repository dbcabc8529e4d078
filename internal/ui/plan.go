package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Plan shows a plan to a person. Ages are as of now; next is the command that does what is planned, and may be empty.
func (s Streams) Plan(p *graduate.Plan, now time.Time, next string) {
	width := standardWidth
	if s.TTY {
		width = s.width()
	}
	for _, line := range planLines(p, now, next, width) {
		s.Print("%s", line)
	}
}

const (
	// standardWidth is what is taken where there is no terminal.
	standardWidth = 80
	indent        = "       "
	bang          = " !     "
	// clipped is how much of a Procfile line or a piece of an app.json is shown.
	clipped = 160
)

// planText collects the lines of a plan.
type planText struct {
	plan  *graduate.Plan
	now   time.Time
	width int
	lines []string
}

// planLines is a plan in lines that are at most so wide.
func planLines(p *graduate.Plan, now time.Time, next string, width int) []string {
	t := &planText{plan: p, now: now, width: max(width, 40)}
	t.overview()
	t.changed()
	t.left()
	t.hooks()
	t.differences()
	t.findings()
	if next != "" {
		t.lines = append(t.lines, step+"To do it: "+Clean(next)) // in one line, to be copied
	}
	return t.lines
}

// heading adds a line with a prefix, and what does not fit in it below.
func (t *planText) heading(prefix, text string) {
	for i, line := range wrap(Clean(text), t.width-len(indent)) {
		if i > 0 {
			prefix = indent
		}
		t.lines = append(t.lines, prefix+line)
	}
}

// labelled adds a text behind a label that stands in a column of its own.
func (t *planText) labelled(label string, column int, texts ...string) {
	for _, text := range texts {
		for _, line := range wrap(Clean(text), t.width-len(indent)-column) {
			t.lines = append(t.lines, strings.TrimRight(fmt.Sprintf("%s%-*s%s", indent, column, label, line), " "))
			label = ""
		}
	}
}

// table adds rows in columns, so much further in.
func (t *planText) table(in string, rows [][]string) {
	for _, row := range rows {
		for i := range row {
			row[i] = Clean(row[i])
		}
	}
	for _, line := range table(rows, t.width-len(indent)-len(in)) {
		t.lines = append(t.lines, indent+in+line)
	}
}

func (t *planText) overview() {
	p := t.plan
	what := fmt.Sprintf("%s from %s to %s", p.Group, p.From, p.To)
	if len(p.Only) > 0 {
		what += ", only " + strings.Join(p.Only, ", ")
	}
	t.heading(title, fmt.Sprintf("Plan %s: %s", p.ID, what))
	actions := map[string]int{}
	for _, r := range p.Roles {
		actions[r.Action]++
	}
	said := []string{fmt.Sprintf("%d of %s will be graduated", actions[graduate.ActionGraduate]+actions[graduate.ActionFirst], count(len(p.Roles), "app"))}
	if n := actions[graduate.ActionFirst]; n > 0 {
		said = append(said, fmt.Sprintf("%d for the first time", n))
	}
	if n := actions[graduate.ActionRefuse]; n > 0 {
		said = append(said, fmt.Sprintf("%d cannot be", n))
	}
	t.heading(indent, strings.Join(said, ", ")+"; "+cmp.Or(t.counts(), "nothing was found that would bite"))
}

// counts is how many findings of each severity there are.
func (t *planText) counts() string {
	var said []string
	for _, severity := range severities {
		n := 0
		for _, f := range t.plan.Findings {
			if f.Severity == severity {
				n++
			}
		}
		if n > 0 {
			said = append(said, count(n, string(severity)))
		}
	}
	return strings.Join(said, ", ")
}

// changed tells of each role that is not left as it is.
func (t *planText) changed() {
	for _, r := range t.plan.Roles {
		word := ""
		switch r.Action {
		case graduate.ActionGraduate:
			word = "graduated"
		case graduate.ActionFirst:
			word = "first deploy"
		case graduate.ActionRefuse:
			word = "refused"
		default:
			continue
		}
		t.heading(step, fmt.Sprintf("%s: %s to %s, %s", r.Role, r.Source, r.Target, word))
		if r.Why != "" {
			t.labelled("Why", labels, r.Why)
		}
		t.commits(r)
		t.image(r)
		var changes []string
		for _, c := range r.Changes {
			changes = append(changes, change(c))
		}
		t.labelled("Changes", labels, changes...)
	}
}

// labels is the width of the column of what is told of a role.
const labels = 9

func (t *planText) commits(r graduate.RolePlan) {
	if r.Revision == "" && r.Before == "" {
		return
	}
	revision, before := cmp.Or(short(r.Revision), "none"), cmp.Or(short(r.Before), "none")
	switch {
	case r.Revision == r.Before:
		t.labelled("Commit", labels, revision+", as before")
	case r.Backwards:
		t.labelled("Commit", labels, fmt.Sprintf("%s -> %s, back by %s", before, revision, count(r.CommitCount, "commit")))
	case r.Unrelated:
		t.labelled("Commit", labels, fmt.Sprintf("%s -> %s, neither follows from the other", before, revision))
	case r.CommitCount == 0:
		t.labelled("Commit", labels, before+" -> "+revision)
	default:
		t.labelled("Commit", labels, fmt.Sprintf("%s -> %s, %s", before, revision, count(r.CommitCount, "commit")))
	}
	room := t.width - len(indent) - labels
	for _, c := range r.Commits {
		t.labelled("", labels, clip(Clean(short(c.Revision)+" "+c.Subject), room))
	}
	if more := r.CommitCount - len(r.Commits); more > 0 && len(r.Commits) > 0 {
		t.labelled("", labels, fmt.Sprintf("and %d more", more))
	}
}

func (t *planText) image(r graduate.RolePlan) {
	if r.New == nil {
		return
	}
	text := t.imageWords(r.New)
	if r.New.Size > 0 {
		text += ", " + bytesOf(r.New.Size)
	}
	if r.NewBytes > 0 {
		text += fmt.Sprintf(" (new layers: %s)", bytesOf(r.NewBytes))
	}
	if r.Old != nil {
		text += "; now " + t.imageWords(r.Old)
	}
	t.labelled("Image", labels, text)
}

func (t *planText) imageWords(i *graduate.ImageFacts) string {
	id := clip12(strings.TrimPrefix(i.ID, "sha256:"))
	if i.Created.Year() < 2000 { // unknown, or what reproducible builds write
		return id
	}
	return id + ", " + age(i.Created, t.now)
}

func short(revision string) string { return revision[:min(len(revision), 8)] }

func clip12(id string) string { return id[:min(len(id), 12)] }

func change(c graduate.Change) string {
	before, after := clip(Clean(c.Before), clipped), clip(Clean(c.After), clipped)
	switch {
	case before == "":
		return fmt.Sprintf("%s is new: %s", c.What, after)
	case after == "":
		return fmt.Sprintf("%s is gone: %s", c.What, before)
	default:
		return fmt.Sprintf("%s: %s -> %s", c.What, before, after)
	}
}

// left lists the apps that are left as they are, by the reason.
func (t *planText) left() {
	var reasons []string
	apps := map[string][]string{}
	for _, r := range t.plan.Roles {
		if r.Action != graduate.ActionSkip {
			continue
		}
		if !slices.Contains(reasons, r.Why) {
			reasons = append(reasons, r.Why)
		}
		apps[r.Why] = append(apps[r.Why], r.Target)
	}
	for _, why := range reasons {
		t.heading(step, "Left as they are: "+why)
		t.heading(indent, strings.Join(apps[why], ", "))
	}
}

func (t *planText) hooks() {
	if len(t.plan.Hooks) == 0 {
		return
	}
	t.heading(step, "Hooks and tasks, in this order")
	var rows [][]string
	for i, h := range t.plan.Hooks {
		name := h.Kind
		if h.Name != "" {
			name += "/" + h.Name
		}
		rows = append(rows, []string{fmt.Sprintf("%d.", i+1), name, where(h.Where), clip(Clean(h.What), clipped), manner(h)})
	}
	t.table("", rows)
}

// where says where a hook runs.
func where(place string) string {
	switch place {
	case "http":
		return "by HTTP"
	case "log":
		return "in nginx's log"
	default:
		return "in " + place
	}
}

// manner says how a hook runs, or why it does not.
func manner(h graduate.HookPlan) string {
	if h.Skip != "" {
		return "left out: " + h.Skip
	}
	var said []string
	switch h.Moment {
	case graduate.ReleaseTasksHold:
		said = append(said, "in the hold, once")
	case graduate.ReleaseTasksBefore:
		said = append(said, "before any check")
	}
	if h.Timeout > 0 {
		said = append(said, "within "+minutes(h.Timeout))
	}
	if h.Retries > 0 {
		said = append(said, fmt.Sprintf("retries: %d", h.Retries))
	}
	if h.Migrate {
		said = append(said, "migration")
	}
	if h.Parallel {
		said = append(said, "parallel")
	}
	if h.Warns {
		said = append(said, "a failure only warns")
	}
	return strings.Join(said, ", ")
}

// minutes is a time-out as one types it: 1h30m rather than 1h30m0s.
func minutes(seconds int) string {
	text := (time.Duration(seconds) * time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func (t *planText) differences() {
	p := t.plan
	if len(p.Differences) == 0 && p.Acknowledged == 0 {
		return
	}
	what := fmt.Sprintf("%s between %s and %s", cmp.Or(map[int]string{0: "No differences"}[len(p.Differences)], count(len(p.Differences), "difference")), p.From, p.To)
	if p.Acknowledged > 0 {
		what += fmt.Sprintf("; %d acknowledged", p.Acknowledged)
	}
	t.heading(step, what)
	var roles []string
	for _, d := range p.Differences {
		if !slices.Contains(roles, d.Role) {
			roles = append(roles, d.Role)
		}
	}
	for _, role := range roles {
		t.heading(indent, role)
		rows := [][]string{{"KIND", "NAME", "IN " + strings.ToUpper(p.From), "IN " + strings.ToUpper(p.To)}}
		for _, d := range p.Differences {
			if d.Role == role {
				rows = append(rows, []string{d.Kind, d.Name, d.Source, d.Target})
			}
		}
		t.table("  ", rows)
	}
}

// severities in the order in which findings are shown.
var severities = []graduate.Severity{graduate.SeverityError, graduate.SeverityWarning, graduate.SeverityNote}

func (t *planText) findings() {
	if len(t.plan.Findings) == 0 {
		return
	}
	t.heading(step, "What will bite: "+t.counts())
	for _, severity := range severities {
		for _, f := range t.plan.Findings {
			if f.Severity == severity {
				t.finding(f)
			}
		}
	}
}

func (t *planText) finding(f graduate.Finding) {
	head := string(f.Severity) + " " + f.Code
	if about := cmp.Or(f.Role, f.App); about != "" {
		head += " (" + about + ")"
	}
	prefix := indent
	switch {
	case f.Forced:
		head += ", forced"
	case f.Forbids():
		prefix = bang
	}
	t.heading(prefix, head)
	for _, text := range []string{f.Why, f.Do, f.Docs} {
		if text != "" {
			t.labelled("", 2, text)
		}
	}
}

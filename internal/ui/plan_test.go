package ui

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

var planned = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func imageOf(letter string, ago time.Duration) *graduate.ImageFacts {
	return &graduate.ImageFacts{ID: "sha256:" + strings.Repeat(letter, 64), Created: planned.Add(-ago), Size: 312_400_000}
}

// roleOf is a role that gets a version with so many commits.
func roleOf(name string, commits int) graduate.RolePlan {
	r := graduate.RolePlan{
		Role: name, Source: name + "-dev", Target: name, Action: graduate.ActionGraduate, Why: "the source has another version",
		Revision: strings.Repeat("b", 40), Before: strings.Repeat("a", 40), CommitCount: commits,
		New: imageOf("d", 2*time.Hour), Old: imageOf("c", 20*24*time.Hour), NewBytes: 14_250_000,
	}
	for i := range min(commits, graduate.CommitsShown) {
		r.Commits = append(r.Commits, graduate.Commit{Revision: fmt.Sprintf("%08x", 0xb1b2b3b4-i*0x1234567) + strings.Repeat("0", 32), Subject: fmt.Sprintf("Change number %d of the %s", commits-i, name)})
	}
	return r
}

func skippedRole(name string) graduate.RolePlan {
	return graduate.RolePlan{Role: name, Source: name + "-dev", Target: name, Action: graduate.ActionSkip, Why: "unchanged: it runs this version already"}
}

func planOf(roles ...graduate.RolePlan) *graduate.Plan {
	return &graduate.Plan{Version: graduate.PlanVersion, ID: "3f2a9c0d1b7e", Digest: "3f2a9c0d1b7e" + strings.Repeat("0", 52), Group: "shop", From: "dev", To: "prod", Made: planned, Roles: roles,
		Hooks: []graduate.HookPlan{}, Differences: []graduate.Difference{}, Findings: []graduate.Finding{}}
}

func quietPlan() *graduate.Plan { return planOf(roleOf("portal", 1), skippedRole("mailer")) }

// largePlan has 50 apps, of which 12 change.
func largePlan() *graduate.Plan {
	p := planOf()
	for i := range 50 {
		name := fmt.Sprintf("service-%02d", i)
		switch {
		case i%10 == 3:
			p.Roles = append(p.Roles, roleOf(name, i))
		case i == 7:
			first := roleOf(name, 0)
			first.Action, first.Why, first.Before, first.Old = graduate.ActionFirst, "it was never deployed", "", nil
			p.Roles = append(p.Roles, first)
		case i%20 == 9:
			other := skippedRole(name)
			other.Why = "not asked for (--only)"
			p.Roles = append(p.Roles, other)
		default:
			p.Roles = append(p.Roles, skippedRole(name))
		}
	}
	p.Hooks = []graduate.HookPlan{
		{Kind: "pre", Name: "backup", Where: "host", What: "backup-db", Timeout: 600},
		{Kind: "release-task", Name: "service-07", Where: "service-07", What: "bin/rails db:prepare"},
		{Kind: "post", Name: "migrate", Where: "service-03", What: "bin/migrate --all --verbose --lock-timeout 5s --statement-timeout 1h", Timeout: 5400},
	}
	p.Acknowledged = 3
	return p
}

// bitingPlan is full of findings, differences and changes.
func bitingPlan() *graduate.Plan {
	refused, back, apart, image := roleOf("mailer", 0), roleOf("worker", 3), roleOf("api", 2), roleOf("static", 0)
	refused.Action, refused.Why = graduate.ActionRefuse, "an error below is in its way"
	back.Backwards, apart.Unrelated = true, true
	image.Revision, image.Before = "", ""
	portal := roleOf("portal", 23)
	portal.Changes = []graduate.Change{
		{What: "procfile web", Before: "bundle exec puma", After: "bundle exec puma --workers 4 --preload --bind tcp://0.0.0.0:5000 --environment production"},
		{What: "procfile worker", After: "bundle exec sidekiq"},
		{What: "app.json cron", Before: "0 3 * * * bin/nightly"},
		{What: "scale web", Before: "1", After: "2"},
	}
	p := planOf(portal, refused, back, apart, image)
	p.Only, p.Acknowledged = []string{"portal", "mailer"}, 1
	p.Differences = []graduate.Difference{
		{Role: "portal", Kind: "config", Name: "STRIPE_KEY", Source: "text", Target: "absent"},
		{Role: "portal", Kind: "config", Name: "A_VERY_LONG_NAME_OF_A_KEY_THAT_NO_TERMINAL_OF_80_COLUMNS_HAS_A_PLACE_FOR_IN_ONE_LINE", Source: "a postgres URL", Target: "empty"},
		{Role: "portal", Kind: "domains", Name: "shop.example.com", Source: "absent", Target: "there"},
		{Role: "mailer", Kind: "resources", Name: "limit memory", Source: "512m", Target: "2g"},
	}
	finding := func(s graduate.Severity, code, role, why, do string) graduate.Finding {
		return graduate.Finding{Severity: s, Code: code, Role: role, App: role, Why: why, Do: do, Docs: "docs/findings.md#" + code}
	}
	p.Findings = []graduate.Finding{
		finding(graduate.SeverityNote, "config-drift", "portal", "portal's config has changed since its containers were made", "it takes effect with this graduation"),
		finding(graduate.SeverityWarning, "key-missing", "portal", "portal-dev has the config key STRIPE_KEY and portal lacks it", "dokku config:set portal STRIPE_KEY=..., or acknowledge it: dokku graduate:set shop ignore portal/config:STRIPE_KEY"),
		finding(graduate.SeverityError, "target-locked", "mailer", "mailer is locked, and nobody deploys it", "if that lock is not needed any more: dokku apps:unlock mailer"),
		finding(graduate.SeverityError, "memory", "", "two generations at once need 3.2 GB and the machine has 1.1 GB free", "graduate fewer roles at once, or lower the limits"),
	}
	p.Findings[3].Forced = true
	return p
}

func TestPlans(t *testing.T) {
	for name, p := range map[string]*graduate.Plan{"quiet": quietPlan(), "large": largePlan(), "findings": bitingPlan()} {
		var asJSON bytes.Buffer
		require.NoError(t, Streams{Out: &asJSON}.JSON(p))
		golden(t, "plan/"+name+".json", asJSON.Bytes()) // which docs/plan.schema.json is tried with
		for label, width := range map[string]int{"80": 80, "wide": 160} {
			t.Run(name+"."+label, func(t *testing.T) {
				lines := planLines(p, planned, "dokku graduate:run dev prod --plan "+p.ID, width)
				for _, line := range lines {
					require.LessOrEqual(t, utf8.RuneCountInString(line), width, "%q", line)
				}
				golden(t, "plan/"+name+"."+label+".golden", []byte(strings.Join(lines, "\n")+"\n"))
			})
		}
	}
}

func TestAPlanOffATerminalIs80Wide(t *testing.T) {
	var out bytes.Buffer
	Streams{Out: &out, Quiet: true}.Plan(bitingPlan(), planned, "")
	require.Equal(t, strings.Join(planLines(bitingPlan(), planned, "", 80), "\n")+"\n", out.String(), "Dokku is quiet off a terminal by itself")
	require.NotContains(t, out.String(), "To do it")
}

// Who writes a commit's subject or a Procfile must not write to the terminal of who reads the plan.
func TestHostileTextInAPlan(t *testing.T) {
	const hostile = "a\x1b[2J\r\n=====> b\u202ec\u200b\x00\u009b31m \xff"
	p := planOf(roleOf("portal", 1))
	r := &p.Roles[0]
	r.Why, r.Revision, r.Before, r.New.ID, r.Commits[0] = hostile, hostile, hostile+"2", hostile, graduate.Commit{Revision: hostile, Subject: hostile}
	r.Source, r.Target, r.Changes = hostile, hostile, []graduate.Change{{What: hostile, Before: hostile, After: hostile + hostile}}
	skipped := skippedRole(hostile)
	skipped.Why = hostile
	p.Roles = append(p.Roles, skipped)
	p.Group, p.From, p.To, p.ID, p.Only = hostile, hostile, hostile, hostile, []string{hostile}
	p.Hooks = []graduate.HookPlan{{Kind: hostile, Name: hostile, Where: hostile, What: hostile}}
	p.Differences = []graduate.Difference{{Role: hostile, Kind: hostile, Name: hostile, Source: hostile, Target: hostile}}
	p.Findings = []graduate.Finding{{Code: hostile, Severity: graduate.SeverityError, Role: hostile, Why: hostile, Do: hostile, Docs: hostile}}
	for _, line := range planLines(p, planned, hostile, 100) {
		require.NotRegexp(t, `[^ -~]`, line)
	}
}

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                     "plain",
		"grün ≤ 日本":                 "grün ≤ 日本",
		" two\n lines\t":            "two lines",
		"\x1b]0;title\x07":          "?]0;title?",
		"\u202eright\u2066 to left": "?right? to left",
		"\xff\xfe":                  "??",
	} {
		require.Equal(t, want, Clean(text), "%q", text)
	}
}

func TestWrapAndTable(t *testing.T) {
	require.Equal(t, []string{""}, wrap("", 10))
	require.Equal(t, []string{"one two", "three"}, wrap("one two three", 9))
	require.Equal(t, []string{"a", "123456", "789 b"}, wrap("a 123456789 b", 6))
	require.Nil(t, table(nil, 10))
	require.Equal(t, []string{"a   b", "cc  d"}, table([][]string{{"a", "b"}, {"cc", "d"}}, 20))
	require.Equal(t, []string{"12345678  x", "90"}, table([][]string{{"1234567890", "x"}}, 11))
	require.Equal(t, []string{"12345678  12345678", "9"}, table([][]string{{"123456789", "12345678"}}, 3), "no column gets narrower than it can be read")
}

func TestAgesAndSizes(t *testing.T) {
	for ago, want := range map[time.Duration]string{
		-time.Hour: "new", 59 * time.Second: "new", time.Minute: "1 minute old", 119 * time.Minute: "1 hour old",
		47 * time.Hour: "1 day old", 13 * 24 * time.Hour: "1 week old", 59 * 24 * time.Hour: "1 month old", 800 * 24 * time.Hour: "2 years old",
	} {
		require.Equal(t, want, age(planned.Add(-ago), planned))
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1500: "1.5 kB", 14_250_000: "14.2 MB", 3_200_000_000: "3.2 GB", 5e15: "5e+03 TB"} {
		require.Equal(t, want, bytesOf(n))
	}
}

package cli

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/plan"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

func TestAPlanIsActedOnWithItsOwnWords(t *testing.T) {
	s := shopServer(t)
	stored := &graduate.Plan{ID: "3f2a9c0d1b7e", Group: "shop", From: "dev", To: "prod", Only: []string{"portal"}}
	require.NoError(t, hostOf(t).SavePlan(stored))
	s.fails([]string{"plan 3f2a9c0d1b7e is from dev to prod, not from prod to dev"}, "run", "prod", "dev", "--plan", stored.ID)
	s.fails([]string{"plan 3f2a9c0d1b7e is of group shop, not of other"}, "run", "dev", "prod", "--plan", stored.ID, "--group", "other")
	other := "plan 3f2a9c0d1b7e was made with other words: --plan takes its --only and --all along, leave them out"
	s.fails([]string{other}, "run", "dev", "prod", "--plan", stored.ID, "--only", "ws")
	s.fails([]string{other}, "run", "dev", "prod", "--plan", stored.ID, "--all")
	s.fails([]string{"there is no plan feedfeedfeed (the newest 100 are kept); make another with dokku graduate:plan"}, "run", "dev", "prod", "--plan", "feedfeedfeed")

	o := RunOptions{From: "dev", To: "prod", Plan: stored.ID}
	p, err := given(hostOf(t), &o)
	require.NoError(t, err)
	require.Equal(t, stored.Digest, p.Digest)
	require.Equal(t, RunOptions{From: "dev", To: "prod", Plan: stored.ID, Group: "shop", Only: []string{"portal"}}, o)
	p, err = given(hostOf(t), &RunOptions{From: "dev", To: "prod"})
	require.NoError(t, err)
	require.Nil(t, p)
}

func TestOnlyNeedsRoles(t *testing.T) {
	s := shopServer(t)
	for _, verb := range []string{"plan", "run"} {
		s.fails([]string{"--only needs the names of roles, such as --only portal,mailer"}, verb, "dev", "prod", "--only", " ,")
	}
	s.fails([]string{`--format must be stdout or json, not "yaml"`}, "plan", "dev", "prod", "--format", "yaml")
	s.fails([]string{"group shop has no environment nowhere; it has dev, prod"}, "plan", "nowhere", "prod", "--group", "shop")
}

func planOf(actions []string, findings ...graduate.Finding) *graduate.Plan {
	p := &graduate.Plan{ID: "3f2a9c0d1b7e", Group: "shop", From: "dev", To: "prod", Findings: findings}
	for _, action := range actions {
		p.Roles = append(p.Roles, graduate.RolePlan{Action: action})
	}
	return p
}

func TestADetailedExitCodeAndTheCommandThatFollows(t *testing.T) {
	failing := graduate.Finding{Code: "memory", Severity: graduate.SeverityError}
	forced, warning := failing, failing
	forced.Forced, warning.Severity = true, graduate.SeverityWarning
	const next = "dokku graduate:run dev prod --plan 3f2a9c0d1b7e"
	for _, c := range []struct {
		name string
		plan *graduate.Plan
		code error
		next string
	}{
		{"nothing to do", planOf([]string{graduate.ActionSkip}, warning), nil, ""},
		{"nothing to do, and it would be refused", planOf([]string{graduate.ActionSkip}, failing), exitCode(1), ""},
		{"a change", planOf([]string{graduate.ActionSkip, graduate.ActionGraduate}, warning), exitCode(2), next},
		{"a first deploy", planOf([]string{graduate.ActionFirst}), exitCode(2), next},
		{"refused", planOf([]string{graduate.ActionRefuse}, failing), exitCode(1), ""},
		{"refused and forced", planOf([]string{graduate.ActionGraduate}, forced), exitCode(2), next},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.code, detailed(c.plan))
			require.Equal(t, c.next, runOf(c.plan))
		})
	}
}

func TestOnlyDeploysAloneAreWaitedFor(t *testing.T) {
	busy := graduate.Finding{Code: plan.TargetDeploying, App: "portal", Severity: graduate.SeverityError}
	note := graduate.Finding{Code: "config-drift", App: "ws", Severity: graduate.SeverityNote}
	locked := graduate.Finding{Code: "target-locked", App: "ws", Severity: graduate.SeverityError}
	source := graduate.Finding{Code: plan.SourceDeploying, App: "portal-dev", Severity: graduate.SeverityError}
	require.Equal(t, []graduate.Finding{busy, source}, deploying(planOf(nil, note, busy, source)))
	require.Empty(t, deploying(planOf(nil, busy, locked)))
	require.Empty(t, deploying(planOf(nil, note)))
}

func TestRefusalsAreOneLineEach(t *testing.T) {
	require.NoError(t, refusals(planOf(nil)))
	err := refusals(planOf(nil,
		graduate.Finding{Severity: graduate.SeverityError, Why: "portal is locked", Do: "dokku apps:unlock\x1b[2J portal"},
		graduate.Finding{Severity: graduate.SeverityWarning, Why: "nothing"},
		graduate.Finding{Severity: graduate.SeverityError, Why: "ws does not exist"}))
	var errors bytes.Buffer
	s := ui.Streams{Err: &errors}
	s.Fail(err)
	require.Equal(t, " !     portal is locked; dokku apps:unlock?[2J portal\n !     ws does not exist\n", errors.String())
	require.Equal(t, 1, graduate.ExitCode(err))
}

func TestWhatChangedSinceAPlanIsOneLine(t *testing.T) {
	old, now := planOf(nil), planOf(nil)
	old.Digest, now.Digest = "a", "a"
	require.NoError(t, differs(old.ID, old, now))
	now.Digest = "b"
	old.Parts, now.Parts = map[string]string{}, map[string]string{}
	for _, n := range "abcdefghij" {
		old.Parts["app-"+string(n)+": target config"], now.Parts["app-"+string(n)+": target config"] = "1", "2"
	}
	err := differs(old.ID, old, now)
	require.Regexp(t, `^plan 3f2a9c0d1b7e does not hold any more, nothing was done: app-a: .*app-h: [^;]*; and 2 more; see dokku graduate:plan dev prod --group shop$`, err.Error())
}

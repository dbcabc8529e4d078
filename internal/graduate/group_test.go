package graduate

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestValidName(t *testing.T) {
	for _, name := range []string{"a", "0", "shop", "portal-dev", "web.services", "a-", strings.Repeat("a", 63)} {
		require.NoError(t, ValidName(name), "%q", name)
	}
	for _, name := range []string{
		"", ".", "..", "../x", "x/../y", "/etc", "a/b", "a b", " a", "a ", "a\n", "\na", "a\nb", "a\x00", "-x", "--all", ".x",
		"$(x)", "`x`", "a;b", "a|b", "a&b", "a'b", `a"b`, `a\b`, "a*", "a?", "a=b", "a:b", "a@b", "a%s", "a_b", "A", "Ä", "é", "a\u200b",
		strings.Repeat("a", 64),
	} {
		err := ValidName(name)
		require.Error(t, err, "%q", name)
		require.Equal(t, Invalid, CodeOf(err))
		require.NotContains(t, err.Error(), "\n", "a name is quoted in one line")
	}
}

func TestValidNamesAreSafeWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z0-9./_ -]{0,70}`)).Draw(t, "name")
		if ValidName(name) != nil {
			return
		}
		if len(name) == 0 || len(name) > 63 || strings.ContainsAny(name, "/\\ \n\t\"'$`;&|<>*?()[]{}=:_") || strings.ContainsAny(name[:1], ".-") {
			t.Fatalf("%q is not safe", name)
		}
	})
}

// shop is a group with all that there is.
func shop() *Group {
	return &Group{
		Name:         "shop",
		Environments: []Environment{{Name: "dev"}, {Name: "prod", From: []string{"dev"}}},
		Roles: []Role{
			{Name: "portal", Apps: map[string]string{"dev": "portal-dev", "prod": "portal"}},
			{Name: "mailer", Apps: map[string]string{"dev": "mailer-dev", "prod": "mailer"}, Start: StartBeforePost},
		},
		Hooks: []Hook{
			{Kind: HookPost, Name: "migrate"}, {Kind: HookPre, Name: "backup"}, {Kind: HookPost, Name: "smoke"},
		},
	}
}

func TestGroupFindsItsParts(t *testing.T) {
	g := shop()
	env, ok := g.Environment("prod")
	require.True(t, ok)
	require.Equal(t, []string{"dev"}, env.From)
	_, ok = g.Environment("staging")
	require.False(t, ok)

	require.Same(t, &g.Roles[1], g.Role("mailer"))
	require.Nil(t, g.Role("portal-dev"))

	place, ok := g.PlaceOf("portal")
	require.True(t, ok)
	require.Equal(t, "portal in prod of shop", place.String())
	_, ok = g.PlaceOf("webservices")
	require.False(t, ok)
}

func TestHooksKeepTheirOrder(t *testing.T) {
	g := shop()
	names := func(hooks []Hook) (out []string) {
		for _, h := range hooks {
			out = append(out, h.Name)
		}
		return out
	}
	require.Equal(t, []string{"migrate", "smoke"}, names(g.HooksOf(HookPost)))
	require.Equal(t, []string{"backup"}, names(g.HooksOf(HookPre)))
	require.Empty(t, g.HooksOf(HookAbort))
	r := &Run{Hooks: g.Hooks}
	require.Equal(t, g.HooksOf(HookPost), r.HooksOf(HookPost))
	require.Equal(t, []HookKind{HookPre, HookPost, HookLive, HookAbort, HookRollback, HookFinally}, HookKinds())
}

func TestDefaultsFillWhatIsNotSet(t *testing.T) {
	require.Equal(t, 10*time.Minute, Hook{}.Deadline())
	require.Equal(t, time.Second, Hook{Timeout: time.Second}.Deadline())
	require.Equal(t, 10*time.Minute, Settings{}.StartDeadline())
	require.Equal(t, time.Minute, Settings{StartTimeout: time.Minute}.StartDeadline())
	require.Equal(t, ReleaseTasksHold, Settings{}.ReleaseTaskMode())
	require.Equal(t, ReleaseTasksSkip, Settings{ReleaseTasks: ReleaseTasksSkip}.ReleaseTaskMode())
}

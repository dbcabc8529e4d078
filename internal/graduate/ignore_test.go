package graduate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIgnoreMatches(t *testing.T) {
	for _, c := range []struct {
		pattern          string
		role, kind, name string
		want             bool
	}{
		{"config", "portal", "config", "DEBUG", true},
		{"config", "portal", "domains", "DEBUG", false},
		{"config:DEBUG", "portal", "config", "DEBUG", true},
		{"config:DEBUG", "portal", "config", "DEBUGGER", false},
		{"config:SMTP_*", "portal", "config", "SMTP_HOST", true},
		{"config:SMTP_*", "portal", "config", "MY_SMTP_HOST", false},
		{"portal/config:*", "portal", "config", "DEBUG", true},
		{"portal/config:*", "mailer", "config", "DEBUG", false},
		{"mounts:/data/*", "portal", "mounts", "/data/a/b:/c", true},
		{"mounts:*", "portal", "mounts", "/data/a:/c", true},
		{"mounts:/data/*", "portal", "mounts", "/other:/c", false},
		{"portal/mounts:/data/*", "portal", "mounts", "/data/a:/c", true},
		{"ports:http:80:*", "portal", "ports", "http:80:5000", true},
		{"docker-options:--label=[a]", "portal", "docker-options", "--label=[a]", true},
	} {
		ignore, err := ParseIgnore(c.pattern)
		require.NoError(t, err, c.pattern)
		require.Equal(t, c.want, ignore.Matches(Difference{Role: c.role, Kind: c.kind, Name: c.name}), "%s on %s/%s:%s", c.pattern, c.role, c.kind, c.name)
	}
}

func TestIgnoreIsRefusedWhereItCannotMatch(t *testing.T) {
	for _, pattern := range []string{"", "/config", "config:", "portal/", "colours", "portal/colours:x", "config:[a", `config:a\`, "a/b/config"} {
		_, err := ParseIgnore(pattern)
		require.Equal(t, Invalid, CodeOf(err), pattern)
		require.Contains(t, err.Error(), "ignore ", pattern)
	}
}

func TestRemoveRoleTakesWhatIsSaidOfItAlong(t *testing.T) {
	g := &Group{
		Roles: []Role{{Name: "portal"}, {Name: "mailer"}},
		Settings: Settings{
			Connections: &Connections{Limit: 25, Roles: map[string]int{"portal": 10, "mailer": 2}},
			Ignore:      []string{"config:DEBUG", "portal/domains", "mailer/config", "portal-two/config"},
		},
	}
	g.RemoveRole("portal")
	require.Equal(t, []Role{{Name: "mailer"}}, g.Roles)
	require.Equal(t, map[string]int{"mailer": 2}, g.Settings.Connections.Roles)
	require.Equal(t, []string{"config:DEBUG", "mailer/config", "portal-two/config"}, g.Settings.Ignore)
	g.RemoveRole("mailer")
	require.Equal(t, &Connections{Limit: 25}, g.Settings.Connections, "an empty map is none, as a document that is read gives it")
}

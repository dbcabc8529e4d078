package plan

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// marked are config values of every kind that a plan looks at, each with a mark to look for.
func marked(n int) map[string]string {
	mark := fmt.Sprintf("s3cret%d", n)
	return map[string]string{
		"PLAIN": mark, "QUOTED": "'" + mark + "'", "OPEN": mark + "${" + mark + "}", "BARE": "$S3CRET", "SCHEME": mark + "://" + mark,
		"DATABASE_URL": "postgres://" + mark + ":" + mark + "@" + mark + ".example.com:5432/" + mark, "DATABASE_HOST": mark + "host", "DATABASE_PORT": mark,
		"BROKEN_URL": "postgres://" + mark + ":% @", "BROKEN_HOST": mark, "MANY_LINES": mark + "\n" + mark, "GIT_REV": mark, "EMPTY": "",
		fmt.Sprintf("ONLY_%d", n): mark, "KIND": map[bool]string{true: mark, false: "12"}[n%2 == 0],
	}
}

func TestNoConfigValueIsInAPlan(t *testing.T) {
	g, in := withTasks()
	g.Settings.Connections = &graduate.Connections{Limit: 1, Roles: map[string]int{"site": 8, "api": 5}}
	n := 0
	for _, app := range []string{"portal-dev", "portal", "ws-dev", "ws"} {
		n++
		in.change(app, func(f *graduate.Facts) {
			f.Config = marked(n)
			f.Around.DockerOptions = map[string][]string{
				"deploy": {"--env KEY=s3cret", "-e s3=s3cret", "--build-arg=A=s3cret", "--label a=s3cret", "--log-opt token=s3cret", "--health-cmd s3cret",
					"--cache-to type=s3,secret_access_key=s3cret", "--mount type=volume,dst=/x,volume-opt=o=password=s3cret", "s3cret"},
			}
			if app == "portal" {
				f.Around.DockerOptions = nil
			}
			f.Around.AppJSON = fmt.Appendf(nil, `{"env": {"A": {"value": "s3cret"}}, "scripts": {"dokku": {"predeploy": "bin/pre%d"}},
				"healthchecks": {"web": [{"path": "/%d", "httpHeaders": [{"name": "Authorization", "value": "s3cret%d"}]}]}}`, n, n, n)
			f.Drift = true
		})
	}
	for _, o := range []Options{devProd, {From: "dev", To: "prod", Only: []string{"api"}, All: true}} {
		p, _, err := Make(t.Context(), in, g, o)
		require.NoError(t, err)
		found := codesOf(p)
		for _, code := range []string{KeyMissing, ValueQuoted, ValueUnexpanded, URLMismatch, ConfigDrift} {
			require.Contains(t, strings.Join(found, "\n"), code+" ws", "the values were looked at")
		}
		require.Contains(t, p.Differences, graduate.Difference{Role: "api", Kind: "config", Name: "ONLY_3", Source: "text", Target: "absent"})
		shown, err := json.Marshal(p)
		require.NoError(t, err)
		parts, err := json.Marshal(p.Parts)
		require.NoError(t, err)
		for _, text := range []string{string(shown), string(parts), fmt.Sprintf("%#v", p), strings.Join(Changed(&graduate.Plan{}, p), "\n")} {
			require.NotContains(t, strings.ToLower(text), "s3cret")
		}
	}
}

// Header values of a check change with each environment; that they do is told by nothing but the file's own digest.
func TestACheckIsShownWithoutItsHeaders(t *testing.T) {
	for checks, want := range map[string]string{
		`[{"path": "/<up>", "httpHeaders": [{"name": "A", "value": "s3cret"}]}]`: `[{"httpHeaders":[{"name":"A","value":"…"}],"path":"/<up>"}]`,
		// Dokku reads names of fields in any case.
		`[{"HTTPHeaders": [{"Name": "A", "Value": "s3cret"}]}]`:                           `[{"HTTPHeaders":[{"Name":"A","Value":"…"}]}]`,
		`[{"httpheaders": {"A": "s3cret"}}]`:                                              `[{"httpheaders":"…"}]`,
		`{"httpHeaders": ["s3cret"]}`:                                                     `{"httpHeaders":["…"]}`,
		`[{"httpHeaders": [{"name": "A", "value": {"x": "s3cret"}, "other": "s3cret"}]}]`: `[{"httpHeaders":[{"name":"A","other":"…","value":"…"}]}]`,
	} {
		v := readVersion(graduate.Facts{Around: graduate.Surroundings{AppJSON: []byte(`{"healthchecks": {"web": ` + checks + `}}`)}})
		require.Equal(t, want, v.healthchecks["web"])
	}
}

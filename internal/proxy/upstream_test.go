package proxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// described is what blocks found, in words.
func described(t *testing.T, text, app string) []string {
	t.Helper()
	found, err := blocks(text, app)
	require.NoError(t, err)
	var out []string
	for _, b := range found {
		require.Equal(t, b.servers, text[b.start:b.end])
		out = append(out, b.name+" "+b.port+" "+strings.Join(strings.Fields(b.servers), " "))
	}
	return out
}

func TestBlocksOfDokkusFiles(t *testing.T) {
	two := server("portal", "80", "5000") + server("portal", "8080", "9000") +
		upstream("portal", "5000", "172.17.0.2") + upstream("portal", "9000", "172.17.0.2")
	keepalive := strings.Replace(conf("portal", "172.17.0.2"), "0.2:5000;\n}", "0.2:5000;\n\n  keepalive 32;\n}", 1)
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"one container", conf("portal", "172.17.0.2"), []string{"portal-5000 5000 server 172.17.0.2:5000;"}},
		{"three containers", conf("portal", "172.17.0.2", "172.17.0.3", "172.17.0.4"),
			[]string{"portal-5000 5000 server 172.17.0.2:5000; server 172.17.0.3:5000; server 172.17.0.4:5000;"}},
		{"two ports", two, []string{"portal-5000 5000 server 172.17.0.2:5000;", "portal-9000 9000 server 172.17.0.2:9000;"}},
		{"keepalive", keepalive, []string{"portal-5000 5000 server 172.17.0.2:5000;"}},
		{"keepalive first", strings.Replace(conf("portal", "172.17.0.2"), "{\n  server 172", "{\n  zone portal 64k;\n  least_conn;\n  server 172", 1),
			[]string{"portal-5000 5000 server 172.17.0.2:5000;"}},
		{"another app's upstream in the same file", conf("portal", "172.17.0.2") + upstream("portal-api", "5000", "172.17.0.9"),
			[]string{"portal-5000 5000 server 172.17.0.2:5000;"}},
		{"an upstream that was made by hand", "upstream cache {\n  server 127.0.0.1:6000;\n}\n" + conf("portal", "172.17.0.2"),
			[]string{"portal-5000 5000 server 172.17.0.2:5000;"}},
		{"one that is commented out", "# upstream portal-5000 {\n#   server 10.0.0.1:5000;\n# }\n" + conf("portal", "172.17.0.2"),
			[]string{"portal-5000 5000 server 172.17.0.2:5000;"}},
		{"in one line", "upstream portal-5000 { server 172.17.0.2:5000; }\n", []string{"portal-5000 5000 server 172.17.0.2:5000;"}},
		{"parameters, tabs, IPv6 and names", "upstream\tportal-5000\t{\n\tserver [fd00::2]:5000 max_fails=3;\n\tserver portal.web.1:5000 backup;\n}\n",
			[]string{"portal-5000 5000 server [fd00::2]:5000 max_fails=3; server portal.web.1:5000 backup;"}},
		{"a comment after the only server", "upstream portal-5000 {\n  server 172.17.0.2:5000; # web.1\n}\n",
			[]string{"portal-5000 5000 server 172.17.0.2:5000;"}},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, described(t, c.text, "portal")) })
	}
}

func TestAppsWhoseNamesBeginAlike(t *testing.T) {
	both := upstream("app", "5000", "172.17.0.2") + upstream("app-2", "5000", "172.17.0.3") + upstream("my-app", "5000", "172.17.0.4")
	require.Equal(t, []string{"app-5000 5000 server 172.17.0.2:5000;"}, described(t, both, "app"))
	require.Equal(t, []string{"app-2-5000 5000 server 172.17.0.3:5000;"}, described(t, both, "app-2"))
	dots := upstream("axb", "5000", "172.17.0.2")
	_, err := blocks(dots, "a.b")
	require.EqualError(t, err, "there is no upstream a.b-PORT", "the dot of a name is no pattern")
}

func TestShapesThatAreUnknown(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "there is no upstream portal-PORT"},
		{"no upstream", server("portal", "80", "5000"), "there is no upstream portal-PORT"},
		{"an upstream of another name", strings.ReplaceAll(conf("portal", "172.17.0.2"), "portal-5000", "portal_backend"), "there is no upstream portal-PORT"},
		{"proxy_pass to an address", "server {\n  location / {\n    proxy_pass http://172.17.0.2:5000;\n  }\n}\n", "there is no upstream portal-PORT"},
		{"no servers", "upstream portal-5000 {\n}\n", "upstream portal-5000 has no servers"},
		{"an include", "upstream portal-5000 {\n  include /somewhere;\n}\n", "upstream portal-5000 has no servers"},
		{"lines between", "upstream portal-5000 {\n  server 172.17.0.2:5000;\n  keepalive 32;\n  server 172.17.0.3:5000;\n}\n",
			"upstream portal-5000 has other lines between its servers"},
		{"several servers in one line", "upstream portal-5000 { server 10.0.0.1:5000; server 10.0.0.2:5000; }\n",
			"upstream portal-5000 has several servers in one line"},
		{"two in the second line", "upstream portal-5000 {\n  server 10.0.0.1:5000;\n  server 10.0.0.2:5000;server 10.0.0.3:5000;\n}\n",
			"upstream portal-5000 has several servers in one line"},
		{"one of two is unknown", upstream("portal", "5000", "172.17.0.2") + "upstream portal-9000 {\n}\n", "upstream portal-9000 has no servers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := blocks(c.text, "portal")
			require.EqualError(t, err, c.want)
		})
	}
}

func TestServersAreThoseOfDokkusTemplate(t *testing.T) {
	for _, hosts := range [][]string{{"172.17.0.2"}, {"172.17.0.2", "172.17.0.3"}, {"172.17.0.2", "172.17.0.3", "172.17.0.4"}} {
		before, after := conf("portal", "10.0.0.1", "10.0.0.2"), conf("portal", hosts...)
		found, err := blocks(before, "portal")
		require.NoError(t, err)
		got := replace(before, found, func(b block) string { return servers(b, hosts) })
		require.Equal(t, after, got, "to the letter as Dokku itself will write it")
	}
}

func TestReplaceChangesOnlyTheServers(t *testing.T) {
	text := server("portal", "80", "5000") + server("portal", "8080", "9000") +
		upstream("portal", "5000", "10.0.0.1", "10.0.0.2") + "# between\n" + upstream("portal", "9000", "10.0.0.1", "10.0.0.2") + "# the end"
	found, err := blocks(text, "portal")
	require.NoError(t, err)
	got := replace(text, found, func(b block) string { return servers(b, []string{"172.17.0.7"}) })
	require.Equal(t, server("portal", "80", "5000")+server("portal", "8080", "9000")+
		upstream("portal", "5000", "172.17.0.7")+"# between\n"+upstream("portal", "9000", "172.17.0.7")+"# the end", got)
	require.Equal(t, text, replace(text, nil, nil))
}

func FuzzBlocks(f *testing.F) {
	f.Add(conf("portal", "172.17.0.2", "172.17.0.3"), "portal")
	f.Add(upstream("app", "5000", "172.17.0.2")+upstream("app-2", "5000", "172.17.0.3"), "app-2")
	f.Add("upstream portal-5000 { server 172.17.0.2:5000; server 172.17.0.3:5000; }", "portal")
	f.Add("upstream portal-5000 {\n  server a;\n  keepalive 1;\n  server b;\n}", "portal")
	f.Add("upstream portal-5000 {\nserver\n\nx\n;}", "portal")
	f.Add("upstream a.b-5 {server x;}", "a.b")
	f.Fuzz(func(t *testing.T, text, app string) {
		if graduate.ValidName(app) != nil {
			return
		}
		found, err := blocks(text, app)
		if err != nil {
			require.Empty(t, found)
			return
		}
		require.NotEmpty(t, found)
		last := 0
		for _, b := range found {
			require.LessOrEqual(t, last, b.start)
			require.Less(t, b.start, b.end)
			require.Equal(t, b.servers, text[b.start:b.end])
			require.Equal(t, app+"-"+b.port, b.name)
			last = b.end
		}
		require.Equal(t, text, replace(text, found, func(b block) string { return b.servers }))
		again, err := blocks(replace(text, found, func(b block) string { return servers(b, []string{"10.0.0.1"}) }), app)
		require.NoError(t, err)
		require.Len(t, again, len(found))
	})
}

package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// server is a Dokku of folders: enough for the commands that change groups.
type server struct {
	t     *testing.T
	root  string
	hooks string
	quiet bool
	stdin string
}

// newServer is a server with the given apps and the host script "smoke".
func newServer(t *testing.T, apps ...string) *server {
	dir := t.TempDir()
	s := &server{t: t, root: filepath.Join(dir, "home"), hooks: filepath.Join(dir, "hooks")}
	for _, app := range apps {
		require.NoError(t, os.MkdirAll(filepath.Join(s.root, app), 0o755))
	}
	require.NoError(t, os.Mkdir(s.hooks, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(s.hooks, "smoke"), []byte("#!/bin/sh\n"), 0o755))
	t.Setenv("DOKKU_ROOT", s.root)
	t.Setenv("DOKKU_LIB_ROOT", filepath.Join(dir, "lib"))
	t.Setenv("DOKKU_APPS_FORCE_DELETE", "")
	t.Setenv("GRADUATE_HOOKS_DIR", s.hooks)
	t.Setenv("GRADUATE_SANDBOX", "1")
	return s
}

// shopServer is a server with the group shop: portal and ws in dev and prod.
func shopServer(t *testing.T) *server {
	s := newServer(t, "portal-dev", "portal", "ws-dev", "ws", "mailer")
	s.ok("create", "shop", "dev", "prod")
	s.ok("add", "shop", "portal", "dev=portal-dev", "prod=portal")
	s.ok("add", "shop", "ws", "dev=ws-dev", "prod=ws")
	return s
}

// run runs a command: the exit code, standard output and the error stream.
func (s *server) run(verb string, words ...string) (int, string, string) {
	var out, err bytes.Buffer
	streams := ui.Streams{In: strings.NewReader(s.stdin), Out: &out, Err: &err, Quiet: s.quiet}
	code := run(streams, append([]string{"graduate:" + verb}, words...), "1.2.3")
	return code, out.String(), err.String()
}

// ok runs a command that succeeds and says nothing on the error stream.
func (s *server) ok(verb string, words ...string) string {
	s.t.Helper()
	code, out, err := s.run(verb, words...)
	require.Equal(s.t, 0, code, err)
	require.Empty(s.t, err)
	return out
}

// fails runs a command that fails with exit code 1, prints nothing, and says why in these lines.
func (s *server) fails(want []string, verb string, words ...string) {
	s.t.Helper()
	code, out, err := s.run(verb, words...)
	require.Equal(s.t, 1, code)
	require.Empty(s.t, out)
	var lines []string
	for _, line := range strings.Split(strings.TrimSuffix(err, "\n"), "\n") {
		require.True(s.t, strings.HasPrefix(line, " !     "), "%q", line)
		lines = append(lines, strings.TrimPrefix(line, " !     "))
	}
	require.Equal(s.t, want, lines)
}

func TestEveryVerbIsALinkAndEveryLinkAVerb(t *testing.T) {
	links, err := os.ReadDir("../../subcommands")
	require.NoError(t, err)
	var want, have []string
	for _, link := range links {
		have = append(have, link.Name())
		target, err := os.Readlink(filepath.Join("../../subcommands", link.Name()))
		require.NoError(t, err)
		require.Equal(t, "../bin/graduate", target)
	}
	for _, v := range Verbs() {
		if !v.Direct {
			want = append(want, v.Name)
		}
	}
	require.Equal(t, want, have, "the table of verbs and the links in subcommands/ differ")
}

func TestEveryVerbIsExplained(t *testing.T) {
	s := newServer(t)
	for _, v := range Verbs() {
		require.NotNil(t, v.Run, v.Name)
		if v.Help == "" {
			continue
		}
		require.NotContains(t, v.synopsis()+v.Help, ",", "Dokku's help splits its lines at commas")
		require.Contains(t, v.Example, "graduate:"+v.Name)
		for _, f := range v.Flags {
			require.Contains(t, v.Options, "--"+f.Names()[0], v.Name)
		}
		byFlag, byVerb := s.ok(v.Name, "--help"), s.ok("help", v.Name)
		require.Equal(t, byFlag, byVerb)
		require.Equal(t, byFlag, s.ok(v.Name, "-h"), "-h")
		require.Equal(t, byFlag, s.ok("help", "graduate:"+v.Name))
		require.True(t, strings.HasPrefix(byFlag, "Usage: dokku graduate:"+v.Name), byFlag)
		require.Contains(t, byFlag, "Example:")
	}
}

func TestHelpListsTheCommands(t *testing.T) {
	s := newServer(t)
	help := s.ok("help")
	require.True(t, strings.HasPrefix(help, "Usage: dokku graduate[:COMMAND]\n"))
	require.Contains(t, help, "\n    graduate:run <from> <to> ")
	require.NotContains(t, help, "commands-help")
	for _, args := range [][]string{nil, {"graduate"}, {"graduate", "help"}, {"graduate:"}, {"graduate:default"}} {
		var out, err bytes.Buffer
		require.Equal(t, 0, run(ui.Streams{Out: &out, Err: &err}, args, ""))
		require.Equal(t, help, out.String())
	}
}

func TestWhatDokkuHelpShows(t *testing.T) {
	s := newServer(t)
	require.Equal(t, "    graduate, "+about+"\n", s.ok("commands-help"))
	all := strings.Split(strings.TrimSuffix(s.ok("commands-help", "--all"), "\n"), "\n")
	require.Len(t, all, len(listed()))
	for _, line := range all {
		require.Regexp(t, `^    graduate:[a-z:]+[^,]*, [A-Z][^,]*$`, line)
	}
	require.Equal(t, "1.2.3\n", s.ok("version"))
}

func TestUnknownCommands(t *testing.T) {
	s := newServer(t)
	s.fails([]string{"`graduate:foo` is not a dokku command; see `dokku graduate:help` for those that are"}, "foo", "bar")
	s.fails([]string{"`graduate:foo` is not a dokku command; see `dokku graduate:help` for those that are"}, "help", "foo")
	s.fails([]string{"`graduate run` is not a dokku command; did you mean `dokku graduate:run`? See `dokku graduate:help`"}, "default", "run", "dev")
}

func TestFlagsAndWords(t *testing.T) {
	for _, c := range []struct {
		name  string
		words []string
		want  []string
	}{
		{"too few", []string{"create", "shop", "dev"}, []string{"graduate:create needs <env>...; usage: dokku graduate:create <group> <env> <env>..."}},
		{"none", []string{"export"}, []string{"graduate:export needs <group>; usage: dokku graduate:export <group>"}},
		{"too many", []string{"export", "shop", "blog"}, []string{`graduate:export: "blog" is one word too many; usage: dokku graduate:export <group>`}},
		{"unknown flag", []string{"destroy", "shop", "--forse"}, []string{"graduate:destroy: unknown flag --forse; it takes --force"}},
		{"no flags at all", []string{"export", "shop", "--x"}, []string{"graduate:export: unknown flag --x; it takes none"}},
		{"flag without value", []string{"list", "--format"}, []string{"graduate:list: --format needs a value; usage: dokku graduate:list [--format stdout|json]"}},
		{"another format", []string{"list", "--format", "xml"}, []string{`--format must be stdout or json, not "xml"`}},
		{"no -- before a command", []string{"hooks:add", "shop", "post", "a", "--app", "portal", "bin/rails", "x"}, []string{"graduate:hooks:add: write -- before the command: -- bin/rails x"}},
		{"a word that looks like a flag", []string{"export", "--", "--shop"}, []string{`group name "--shop" is not valid: use lower-case letters, digits, '-' and '.', beginning with a letter or a digit, at most 63 characters`}},
		{"a flag's value that is none", []string{"destroy", "shop", "--force=maybe"}, []string{`graduate:destroy: invalid boolean value "maybe" for -force: parse error`}},
	} {
		t.Run(c.name, func(t *testing.T) { newServer(t).fails(c.want, c.words[0], c.words[1:]...) })
	}
}

func TestFlagsMayStandAnywhere(t *testing.T) {
	s := shopServer(t)
	want := s.ok("report", "shop", "--format", "json")
	for _, words := range [][]string{{"--format", "json", "shop"}, {"--format=json", "shop"}, {"shop", "--format=json"}, {"--quiet", "shop", "--trace", "--format", "json"}} {
		require.Equal(t, want, s.ok("report", words...), words)
	}
	s.ok("hooks:add", "--app", "portal", "shop", "--timeout=5m", "post", "migrate", "--", "bin/rails", "--app", "x", "--", "-h", "--help")
	require.Contains(t, s.ok("export", "shop"), "{name: migrate, app: portal, run: [bin/rails, --app, x, --, -h, --help], timeout: 5m}")
}

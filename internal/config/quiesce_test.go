package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func TestAQuiesceInWords(t *testing.T) {
	for value, want := range map[string]*graduate.Quiesce{
		"":                                     nil,
		"post":                                 {During: "post"},
		"max_wait=1m30s,drain=5s workers=stop": {During: "post", MaxWait: 90 * time.Second, Drain: 5 * time.Second, Workers: "stop"},
		"during=post max_waiting=20 maintenance_page=soon.html required=false": {During: "post", MaxWaiting: 20, Page: "soon.html", Optional: true},
	} {
		q, err := ParseQuiesce(value)
		require.NoError(t, err, value)
		require.Equal(t, want, q, value)
		again, err := ParseQuiesce(FormatQuiesce(q))
		require.NoError(t, err, value)
		require.Equal(t, q, again, value)
	}
}

func TestWordsThatAreNoQuiesce(t *testing.T) {
	for value, want := range map[string]string{
		"max_wait=30s post": `quiesce: "post" is not KEY=VALUE, such as max_wait=30s`,
		"post drain=":       `quiesce: "drain=" is not KEY=VALUE, such as max_wait=30s`,
		"drain=1s drain=2s": "quiesce: drain is given twice",
		"drain=soon":        `quiesce: drain must be a duration such as 10s or 1m, not "soon"`,
		"max_wait=-1s":      `quiesce: max_wait must be a duration such as 10s or 1m, not "-1s"`,
		"max_waiting=0":     `quiesce: max_waiting must be a whole number of at least 1, not "0"`,
		"required=maybe":    `quiesce: required must be true or false, not "maybe"`,
		"post colour=red":   `quiesce: there is no key "colour"; it may have during, max_wait, drain, workers, max_waiting, maintenance_page, required`,
	} {
		_, err := ParseQuiesce(value)
		require.EqualError(t, err, want)
		require.Equal(t, graduate.Invalid, graduate.CodeOf(err))
	}
}

func TestAQuiesceInADocument(t *testing.T) {
	t.Setenv("GRADUATE_HOOKS_DIR", "/hooks")
	g, err := Parse([]byte(head + "quiesce: {}\n"))
	require.NoError(t, err)
	require.Equal(t, &graduate.Quiesce{During: "post"}, g.Settings.Quiesce)
	_, err = Parse([]byte(head + "quiesce:\n  during: pre\n  max_wait: 2h\n  drain: 10ms\n  workers: kill\n  max_waiting: 20001\n  maintenance_page: ../page\n  required: 1\n  colour: red\n"))
	for _, want := range []string{
		`line 5: quiesce: during may be post, not "pre"`,
		"line 6: quiesce: max_wait must be between 1s and 1h, not 2h",
		"line 7: quiesce: drain must be between 1s and 1h, not 10ms",
		`line 8: quiesce: workers may be pause, stop, leave, not "kill"`,
		"line 9: quiesce: max_waiting must be between 1 and 20000, not 20001",
		`line 10: quiesce: maintenance_page "../page" must be the name of an .html file in /hooks`,
		"line 11: quiesce.required must be true or false",
		`line 12: unknown field "colour" in quiesce; it may have during, max_wait, drain, workers, max_waiting, maintenance_page, required`,
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestAMaintenancePageIsTheAdministrators(t *testing.T) {
	dir := hooksDir(t)
	write := func(name, text string, mode os.FileMode) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), mode))
		require.NoError(t, os.Chmod(filepath.Join(dir, name), mode))
	}
	write("soon.html", "<p>soon", 0o644)
	page, err := MaintenancePage("soon.html")
	require.NoError(t, err)
	require.Equal(t, "<p>soon", string(page))
	write("any.html", "<p>anybody's", 0o666)
	write("script.html", "#!/bin/sh\nPASSWORD=secret", 0o744)
	write("backup-shop", "#!/bin/sh\nPASSWORD=secret", 0o644)
	write("long.html", strings.Repeat("x", maxPage+1), 0o644)
	require.NoError(t, os.Symlink("soon.html", filepath.Join(dir, "link.html")))
	for name, want := range map[string]string{
		"any.html": "must not be writable", "long.html": "is larger than 65536 bytes", "link.html": "a link is not followed",
		"none.html": "cannot be read", "../soon.html": "must be the name of an .html file", ".": "must be the name of an .html file",
		"backup-shop": "must be the name of an .html file", "script.html": "is executable, and a script is not shown to the public",
	} {
		_, err := MaintenancePage(name)
		require.ErrorContains(t, err, want, name)
	}
}

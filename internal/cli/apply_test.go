package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const document = `version: 1
group: shop
environments: {dev: {}, prod: {from: [dev]}}
apps:
  portal: {dev: portal-dev, prod: portal}
  mailer: {dev: mailer-dev, prod: mailer}
hooks:
  post:
    - {name: smoke, host: smoke}
`

func TestApplyAndExportAreAFixedPoint(t *testing.T) {
	s := newServer(t, "portal-dev", "portal", "mailer-dev", "mailer")
	s.stdin = document
	out := s.ok("apply")
	require.True(t, strings.HasPrefix(out, "=====> Group shop\n       group shop created\n       environment dev added\n"), out)
	s.stdin = s.ok("export", "shop")
	require.Equal(t, "=====> Group shop\n       unchanged\n", s.ok("apply", "--file", "-"))
	require.Equal(t, s.stdin, s.ok("export", "shop"))

	s.stdin = strings.Replace(s.stdin, "from: [dev]", "from: [dev], protected: true", 1)
	s.fails([]string{`line 5: unknown field "protected" in environment prod; it may have from`}, "apply")
	s.stdin = strings.Replace(document, "mailer: {", "sender: {", 1)
	s.quiet = true
	require.Equal(t, "       role sender added\n       role mailer removed\n", s.ok("apply"))
}

func TestApplyIsAllOrNothing(t *testing.T) {
	s := newServer(t, "portal-dev", "portal")
	require.NoError(t, os.Chmod(filepath.Join(s.hooks, "smoke"), 0o777))
	s.stdin = document
	s.fails([]string{
		"line 6: app mailer-dev does not exist; make it with: dokku apps:create mailer-dev",
		"line 6: app mailer does not exist; make it with: dokku apps:create mailer",
		"line 9: " + s.hooks + "/smoke must not be writable for group or others; as root: chmod go-w " + s.hooks + "/smoke",
	}, "apply")
	require.Equal(t, "=====> Groups\n", s.ok("list"))
	s.stdin = ""
	s.fails([]string{"line 1: the document is empty"}, "apply")
	s.stdin = "#" + strings.Repeat(" ", maxDocument)
	s.fails([]string{"the document has more than 1048576 bytes"}, "apply")
	s.fails([]string{"graduate:apply reads standard input only: dokku graduate:apply < group.yml"}, "apply", "--file", "group.yml")
}

// An app that was removed behind our back, or a script, must not stop a change of something else.
func TestApplyChecksWhatIsNewOnly(t *testing.T) {
	s := newServer(t, "portal-dev", "portal", "mailer-dev", "mailer")
	s.stdin = document
	s.ok("apply")
	require.NoError(t, os.RemoveAll(s.root))
	require.NoError(t, os.RemoveAll(s.hooks))
	s.stdin += "start_timeout: 1m\n"
	require.Equal(t, "=====> Group shop\n       start-timeout set to 1m\n", s.ok("apply"))
}

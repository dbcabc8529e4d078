package dokku

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// addCommit adds a commit to an app's repository.
func (f *fixture) addCommit(app, message string, parents ...string) string {
	f.t.Helper()
	dir := filepath.Join(f.Root, app)
	script := `tree=$(git mktree </dev/null) && git -c user.name=x -c user.email=x@x commit-tree "$tree" "$@" -F message`
	f.write("home/"+app+"/message", message)
	args := []string{"-c", script, "sh"}
	for _, parent := range parents {
		args = append(args, "-p", parent)
	}
	cmd := exec.Command("sh", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	require.NoError(f.t, err)
	return strings.TrimSpace(string(out))
}

func TestCommits(t *testing.T) {
	f := newFixture(t)
	first := f.repository("portal", "master")
	second := f.addCommit("portal", "second", first)
	third := f.addCommit("portal", "third\n\nwith a body", second)
	side := f.addCommit("portal", "side", first)
	alone := f.addCommit("portal", "alone")
	before := f.tree("home/portal")
	listed := func(words ...string) (out []graduate.Commit) {
		for i := 0; i < len(words); i += 2 {
			out = append(out, graduate.Commit{Revision: words[i], Subject: words[i+1]})
		}
		return out
	}
	for _, c := range []struct {
		name, from, to string
		limit          int
		want           graduate.Range
	}{
		{"forwards", first, third, 10, graduate.Range{Known: true, Count: 2, Commits: listed(third, "third", second, "second")}},
		{"more than are shown", first, third, 1, graduate.Range{Known: true, Count: 2, Commits: listed(third, "third")}},
		{"the same", third, third, 10, graduate.Range{Known: true}},
		{"backwards", third, first, 10, graduate.Range{Known: true, Backwards: true, Count: 2, Commits: listed(third, "third", second, "second")}},
		{"aside", third, side, 10, graduate.Range{Known: true, Unrelated: true, Count: 1, Commits: listed(side, "side")}},
		{"unrelated", third, alone, 10, graduate.Range{Known: true, Unrelated: true, Count: 1, Commits: listed(alone, "alone")}},
		{"one that is not there", strings.Repeat("0", 40), third, 10, graduate.Range{}},
		{"none", "", third, 10, graduate.Range{}},
		{"an option", "--output=/tmp/x", third, 10, graduate.Range{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := f.Commits(t.Context(), "portal", c.from, c.to, c.limit)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	got, err := f.Commits(t.Context(), "absent", first, third, 10)
	require.NoError(t, err)
	require.Equal(t, graduate.Range{}, got)
	require.Equal(t, before, f.tree("home/portal"), "it only reads")

	f.write("home/portal/shallow", third+"\n")
	got, err = f.Commits(t.Context(), "portal", first, alone, 10)
	require.NoError(t, err)
	require.Equal(t, graduate.Range{}, got, "what would join them may be missing")
}

func TestHostileSubjects(t *testing.T) {
	f := newFixture(t)
	first := f.repository("portal", "master")
	second := f.addCommit("portal", "a\x1b[31mred\x1b[0m\r\tb\u202e\u200bc\x07 \xff"+strings.Repeat("é", 300), first)
	got, err := f.Commits(t.Context(), "portal", first, second, 10)
	require.NoError(t, err)
	subject := got.Commits[0].Subject
	require.True(t, strings.HasPrefix(subject, "a[31mred[0m bc "), fmt.Sprintf("%q", subject))
	require.Len(t, []rune(subject), subjectLength+1)
	require.True(t, strings.HasSuffix(subject, "é…"))
	third := f.addCommit("portal", "", second)
	got, err = f.Commits(t.Context(), "portal", second, third, 10)
	require.NoError(t, err)
	require.Equal(t, []graduate.Commit{{Revision: third}}, got.Commits)
}

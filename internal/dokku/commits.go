package dokku

import (
	"context"
	"strconv"
	"strings"
	"unicode"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// subjectLength is how much of a commit's subject is kept, in characters.
const subjectLength = 200

// Commits compares two commits in the repository of an app; Known is false where it does not have both. It only reads.
func (h *Host) Commits(ctx context.Context, app, from, to string, limit int) (graduate.Range, error) {
	var r graduate.Range
	if !commitID.MatchString(from) || !commitID.MatchString(to) || !h.Exists(app) {
		return r, nil
	}
	out, err := h.git(ctx, app, "rev-list", "--left-right", "--count", from+"..."+to)
	if err != nil {
		return r, ctx.Err() // it does not have one of them
	}
	lacking, ahead, _ := strings.Cut(out, "\t") // what to lacks, and what from lacks
	if r.Count, err = strconv.Atoi(ahead); err != nil {
		return r, unread(app, err)
	}
	if lacking != "0" {
		r.Backwards, r.Unrelated = r.Count == 0, r.Count != 0
	}
	if r.Unrelated && exists(h.appDir(app)+"/shallow") {
		return graduate.Range{}, nil // the history that would join the two is not here
	}
	r.Known = true
	if r.Backwards { // what the target would lose
		from, to = to, from
		r.Count, _ = strconv.Atoi(lacking)
	}
	if r.Count == 0 || limit <= 0 {
		return r, nil
	}
	out, err = h.git(ctx, app, "log", "--no-show-signature", "--no-color", "--no-decorate", "--no-notes", "--no-mailmap",
		"--encoding=UTF-8", "--max-count="+strconv.Itoa(limit), "--format=tformat:%H %s", from+".."+to)
	if err != nil {
		return r, unread(app, err)
	}
	for line := range strings.SplitSeq(out, "\n") {
		if revision, subject, ok := strings.Cut(line, " "); commitID.MatchString(revision) && (ok || subject == "") {
			r.Commits = append(r.Commits, graduate.Commit{Revision: revision, Subject: plain(subject)})
		}
	}
	return r, nil
}

func unread(app string, err error) error {
	return graduate.Errorf(graduate.Internal, "the repository of %s cannot be read: %w; git --git-dir=… fsck shows what is wrong", app, err)
}

// plain makes one harmless line of a text that somebody else wrote: what would move the cursor, colour or hide the
// rest of a line, or turn its direction is left out.
func plain(text string) string {
	var out []rune
	for _, c := range strings.ToValidUTF8(text, "�") {
		switch {
		case c == '\t':
			c = ' '
		case unicode.IsControl(c), unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp):
			continue
		}
		if len(out) == subjectLength {
			return string(out) + "…"
		}
		out = append(out, c)
	}
	return string(out)
}

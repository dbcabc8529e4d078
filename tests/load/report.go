package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// question is what a report is asked for.
type question struct {
	since, until  time.Time       // only answers in between, where set
	newVersion    string          // the version that was released
	releasedAfter time.Time       // the moment before which it must not answer; zero: it never must
	never         map[string]bool // versions that never were released
}

// times is how often and when a version answered for a target.
type times struct {
	count       int
	first, last time.Time
}

// summary is what the answers say.
type summary struct {
	sent, failed int
	early        int // answers from an unreleased version
	longest      time.Duration
	versions     map[string]map[string]*times // target, version
	failures     map[string]int               // "portal 502" or "portal EOF": how often
	asked        question
}

// analyse counts.
func analyse(all []response, q question) summary {
	s := summary{versions: map[string]map[string]*times{}, failures: map[string]int{}, asked: q}
	for _, r := range all {
		if (!q.since.IsZero() && r.done.Before(q.since)) || (!q.until.IsZero() && r.done.After(q.until)) {
			continue
		}
		s.sent++
		s.longest = max(s.longest, r.done.Sub(r.sent))
		if q.early(r) {
			s.early++
		}
		if r.failed() {
			s.failed++
			s.failures[r.target+" "+cause(r)]++
		}
		s.seen(r)
	}
	return s
}

// early tells whether the answer came from a version that was not released at that moment.
func (q question) early(r response) bool {
	if q.never[r.version] {
		return true
	}
	return q.newVersion != "" && r.version == q.newVersion &&
		(q.releasedAfter.IsZero() || r.done.Before(q.releasedAfter))
}

// cause is why a response failed, without what differs from one to the next.
func cause(r response) string {
	if r.err == "" {
		return strconv.Itoa(r.status)
	}
	words := strings.Split(r.err, ": ")
	return words[len(words)-1]
}

// seen notes that a version answered for a target.
func (s summary) seen(r response) {
	if s.versions[r.target] == nil {
		s.versions[r.target] = map[string]*times{}
	}
	t := s.versions[r.target][r.version]
	if t == nil {
		t = &times{first: r.done, last: r.done}
		s.versions[r.target][r.version] = t
	}
	t.count++
	if r.done.Before(t.first) {
		t.first = r.done
	}
	if r.done.After(t.last) {
		t.last = r.done
	}
}

// spread is the time between the first answers of the new version of the first and of the last
// target; missing names the targets where it never answered.
func (s summary) spread() (between time.Duration, missing []string) {
	var first, last time.Time
	for _, name := range slices.Sorted(maps.Keys(s.versions)) {
		t := s.versions[name][s.asked.newVersion]
		if t == nil {
			missing = append(missing, name)
			continue
		}
		if first.IsZero() || t.first.Before(first) {
			first = t.first
		}
		if t.first.After(last) {
			last = t.first
		}
	}
	return last.Sub(first), missing
}

// write prints the summary as "name: value" lines.
func (s summary) write(out io.Writer) error {
	var lines []string
	line := func(name, format string, args ...any) {
		lines = append(lines, name+": "+fmt.Sprintf(format, args...)+"\n")
	}
	line("requests sent", "%d", s.sent)
	line("requests failed", "%d", s.failed)
	for _, what := range slices.Sorted(maps.Keys(s.failures)) {
		line("failures of "+what, "%d", s.failures[what])
	}
	line("longest response in milliseconds", "%s", milliseconds(s.longest))
	for _, name := range slices.Sorted(maps.Keys(s.versions)) {
		for _, version := range slices.Sorted(maps.Keys(s.versions[name])) {
			t := s.versions[name][version]
			line("responses of "+name+" "+version, "%d", t.count)
			line("first response of "+name+" "+version, "%s", t.first.UTC().Format(time.RFC3339Nano))
			line("last response of "+name+" "+version, "%s", t.last.UTC().Format(time.RFC3339Nano))
		}
	}
	if s.asked.newVersion != "" {
		between, missing := s.spread()
		value := milliseconds(between)
		if len(missing) > 0 || len(s.versions) == 0 {
			value = "never (" + strings.Join(missing, ", ") + ")"
		}
		line("milliseconds from first to last app live", "%s", value)
	}
	if s.asked.newVersion != "" || len(s.asked.never) > 0 {
		line("responses from an unreleased version", "%d", s.early)
	}
	_, err := io.WriteString(out, strings.Join(lines, ""))
	return err
}

// milliseconds prints a time span with one decimal.
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond))
}

// moment is a flag value: RFC 3339 or nanoseconds since 1970.
func moment(into *time.Time) func(string) error {
	return func(text string) error {
		if ns, err := strconv.ParseInt(text, 10, 64); err == nil {
			*into = time.Unix(0, ns)
			return nil
		}
		t, err := time.Parse(time.RFC3339Nano, text)
		*into = t
		return err
	}
}

// report prints what a folder's answers say. The folder may come before or after the flags.
func report(args []string, out io.Writer) error {
	q := question{never: map[string]bool{}}
	flags := flag.NewFlagSet("load report", flag.ContinueOnError)
	flags.Func("since", "only answers from this TIME on", moment(&q.since))
	flags.Func("until", "only answers up to this TIME", moment(&q.until))
	flags.StringVar(&q.newVersion, "new-version", "", "the version whose release is judged")
	flags.Func("released-after", "TIME before which --new-version must not answer", moment(&q.releasedAfter))
	flags.Func("unreleased", "a version that must never answer; may be given again", func(v string) error {
		q.never[v] = true
		return nil
	})
	dir := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		dir, args = args[0], args[1:]
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if dir == "" {
		dir = flags.Arg(0)
	}
	if dir == "" {
		return errors.New("needs the folder of a load start")
	}
	all, err := readResponses(dir)
	if err != nil {
		return err
	}
	return analyse(all, q).write(out)
}

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// moment is where something is killed: a name as in internal/failpoint, in a graduation that goes well or aborts.
type moment struct {
	name   string
	aborts bool
}

// killsItself tells that nobody but the coordinator can be meant: half of a record is written.
func (m moment) killsItself() bool { return strings.HasPrefix(m.name, "torn:") }

// before compares two moments by where they come in the order of a seed: one more or less changes nothing about others.
func (m moment) before(other moment, seed uint64) int {
	rank := func(m moment) []byte {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %t", seed, m.name, m.aborts))
		return sum[:]
	}
	return bytes.Compare(rank(m), rank(other))
}

// record is a line of a journal, as far as it matters here.
type record struct {
	Type  string `json:"type"`
	State string `json:"state"`
}

// journal reads the whole records of a run.
func (b *box) journal(run string) []record {
	var records []record
	data, _ := os.ReadFile(b.data("runs", run, "journal.jsonl"))
	for line := range strings.Lines(string(data)) {
		var r record
		if strings.HasSuffix(line, "\n") && json.Unmarshal([]byte(line), &r) == nil {
			records = append(records, r)
		}
	}
	return records
}

// released tells whether the release record is there.
func released(records []record) bool { return slices.Contains(records, record{"state", "release"}) }

// outcome is how the run ended; empty where it did not.
func outcome(records []record) string {
	if len(records) == 0 || records[len(records)-1].Type != "outcome" {
		return ""
	}
	return records[len(records)-1].State
}

// runs lists the box's runs, the oldest first.
func (b *box) runs() []string {
	entries, _ := os.ReadDir(b.data("runs"))
	var ids []string
	for _, entry := range entries {
		ids = append(ids, entry.Name())
	}
	return ids
}

// trace runs a graduation and lists the moments that it came to: those of its journal, and the failpoints between.
func (b *box) trace(aborts bool) ([]moment, error) {
	seen := filepath.Join(b.dir, fmt.Sprintf("trace-%t", aborts))
	kind, want := "", 0
	if aborts {
		kind, want = "post", 2
	}
	if err := b.fail(kind); err != nil {
		return nil, err
	}
	from, _ := b.source()
	code, out := b.attempt([]string{"GRADUATE_FAILPOINT_SEEN=" + seen}, b.graduation(from)...)
	if code != want {
		return nil, fmt.Errorf("a graduation that is not killed ended with exit code %d: %s", code, out)
	}
	var found []moment
	runs, count := b.runs(), map[string]int{}
	for _, r := range b.journal(runs[len(runs)-1]) {
		name := r.Type + ":" + r.State
		count[name]++
		for _, when := range []string{"before", "torn", "after"} {
			found = append(found, moment{fmt.Sprintf("%s:%s#%d", when, name, count[name]), aborts})
		}
	}
	for _, name := range reached(seen) {
		if strings.Contains(name, "/") {
			found = append(found, moment{name, aborts})
		}
	}
	return found, b.fail("")
}

// reached lists the moments in a file of failpoints, each once.
func reached(file string) []string {
	data, _ := os.ReadFile(file)
	var names []string
	for line := range strings.Lines(string(data)) {
		if _, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// source is the environment whose version is not live, and that version.
func (b *box) source() (environment, version string) {
	if b.version(b.prod[0]) == "v1" {
		return "b", "v2"
	}
	return "a", "v1"
}

// graduation is the command that graduates the group from an environment.
func (b *box) graduation(from string) []string {
	return []string{"dokku", "graduate:run", from, "prod", "--group", b.group, "--all", "--yes"}
}

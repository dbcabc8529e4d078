package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// at is a moment some milliseconds after the tests' zero.
func at(ms float64) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(ms * float64(time.Millisecond)))
}

// answer is a response that took one millisecond.
func answer(ms float64, target string, status int, version string) response {
	return response{done: at(ms), sent: at(ms - 1), target: target, status: status, version: version}
}

// story is a release of v2 at 25 ms, with one early answer and two failures.
var story = []response{
	answer(10, "portal", 200, "v1"), answer(11, "ws", 200, "v1"),
	answer(20, "portal", 200, "v2"), // early
	answer(30, "portal", 200, "v2"), answer(34.5, "ws", 200, "v2"), answer(33, "portal", 200, "v1"),
	answer(40, "portal", 502, "-"),
	{done: at(50), sent: at(41), target: "ws", version: "-", err: `Get "http://x/": dial tcp: connection refused`},
}

func TestAnalyseCounts(t *testing.T) {
	s := analyse(story, question{newVersion: "v2", releasedAfter: at(25)})
	if s.sent != 8 || s.failed != 2 || s.early != 1 || s.longest != 9*time.Millisecond {
		t.Errorf("sent %d, failed %d, early %d, longest %v", s.sent, s.failed, s.early, s.longest)
	}
	if s.failures["portal 502"] != 1 || s.failures["ws connection refused"] != 1 {
		t.Errorf("failures %v", s.failures)
	}
	if v1 := s.versions["portal"]["v1"]; v1.count != 2 || !v1.first.Equal(at(10)) || !v1.last.Equal(at(33)) {
		t.Errorf("portal v1: %+v", v1)
	}
}

func TestAnalyseWindow(t *testing.T) {
	s := analyse(story, question{since: at(30), until: at(34.5), newVersion: "v2", releasedAfter: at(25)})
	if s.sent != 3 || s.early != 0 {
		t.Errorf("sent %d, early %d", s.sent, s.early)
	}
}

func TestNeverReleased(t *testing.T) {
	for name, c := range map[string]struct {
		q    question
		want int
	}{
		"new version without a release":  {question{newVersion: "v2"}, 3},
		"in the list of the unreleased":  {question{never: map[string]bool{"v2": true}}, 3},
		"both versions":                  {question{newVersion: "v2", releasedAfter: at(25), never: map[string]bool{"v1": true}}, 4},
		"another version":                {question{newVersion: "v3"}, 0},
		"nothing asked":                  {question{}, 0},
		"released exactly at the answer": {question{newVersion: "v2", releasedAfter: at(20)}, 0},
	} {
		if got := analyse(story, c.q).early; got != c.want {
			t.Errorf("%s: %d early, want %d", name, got, c.want)
		}
	}
}

func TestSpread(t *testing.T) {
	s := analyse(story[3:], question{newVersion: "v2"})
	if between, missing := s.spread(); between != 4500*time.Microsecond || missing != nil {
		t.Errorf("spread %v, missing %v", between, missing)
	}
	s = analyse(story[:4], question{newVersion: "v2"})
	if _, missing := s.spread(); !slices.Equal(missing, []string{"ws"}) {
		t.Errorf("missing %v", missing)
	}
}

func TestLineRoundTrip(t *testing.T) {
	for _, r := range append(story, response{done: at(1), sent: at(0), target: "x", version: "-", err: "a\tb\nc"}) {
		got, err := parseResponse(r.String())
		if err != nil || got.String() != r.String() || !got.done.Equal(r.done) {
			t.Errorf("%v became %v, %v", r, got, err)
		}
	}
	for _, bad := range []string{"", "1\t2", "x\t1\tt\t200\tv1\t", "1\tx\tt\t200\tv1\t", "1\t1\tt\tok\tv1\t"} {
		if _, err := parseResponse(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestParseTarget(t *testing.T) {
	got, err := parseTarget("portal@portal.test=http://127.0.0.1:80/?a=b")
	if want := (target{"portal", "portal.test", "http://127.0.0.1:80/?a=b"}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "portal", "=http://x/", "portal=", "portal=nowhere"} {
		if _, err := parseTarget(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestReportOfAFolder(t *testing.T) {
	dir := t.TempDir()
	text := columns + "\n"
	for _, r := range story {
		text += r.String() + "\n"
	}
	text += "170000000" // cut in the middle
	if err := os.WriteFile(filepath.Join(dir, responsesFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run([]string{"report", dir, "--new-version", "v2", "--released-after", at(25).Format(time.RFC3339Nano)}, &out, &errs)
	for _, want := range []string{"requests sent: 8\n", "requests failed: 2\n", "responses of portal v2: 2\n",
		"milliseconds from first to last app live: 14.5\n", "responses from an unreleased version: 1\n",
		"first response of ws v2: 2023-11-14T22:13:20.0345Z\n", "failures of portal 502: 1\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if code != 0 || t.Failed() {
		t.Errorf("exit %d\n%s%s", code, &out, &errs)
	}
}

func TestAskWritesEveryAnswer(t *testing.T) {
	served := make(chan string, 1000)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served <- r.Host
		w.Header().Set("X-Version", "v7")
	}))
	defer site.Close()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	targets := []target{{"a", "a.test", site.URL}, {"b", "b.test", site.URL}}
	if err := ask(ctx, dir, targets, 5*time.Millisecond, time.Second); err != nil {
		t.Fatal(err)
	}
	all, err := readResponses(dir)
	if err != nil || len(all) != len(served) || len(all) < 10 {
		t.Fatalf("%d answers noted, %d served, %v", len(all), len(served), err)
	}
	s := analyse(all, question{newVersion: "v7"})
	if s.failed != 0 || s.versions["a"]["v7"] == nil || s.versions["b"]["v7"] == nil {
		t.Errorf("%+v", s)
	}
	for range all {
		if host := <-served; host != "a.test" && host != "b.test" {
			t.Errorf("asked with host %q", host)
		}
	}
}

func TestUsage(t *testing.T) {
	var out, errs bytes.Buffer
	if run(nil, &out, &errs) != 2 || run([]string{"start"}, &out, &errs) != 1 || run([]string{"report"}, &out, &errs) != 1 {
		t.Errorf("wrong exit codes\n%s", &errs)
	}
}

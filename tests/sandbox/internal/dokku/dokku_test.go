package dokku

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"testing"
)

func TestOnlyFrom(t *testing.T) {
	base, labels, ok := onlyFrom("FROM lab/a:v1\nLABEL com.example/tags=[\\\"lab/a:v1\\\"]\n")
	if !ok || base != "lab/a:v1" || labels["com.example/tags"] != `["lab/a:v1"]` {
		t.Errorf("got %q %q %v", base, labels, ok)
	}
	for _, other := range []string{"FROM scratch", "FROM a AS b", "FROM a\nRUN x", "LABEL a=b", "FROM $X"} {
		if _, _, ok := onlyFrom(other); ok {
			t.Errorf("%q was taken for a mere FROM", other)
		}
	}
}

func TestWithoutDeployOptions(t *testing.T) {
	got := withoutDeployOptions([]string{"--env=A", "--restart=always", "-p", "80:80", "-P", "--label", "x=y", "--cpus=1"})
	if want := []string{"--env=A", "--label", "x=y"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParallelStopsAfterFailure(t *testing.T) {
	var ran atomic.Int32
	broken := errors.New("broken")
	err := parallel(1, 5, func(i int) error {
		ran.Add(1)
		if i == 1 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) || ran.Load() != 2 {
		t.Errorf("got %v after %d jobs, want the failure after 2", err, ran.Load())
	}
}

// newTestProc is a Proc on an empty folder, without plugins.
func newTestProc(t *testing.T) *Proc {
	t.Helper()
	p := NewProc(Layout{Dir: t.TempDir()})
	p.Env["DOKKU_PID"] = "4242"
	return p
}

func TestScaleFollowsProcfile(t *testing.T) {
	p := newTestProc(t)
	if err := p.updateScale("a", false, []processScale{{"web", 1}}); err != nil {
		t.Fatal(err)
	}
	if err := p.stage(p.procfile("a"), []byte("web: x\nworker: y\n")); err != nil {
		t.Fatal(err)
	}
	if err := p.updateScale("a", false, []processScale{{"old", 0}}); err != nil {
		t.Fatal(err)
	}
	want := []processScale{{"old", 0}, {"web", 1}, {"worker", 0}}
	if got := p.scale("a"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestStagedFiles(t *testing.T) {
	p := newTestProc(t)
	file := p.procfile("a")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("web: old\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := p.stage(file, []byte("web: new\n")); err != nil {
		t.Fatal(err)
	}
	if got := p.procfileCommand("a", "web", ""); got != "new" {
		t.Errorf("the staged file does not count: %q", got)
	}
	if got := p.with("DOKKU_PID=1").procfileCommand("a", "web", ""); got != "old" {
		t.Errorf("another deploy sees the staged file: %q", got)
	}
	if err := p.stage(file, nil); err != nil {
		t.Fatal(err)
	}
	if _, found := p.effective(file); found {
		t.Error("the mark for a missing file does not count")
	}
	if err := p.commitStaged(file); err != nil {
		t.Fatal(err)
	}
	if exists(file) {
		t.Error("the old file has survived a version without one")
	}
}

func TestChecksLists(t *testing.T) {
	p := newTestProc(t)
	if err := p.writeChecks("a", "disabled", []string{"web", ""}); err != nil {
		t.Fatal(err)
	}
	if !p.checksOff("disabled", "a", "web") || p.checksOff("disabled", "a", "worker") {
		t.Error("the list of process types is not kept")
	}
	if err := p.writeChecks("a", "disabled", []string{everyProcess}); err != nil {
		t.Fatal(err)
	}
	if !p.checksOff("disabled", "a", "worker") {
		t.Error("the entry for all does not count")
	}
}

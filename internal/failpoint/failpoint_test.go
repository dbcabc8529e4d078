package failpoint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReached(t *testing.T) {
	for _, c := range []struct {
		name, env string
		want      []bool // for three occurrences
	}{
		{"none is named", "", []bool{false, false, false}},
		{"another is named", "a/c", []bool{false, false, false}},
		{"the first is meant", "a/b", []bool{true, false, false}},
		{"the second is named", "stop:a/b#2", []bool{false, true, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			counts = map[string]int{}
			log := filepath.Join(t.TempDir(), "seen")
			t.Setenv(env, c.env)
			t.Setenv(seen, log)
			for i, want := range c.want {
				if got := Reached("a/b"); got != want {
					t.Errorf("occurrence %d: %t", i+1, got)
				}
			}
			data, err := os.ReadFile(log)
			if err != nil || strings.Count(string(data), " a/b#") != 3 || !strings.Contains(string(data), " a/b#3\n") {
				t.Errorf("seen: %q, %v", data, err)
			}
		})
	}
}

func TestOnlyOneProcessStops(t *testing.T) {
	counts = map[string]int{}
	log := filepath.Join(t.TempDir(), "seen")
	t.Setenv(env, "a/b")
	t.Setenv(seen, log)
	if err := os.WriteFile(log+".hit", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if Reached("a/b") {
		t.Error("another process came first")
	}
}

func BenchmarkUnset(b *testing.B) {
	for b.Loop() {
		Hit("a/b")
	}
}

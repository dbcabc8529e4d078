package store

import "testing"

func TestGeneration(t *testing.T) {
	for version, want := range map[string]int{"v1": 1, "v12": 12, "3": 3, "": 0, "dev": 0, "v0": 0, "v-1": 0} {
		got, err := Generation(version)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("Generation(%q) = %d, %v; want %d", version, got, err, want)
		}
	}
}

func TestColumnOfEachGeneration(t *testing.T) {
	for generation, want := range map[int]string{1: "item", 2: "gen_2", 7: "gen_7"} {
		if got := (&Store{generation: generation}).column(); got != want {
			t.Errorf("column of generation %d = %q, want %q", generation, got, want)
		}
	}
}

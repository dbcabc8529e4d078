package archtest

import (
	"go/build"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/dokku-graduate/dokku-graduate/"

// adapters know one technology each and meet only in the wiring.
var adapters = []string{"internal/config", "internal/dokku", "internal/hold", "internal/hook", "internal/journal", "internal/plan", "internal/proxy", "internal/quiesce", "internal/ui"}

// rules says what each package of the product may import of this module. Imports point inwards: the domain
// knows nobody, its neighbours know the domain, the wiring knows them all.
var rules = map[string][]string{
	"internal/graduate":  {},
	"internal/engine":    {"internal/graduate"},
	"internal/phase":     {"internal/graduate"},
	"internal/config":    {"internal/graduate"},
	"internal/dokku":     {"internal/failpoint", "internal/graduate"},
	"internal/hold":      {"internal/graduate"},
	"internal/hook":      {"internal/graduate"},
	"internal/journal":   {"internal/failpoint", "internal/graduate"},
	"internal/plan":      {"internal/graduate"},
	"internal/proxy":     {"internal/failpoint", "internal/graduate"},
	"internal/quiesce":   {"internal/graduate"},
	"internal/ui":        {"internal/graduate"},
	"internal/cli":       append([]string{"internal/graduate", "internal/engine", "internal/failpoint", "internal/phase"}, adapters...),
	"internal/failpoint": {},
	// A trigger runs inside somebody's deploy: it never holds an engine.
	"internal/trigger":  append([]string{"internal/failpoint", "internal/graduate"}, adapters...),
	"internal/archtest": {"internal/graduate"},
	// Fakes for unit tests: in nobody's list, so only tests can import it.
	"internal/testkit": {"internal/graduate"},
	"cmd/graduate":     {"internal/cli", "internal/trigger", "internal/graduate"},
}

func TestImports(t *testing.T) {
	for _, dir := range packages(t) {
		pkg, err := build.ImportDir(dir.path, 0)
		if err != nil {
			t.Fatal(err)
		}
		product := !strings.HasPrefix(dir.name, "tests/")
		allowed, known := rules[dir.name]
		if product && !known {
			t.Errorf("%s: no rule says what it may import; add it to the table in this test", dir.name)
			continue
		}
		// A test may use what it likes of the product, but the sandbox and the sample apps belong to tests/.
		for _, imported := range pkg.Imports {
			name, ours := strings.CutPrefix(imported, module)
			switch {
			case dir.name == "internal/graduate" && strings.Contains(imported, "."):
				t.Errorf("%s imports %s: the domain uses the standard library only", dir.name, imported)
			case !ours || slices.Contains(allowed, name):
			case !product && strings.HasPrefix(name, "tests/"):
			case !product:
				t.Errorf("%s imports %s: tests/ goes through the plugin's commands, as a user does", dir.name, name)
			default:
				t.Errorf("%s must not import %s (allowed: %s)", dir.name, name, strings.Join(allowed, ", "))
			}
		}
		for _, imported := range slices.Concat(pkg.TestImports, pkg.XTestImports) {
			if product && strings.HasPrefix(imported, module+"tests/") {
				t.Errorf("a test of %s imports %s: nobody imports tests/", dir.name, imported)
			}
		}
	}
}

package graduate

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// planSchema is docs/plan.schema.json, compiled; formats are checked too.
func planSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile("../../docs/plan.schema.json")
	require.NoError(t, err)
	return schema
}

// generic is a value as it comes back from its JSON.
func generic(t *testing.T, value any) any {
	t.Helper()
	data, err := json.Marshal(value)
	require.NoError(t, err)
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	return out
}

// fullPlan has every field of a plan.
func fullPlan() *Plan {
	at := time.Date(2026, 5, 4, 12, 30, 0, 5e8, time.UTC)
	return &Plan{
		Version: PlanVersion, ID: "0123456789ab", Digest: "0123456789ab" + strings.Repeat("c", 52),
		Group: "shop", From: "dev", To: "prod", Made: at, Only: []string{"portal"}, All: true,
		Roles: []RolePlan{{
			Role: "portal", Source: "portal-dev", Target: "portal", Action: ActionGraduate, Why: "3 commits",
			Revision: strings.Repeat("a", 40), Before: strings.Repeat("b", 40),
			Commits: []Commit{{Revision: "aaaaaaa", Subject: "Prices in euros"}}, CommitCount: 3, Backwards: true, Unrelated: true,
			New:      &ImageFacts{ID: "sha256:aa", Created: at, Size: 1 << 40},
			Old:      &ImageFacts{ID: "sha256:bb", Created: at, Size: 1},
			NewBytes: 7, Changes: []Change{{What: "procfile web", Before: "old", After: "new"}},
		}},
		Hooks:        []HookPlan{{Kind: "release-task", Name: "predeploy", Where: "portal", What: "bin/migrate", Timeout: 600, Skip: "only in staging", Moment: ReleaseTasksHold, Retries: 3, Warns: true, Parallel: true, Migrate: true}},
		Differences:  []Difference{{Role: "portal", Kind: "config", Name: "DEBUG", Source: "text", Target: "absent"}},
		Acknowledged: 2,
		Findings: []Finding{{
			Code: "key-missing", Severity: SeverityWarning, Role: "portal", App: "portal", Why: "DEBUG is missing", Do: "set it",
			Docs: "docs/findings.md#key-missing", Forced: true,
		}},
	}
}

// quietPlan has only what every plan has.
func quietPlan() *Plan {
	return &Plan{
		Version: PlanVersion, ID: "0123456789ab", Digest: "0123456789ab" + strings.Repeat("c", 52),
		Group: "shop", From: "dev", To: "prod", Made: time.Unix(0, 0),
		Roles: []RolePlan{}, Hooks: []HookPlan{}, Differences: []Difference{}, Findings: []Finding{},
	}
}

func TestTheSchemaKnowsEveryFieldOfAPlan(t *testing.T) {
	schema := planSchema(t)
	full := fullPlan()
	requireFilled(t, "plan", reflect.ValueOf(*full))
	require.NoError(t, schema.Validate(generic(t, full)))
	require.NoError(t, schema.Validate(generic(t, quietPlan())))
}

// requireFilled fails where a field that is printed has its zero value: the full plan would not show it.
func requireFilled(t *testing.T, path string, value reflect.Value) {
	t.Helper()
	switch value.Kind() {
	case reflect.Pointer:
		require.False(t, value.IsNil(), path)
		requireFilled(t, path, value.Elem())
	case reflect.Slice:
		require.NotZero(t, value.Len(), path)
		requireFilled(t, path, value.Index(0))
	case reflect.Struct:
		for i := range value.NumField() {
			if field := value.Type().Field(i); field.IsExported() && field.Tag.Get("json") != "-" {
				requireFilled(t, path+"."+field.Name, value.Field(i))
			}
		}
	default:
		require.False(t, value.IsZero(), path)
	}
}

func TestTheSchemaRefusesWhatIsNoPlan(t *testing.T) {
	schema := planSchema(t)
	for name, spoil := range map[string]func(p map[string]any){
		"another version":           func(p map[string]any) { p["version"] = 2 },
		"no id":                     func(p map[string]any) { delete(p, "id") },
		"an id that is none":        func(p map[string]any) { p["id"] = "0123" },
		"null for a list":           func(p map[string]any) { p["findings"] = nil },
		"an unknown field":          func(p map[string]any) { p["parts"] = map[string]any{} },
		"a time that is none":       func(p map[string]any) { p["made"] = "yesterday" },
		"an unknown action":         func(p map[string]any) { first(p, "roles")["action"] = "explode" },
		"a config value":            func(p map[string]any) { first(p, "differences")["value"] = "secret" },
		"an unknown kind":           func(p map[string]any) { first(p, "differences")["kind"] = "colour" },
		"an unknown severity":       func(p map[string]any) { first(p, "findings")["severity"] = "fatal" },
		"two lines":                 func(p map[string]any) { first(p, "findings")["why"] = "one\ntwo" },
		"nothing to do":             func(p map[string]any) { delete(first(p, "findings"), "do") },
		"no docs":                   func(p map[string]any) { first(p, "findings")["docs"] = "" },
		"a negative size":           func(p map[string]any) { first(p, "roles")["new_bytes"] = -1 },
		"a time-out with a unit":    func(p map[string]any) { first(p, "hooks")["timeout_seconds"] = "10m" },
		"layers of an image":        func(p map[string]any) { first(p, "roles")["new_image"].(map[string]any)["layers"] = []any{} },
		"more commits than shown":   func(p map[string]any) { r := first(p, "roles"); r["commits"] = slices.Repeat(r["commits"].([]any), 11) },
		"an app with another's way": func(p map[string]any) { first(p, "roles")["target"] = "../portal" },
	} {
		spoiled := generic(t, fullPlan()).(map[string]any)
		spoil(spoiled)
		require.Error(t, schema.Validate(generic(t, spoiled)), name)
	}
}

// first is the first item of a list of the plan.
func first(plan map[string]any, list string) map[string]any {
	return plan[list].([]any)[0].(map[string]any)
}

// The golden plans of the other packages' tests are what users get.
func TestTheSchemaFitsTheGoldenPlans(t *testing.T) {
	schema := planSchema(t)
	files, err := filepath.Glob("../*/testdata/plan*/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		plan, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		require.NoError(t, err, name)
		require.NoError(t, schema.Validate(plan), name)
	}
}

func TestTheSchemaKnowsTheKindsOfDifferences(t *testing.T) {
	data, err := os.ReadFile("../../docs/plan.schema.json")
	require.NoError(t, err)
	var schema struct {
		Defs struct {
			Difference struct {
				Properties struct{ Kind struct{ Enum []string } }
			}
		} `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(data, &schema))
	require.Equal(t, DifferenceKinds(), schema.Defs.Difference.Properties.Kind.Enum)
}

package plan

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// version is what an app's version brings along in its Procfile and app.json.
type version struct {
	procfile map[string]string
	// predeploy, postdeploy and first are the scripts of app.json; first is Heroku's, at the first deploy only.
	predeploy, postdeploy, first string
	// formation and healthchecks are by process type, in one line each.
	formation, healthchecks map[string]string
	// quantities are the numbers of containers that the formation asks for.
	quantities map[string]int
	// cron are the lines "SCHEDULE COMMAND".
	cron []string
}

// readVersion reads the files of a version. What is not as it should be in app.json counts as not there.
func readVersion(f graduate.Facts) version {
	v := version{
		procfile: f.Around.Procfile, formation: map[string]string{}, healthchecks: map[string]string{}, quantities: map[string]int{},
	}
	var doc map[string]json.RawMessage
	if json.Unmarshal(f.Around.AppJSON, &doc) != nil {
		return v
	}
	v.readScripts(doc["scripts"])
	var formation, healthchecks map[string]json.RawMessage
	_ = json.Unmarshal(doc["formation"], &formation)
	for name, raw := range formation {
		v.formation[name] = compact(raw)
		var entry struct {
			Quantity *int `json:"quantity"`
		}
		if json.Unmarshal(raw, &entry) == nil && entry.Quantity != nil {
			v.quantities[name] = *entry.Quantity
		}
	}
	_ = json.Unmarshal(doc["healthchecks"], &healthchecks)
	for name, raw := range healthchecks {
		v.healthchecks[name] = compact(withoutHeaders(raw))
	}
	var cron []struct {
		Schedule string `json:"schedule"`
		Command  string `json:"command"`
	}
	_ = json.Unmarshal(doc["cron"], &cron)
	for _, c := range cron {
		v.cron = append(v.cron, oneLine(c.Schedule+" "+c.Command))
	}
	slices.Sort(v.cron)
	return v
}

func (v *version) readScripts(raw json.RawMessage) {
	var scripts struct {
		Dokku struct {
			Predeploy  string `json:"predeploy"`
			Postdeploy string `json:"postdeploy"`
		} `json:"dokku"`
		Postdeploy string `json:"postdeploy"`
	}
	if json.Unmarshal(raw, &scripts) == nil {
		v.predeploy, v.postdeploy, v.first = scripts.Dokku.Predeploy, scripts.Dokku.Postdeploy, scripts.Postdeploy
	}
}

// withoutHeaders takes the values of HTTP headers out of healthchecks: they may be what the app is let in with. Dokku's
// health checker reads the names of fields in any case.
func withoutHeaders(raw json.RawMessage) json.RawMessage {
	var checks any
	if json.Unmarshal(raw, &checks) != nil {
		return nil
	}
	clean, err := json.Marshal(maskHeaders(checks))
	if err != nil {
		return nil
	}
	return clean
}

// maskHeaders masks what a field httpHeaders has, wherever it stands.
func maskHeaders(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = maskHeaders(v[i])
		}
	case map[string]any:
		for key := range v {
			if strings.EqualFold(key, "httpHeaders") {
				v[key] = maskHeaderList(v[key])
			} else {
				v[key] = maskHeaders(v[key])
			}
		}
	}
	return value
}

// maskHeaderList leaves the names of a list of headers, and nothing else.
func maskHeaderList(value any) any {
	list, ok := value.([]any)
	if !ok {
		return masked
	}
	for i := range list {
		header, ok := list[i].(map[string]any)
		if !ok {
			list[i] = masked
			continue
		}
		for key := range header {
			if _, text := header[key].(string); !text || !strings.EqualFold(key, "name") {
				header[key] = masked
			}
		}
	}
	return list
}

// masked stands where a value is not shown.
const masked = "…"

// compact is JSON in one line, with its keys in order.
func compact(raw json.RawMessage) string {
	var value any
	if json.Unmarshal(raw, &value) != nil {
		return oneLine(string(raw))
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return ""
	}
	return strings.TrimSpace(out.String())
}

// task is one of the app's own tasks.
type task struct{ name, command string }

// releaseTasks are the tasks that run in the hold (or before it), in their order.
func (v version) releaseTasks(first bool) []task {
	tasks := []task{{"predeploy", v.predeploy}, {"release", v.procfile["release"]}}
	if first {
		tasks = append(tasks, task{"first-postdeploy", v.first})
	}
	return slices.DeleteFunc(tasks, func(t task) bool { return t.command == "" })
}

func taskNames(tasks []task) []string {
	var names []string
	for _, t := range tasks {
		names = append(names, t.name)
	}
	return names
}

// types are the process types that the new version will have.
func (r *role) types() []string {
	names := map[string]bool{}
	for name := range r.version.procfile {
		names[name] = true
	}
	delete(names, "release")
	if len(names) == 0 { // an image without a Procfile
		names[graduate.Web] = true
		for _, p := range r.target.Scale {
			names[p.Type] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// scale is how many containers of a process type the target will have.
func (r *role) scale(name string) int {
	if n, ok := r.version.quantities[name]; ok {
		return n
	}
	if n, ok := scaleOf(r.target.Scale)[name]; ok {
		return n
	}
	if name == graduate.Web {
		return 1
	}
	return 0
}

func scaleOf(processes []graduate.Process) map[string]int {
	out := map[string]int{}
	for _, p := range processes {
		out[p.Type] = p.Count
	}
	return out
}

package plan

import (
	"maps"
	"slices"
	"strconv"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// changes lists what is not as it was in Procfile, app.json and process scale. Where nothing was there before,
// only the scale is told: all else is new.
func (r *role) changes() []graduate.Change {
	var out []graduate.Change
	if r.target.Deployed {
		before, after := readVersion(r.target), r.version
		out = append(out, changed("procfile ", before.procfile, after.procfile)...)
		out = append(out, changed("app.json formation.", before.formation, after.formation)...)
		out = append(out, changed("app.json healthchecks.", before.healthchecks, after.healthchecks)...)
		out = append(out, changed("app.json scripts.", before.scripts(), after.scripts())...)
		out = append(out, changedLines("app.json cron", before.cron, after.cron)...)
	}
	scale := scaleOf(r.target.Scale)
	for _, name := range r.types() {
		was, had := scale[name]
		will := r.scale(name)
		switch {
		case had && was != will:
			out = append(out, graduate.Change{What: "scale " + name, Before: strconv.Itoa(was), After: strconv.Itoa(will)})
		case !had:
			out = append(out, graduate.Change{What: "scale " + name, After: strconv.Itoa(will)})
		}
	}
	return out
}

// scripts are the scripts of app.json by their names.
func (v version) scripts() map[string]string {
	all := map[string]string{"predeploy": v.predeploy, "postdeploy": v.postdeploy, "first-postdeploy": v.first}
	maps.DeleteFunc(all, func(_, command string) bool { return command == "" })
	return all
}

// changed lists what is new, gone or different, by name.
func changed(what string, before, after map[string]string) []graduate.Change {
	names := map[string]bool{}
	for name := range before {
		names[name] = true
	}
	for name := range after {
		names[name] = true
	}
	var out []graduate.Change
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if before[name] != after[name] {
			out = append(out, graduate.Change{What: what + name, Before: oneLine(before[name]), After: oneLine(after[name])})
		}
	}
	return out
}

// changedLines lists the lines that are gone, then those that are new.
func changedLines(what string, before, after []string) []graduate.Change {
	var out []graduate.Change
	for _, line := range before {
		if !slices.Contains(after, line) {
			out = append(out, graduate.Change{What: what, Before: line})
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			out = append(out, graduate.Change{What: what, After: line})
		}
	}
	return out
}

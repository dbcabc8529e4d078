package ui

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Field is one row of a report: a key in kebab case without the plugin's prefix ("start-timeout"), and its value.
type Field struct{ Key, Value string }

// keyWidth is the least width of a report's key column in Dokku.
const keyWidth = 31

// Report prints what Dokku's `:report` prints: a heading and the sorted rows "Graduate start timeout:   10m".
func (s Streams) Report(name string, fields []Field) {
	s.Title("%s graduate information", name)
	width := keyWidth
	for _, f := range fields {
		width = max(width, len(flagName(f.Key)))
	}
	for _, f := range sorted(fields) {
		label := "Graduate " + strings.NewReplacer("-", " ", ".", " ").Replace(f.Key) + ":"
		s.Detail("%s", strings.TrimRight(fmt.Sprintf("%-*s%s", width, label, f.Value), " "))
	}
}

// ReportJSON prints a report as one flat JSON object of strings on one line.
func (s Streams) ReportJSON(fields []Field) error {
	object := make(map[string]string, len(fields))
	for _, f := range fields {
		object[f.Key] = f.Value
	}
	return s.JSON(object)
}

// JSON prints a value as one line of JSON.
func (s Streams) JSON(value any) error {
	encoder := json.NewEncoder(s.Out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// FlagNames lists the flags that print a single field, sorted.
func FlagNames(fields []Field) []string {
	names := make([]string, 0, len(fields))
	for _, f := range sorted(fields) {
		names = append(names, flagName(f.Key))
	}
	return names
}

func flagName(key string) string { return "--graduate-" + key }

func sorted(fields []Field) []Field {
	return slices.SortedFunc(slices.Values(fields), func(a, b Field) int { return strings.Compare(a.Key, b.Key) })
}

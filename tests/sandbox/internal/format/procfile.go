package format

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Process is one line of a Procfile.
type Process struct {
	Type    string
	Command string
}

var procfileLine = regexp.MustCompile(`^([A-Za-z0-9_-]+):\s*(.+)$`)

// ParseProcfile reads a Procfile. It refuses lines of an unknown shape, two
// entries of one type, and a file without any entry, as Dokku does.
func ParseProcfile(text string) ([]Process, error) {
	var processes []Process
	seen := map[string]bool{}
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		match := procfileLine.FindStringSubmatch(line)
		if match == nil {
			return nil, fmt.Errorf("invalid line %d: %q", number+1, line)
		}
		if seen[match[1]] {
			return nil, fmt.Errorf("duplicate process type %s", match[1])
		}
		seen[match[1]] = true
		processes = append(processes, Process{Type: match[1], Command: strings.TrimSpace(match[2])})
	}
	if len(processes) == 0 {
		return nil, errors.New("no process types found")
	}
	return processes, nil
}

var variable = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$[A-Za-z_][A-Za-z0-9_]*`)

// ExpandCommand puts config values into a Procfile command, as Dokku does
// before it hands the command to the container. Unknown names become empty.
func ExpandCommand(command, port string, env map[string]string) string {
	return variable.ReplaceAllStringFunc(command, func(name string) string {
		name = strings.Trim(name, "${}")
		if value, ok := env[name]; ok {
			return value
		}
		if name == "PORT" {
			return port
		}
		return ""
	})
}

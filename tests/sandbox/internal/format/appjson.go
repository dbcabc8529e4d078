package format

import (
	"encoding/json"
	"fmt"
	"strings"
)

// AppJSON is the part of an app.json that the sandbox acts on.
type AppJSON struct {
	Formation    map[string]Formation     `json:"formation"`
	Healthchecks map[string][]Healthcheck `json:"healthchecks"`
	Scripts      Scripts                  `json:"scripts"`
}

// Formation is the scale of one process type.
type Formation struct {
	Quantity    *int `json:"quantity"`
	MaxParallel *int `json:"max_parallel"`
}

// Scripts are the commands that run once per deploy.
type Scripts struct {
	Dokku struct {
		Predeploy  string `json:"predeploy"`
		Postdeploy string `json:"postdeploy"`
	} `json:"dokku"`
	Postdeploy string `json:"postdeploy"`
}

// Healthcheck is one check of a process type.
type Healthcheck struct {
	Type         string   `json:"type,omitempty"`
	Name         string   `json:"name,omitempty"`
	Path         string   `json:"path,omitempty"`
	Content      string   `json:"content,omitempty"`
	Command      []string `json:"command,omitempty"`
	HTTPHeaders  []Header `json:"httpHeaders,omitempty"`
	Attempts     int      `json:"attempts,omitempty"`
	Wait         int      `json:"wait,omitempty"`
	Timeout      int      `json:"timeout,omitempty"`
	InitialDelay int      `json:"initialDelay,omitempty"`
	Uptime       int      `json:"uptime,omitempty"`
	Port         int      `json:"port,omitempty"`
	Listening    bool     `json:"listening,omitempty"`
	Warn         bool     `json:"warn,omitempty"`
}

// Header is one header that a check sends.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ParseAppJSON reads an app.json; an empty file is an empty app.json.
func ParseAppJSON(data []byte) (AppJSON, error) {
	var app AppJSON
	if strings.TrimSpace(string(data)) == "" {
		return app, nil
	}
	if err := json.Unmarshal(data, &app); err != nil {
		return AppJSON{}, fmt.Errorf("cannot parse app.json: %w", err)
	}
	return app, nil
}

// Parallelism is how many containers of a process type may start side by side.
func (a AppJSON) Parallelism(processType string) int {
	if limit := a.Formation[processType].MaxParallel; limit != nil && *limit > 0 {
		return *limit
	}
	return 1
}

// StartupChecks are the checks that a new container has to pass. A process type
// that has none gets one that only asks for the container to stay up.
func (a AppJSON) StartupChecks(processType string, defaultUptime int) []Healthcheck {
	var checks []Healthcheck
	for _, check := range a.Healthchecks[processType] {
		if check.Type == "" || check.Type == "startup" {
			checks = append(checks, check)
		}
	}
	if len(checks) == 0 {
		checks = []Healthcheck{{Type: "startup", Name: "default", Uptime: defaultUptime}}
	}
	return checks
}

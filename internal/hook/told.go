package hook

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// told is what a hook is told: the run, what becomes of each app, and the addresses at which a smoke test can talk to
// them. Names, ids and addresses only, never configuration. Its JSON is the file that GRADUATE_CONTEXT names.
type told struct {
	Version int       `json:"version"`
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	Group   string    `json:"group"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	User    string    `json:"user"`
	Started time.Time `json:"started_at"`
	Phase   string    `json:"phase"`
	Hook    string    `json:"hook"`
	Outcome string    `json:"outcome,omitempty"`
	Apps    []toldApp `json:"apps"`
}

// toldApp is one role of it.
type toldApp struct {
	Role   string `json:"role"`
	App    string `json:"app"`
	Source string `json:"source"`
	// Skipped says why the app stays as it is.
	Skipped string `json:"skipped,omitempty"`
	// FromRev is the commit that the app had before the run, ToRev the one that it gets; Image is that of the latter.
	FromRev string `json:"from_rev"`
	ToRev   string `json:"to_rev"`
	Image   string `json:"image"`
	// URLs are the addresses of what the run brings, OldURLs of what it replaces.
	URLs    []string `json:"urls"`
	OldURLs []string `json:"old_urls"`
}

// contextVersion is the version of the shape of the context file.
const contextVersion = 1

// tell collects what a hook is told. live gives the addresses of what is live now.
func tell(r *graduate.Run, h graduate.Hook, s graduate.Situation, live func(app string) []string) told {
	t := told{
		Version: contextVersion, ID: r.ID, Kind: graduate.KindGraduate, Group: r.Group, From: r.From, To: r.To, User: r.User,
		Started: r.Started, Phase: string(h.Kind), Hook: h.Name, Outcome: s.Outcome,
	}
	if r.Rollback() {
		t.Kind = r.Kind
	}
	// From the live hooks on what is live is what the run has brought, or has left.
	after := s.Released || h.Kind == graduate.HookLive || h.Kind == graduate.HookFinally
	for _, a := range r.Apps {
		app := toldApp{
			Role: a.Role, App: a.Target, Source: a.Source, Skipped: a.Skip, FromRev: a.Before, ToRev: a.Revision, Image: a.Image,
			URLs: []string{}, OldURLs: []string{},
		}
		for _, c := range s.Held {
			if c.App == a.Target && c.Process == graduate.Web && c.Port != "" {
				app.URLs = append(app.URLs, "http://"+c.Address())
			}
		}
		if live != nil {
			for _, address := range live(a.Target) {
				app.OldURLs = append(app.OldURLs, "http://"+address)
			}
		}
		if after {
			if len(app.URLs) == 0 {
				app.URLs = app.OldURLs
			}
			app.OldURLs = []string{}
		}
		if a.Skip != "" && len(app.URLs) == 0 { // its version stays
			app.URLs = append(app.URLs, app.OldURLs...)
		}
		t.Apps = append(t.Apps, app)
	}
	return t
}

// write writes the context file. It has no secrets, and whatever user a container has reads it.
func (t told) write(path string) error {
	data, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.Chmod(path, 0o644) // whatever the umask is
}

// environment is the same as NAME=VALUE, with the path at which the hook finds the context file.
func (t told) environment(path string) []string {
	var targets []string
	for _, a := range t.Apps {
		targets = append(targets, a.App)
	}
	env := []string{
		"GRADUATE_ID=" + t.ID,
		"GRADUATE_GROUP=" + t.Group,
		"GRADUATE_FROM=" + t.From,
		"GRADUATE_TO=" + t.To,
		"GRADUATE_PHASE=" + t.Phase,
		"GRADUATE_HOOK=" + t.Hook,
		"GRADUATE_CONTEXT=" + path,
		"GRADUATE_APPS=" + strings.Join(targets, " "),
	}
	if t.Outcome != "" {
		env = append(env, "GRADUATE_OUTCOME="+t.Outcome)
	}
	for _, a := range t.Apps {
		prefix := "GRADUATE_" + variable(a.Role)
		env = append(env, prefix+"_APP="+a.App, prefix+"_REV="+a.ToRev, prefix+"_FROM_REV="+a.FromRev, prefix+"_TO_REV="+a.ToRev)
		if len(a.URLs) > 0 {
			env = append(env, prefix+"_URL="+a.URLs[0], prefix+"_URLS="+strings.Join(a.URLs, " "))
		}
		if len(a.OldURLs) > 0 {
			env = append(env, prefix+"_OLD_URL="+a.OldURLs[0], prefix+"_OLD_URLS="+strings.Join(a.OldURLs, " "))
		}
	}
	return env
}

// variable is a role's name as a part of a variable's name.
func variable(role string) string {
	return strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(role))
}

package plan

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

var errBroken = errors.New("it is broken")

// inspector is a fake that knows the facts of some apps.
type inspector struct {
	mu     sync.Mutex
	facts  map[string]graduate.Facts
	server graduate.Server
	ranges map[string]Range
	lacks  []string // the commands that no image has
	asked  []string
	secret string
	// broken says which of its answers fails.
	broken string
}

func (in *inspector) fails(what string) error {
	if in.broken == what {
		return errBroken
	}
	return nil
}

// Survey leaves out what does not exist.
func (in *inspector) Survey(_ context.Context, apps []string) (map[string]graduate.Facts, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.asked = append(in.asked, apps...)
	facts := map[string]graduate.Facts{}
	for _, app := range apps {
		if f, ok := in.facts[app]; ok {
			facts[app] = f
		}
	}
	return facts, in.fails("survey")
}

func (in *inspector) Server(context.Context, *graduate.Group) (graduate.Server, error) {
	return in.server, in.fails("server")
}

func (in *inspector) Commits(_ context.Context, app, from, to string, limit int) (Range, error) {
	r := in.ranges[app+" "+from+".."+to]
	r.Commits = r.Commits[:min(limit, len(r.Commits))]
	return r, in.fails("commits")
}

func (in *inspector) HasCommand(_ context.Context, image string, command []string) (has, known bool) {
	if image == "" || command[0] == "unknown" {
		return false, false
	}
	return !slices.Contains(in.lacks, command[0]), true
}

func (in *inspector) Secret() ([]byte, error) {
	return []byte("the server's own" + in.secret), in.fails("secret")
}

// change changes the facts of one app.
func (in *inspector) change(app string, f func(*graduate.Facts)) {
	facts := in.facts[app]
	f(&facts)
	in.facts[app] = facts
}

func healthy(app, image, revision string) graduate.Facts {
	return graduate.Facts{
		App: app, Exists: true, Deployed: true, Image: image, Running: []string{image}, Revision: revision,
		Scheduler: "docker-local", Proxy: "nginx", ProxyEnabled: true, RevisionKey: "GIT_REV",
		Scale: []graduate.Process{{Type: "web", Count: 1}},
		Around: graduate.Surroundings{
			Vhosts: true, Procfile: map[string]string{"web": "serve"},
			Memory: map[string]int64{"web": 100_000_000, "worker": 50_000_000},
		},
	}
}

// shop is a group of two roles in three environments, and an inspector to which dev is ahead of prod.
func shop() (*graduate.Group, *inspector) {
	g := &graduate.Group{
		Name:         "shop",
		Environments: []graduate.Environment{{Name: "dev"}, {Name: "staging", From: []string{"dev"}}, {Name: "prod"}},
		Roles: []graduate.Role{
			{Name: "site", Apps: map[string]string{"dev": "portal-dev", "prod": "portal", "staging": "portal-staging"}, Start: graduate.StartAfterPost},
			{Name: "api", Apps: map[string]string{"dev": "ws-dev", "prod": "ws"}, Start: graduate.StartBeforePost},
		},
	}
	in := &inspector{facts: map[string]graduate.Facts{
		"portal-dev": healthy("portal-dev", "sha256:p2", "p2"), "portal": healthy("portal", "sha256:p1-prod", "p1"),
		"ws-dev": healthy("ws-dev", "sha256:w2", "w2"), "ws": healthy("ws", "sha256:w1-prod", "w1"),
	}, server: graduate.Server{MemoryFree: 1 << 40, DiskFree: 1 << 40}, ranges: map[string]Range{}}
	return g, in
}

// same lets the api have the source's version already.
func same(_ *graduate.Group, in *inspector) {
	in.facts["ws"] = healthy("ws", "sha256:w2-prod", "w2")
	in.change("ws", func(f *graduate.Facts) { f.Artifact = "sha256:w2" })
}

var devProd = Options{From: "dev", To: "prod", Run: "01run"}

// codesOf lists the findings as "severity code app".
func codesOf(p *graduate.Plan) []string {
	var out []string
	for _, f := range p.Findings {
		out = append(out, strings.TrimSpace(string(f.Severity)+" "+f.Code+" "+f.App))
	}
	return out
}

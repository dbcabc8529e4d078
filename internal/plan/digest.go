package plan

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// idLength is how much of its digest names a plan.
const idLength = 12

// digest says of what the plan was made: what stays as it is as long as nobody changes anything. What comes and goes
// by itself (free memory, a deploy under way) is not in it: it is looked at again when the plan is carried out.
func (p *planner) digest() error {
	secret, err := p.in.Secret()
	if err != nil {
		return err
	}
	d := digester{secret: secret, parts: map[string]string{}}
	d.part("options: from, to", []string{p.o.From, p.o.To})
	d.part("options: --only", p.plan.Only)
	d.part("options: --all", p.o.All)
	d.part(groupPart+"roles", p.g.Roles)
	d.part(groupPart+"hooks", []any{p.g.Hooks, p.server.Hosts})
	d.part(groupPart+"settings", p.g.Settings)
	if p.server.Page != "" {
		d.part(groupPart+"maintenance page", p.server.Page)
	}
	for _, r := range p.roles {
		d.facts(r.Name+": source ", r.source, true)
		d.facts(r.Name+": target ", r.target, false)
	}
	p.plan.Parts = d.parts
	p.plan.Digest = d.sum("plan", d.parts)
	p.plan.ID = p.plan.Digest[:idLength]
	return nil
}

const groupPart = "group: "

// digester makes keyed digests: who sees one cannot try values without the server's secret.
type digester struct {
	secret []byte
	parts  map[string]string
}

func (d *digester) part(name string, value any) { d.parts[name] = d.sum(name, value) }

// sum is the keyed digest of a value under its name, so that equal values do not show as such.
func (d *digester) sum(name string, value any) string {
	mac := hmac.New(sha256.New, d.secret)
	mac.Write([]byte(name + "\x00"))
	if err := json.NewEncoder(mac).Encode(value); err != nil { // maps come out in the order of their keys
		panic(err) // only strings, numbers, and lists and maps of them are digested
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// facts adds the parts of one app. Whether all containers of a source run counts for nothing, and may change by itself.
func (d *digester) facts(prefix string, f graduate.Facts, source bool) {
	a := f.Around
	for name, value := range map[string]any{
		"app":            []any{f.App, f.Exists, f.Deployed},
		"image":          []any{f.Image, f.Artifact, f.Origin, a.SourceTag},
		"commit":         f.Revision,
		"containers":     []any{sorted(f.Running), f.Missing && !source, f.Drift, f.Stopped},
		"scale":          scaleOf(f.Scale),
		"config":         []any{f.Config, f.RevisionKey},
		"Procfile":       a.Procfile,
		"app.json":       string(a.AppJSON),
		"lock":           f.Locked,
		"scheduler":      f.Scheduler,
		"proxy":          []any{f.Proxy, f.ProxyEnabled, a.CustomNginx, a.NoRoom, a.ProxyTimeout},
		"checks":         []any{f.ChecksDisabled, a.ChecksSkipped, a.ChecksWait},
		"domains":        []any{a.Domains, a.Vhosts},
		"tls":            a.TLS,
		"ports":          sorted(a.Ports),
		"resources":      a.Resources,
		"docker options": []any{sortedEach(a.DockerOptions), f.Published},
		"mounts":         sorted(a.Mounts),
		"services":       sorted(a.Services),
		"networks":       sorted(a.Networks),
	} {
		d.part(prefix+name, value)
	}
}

// sorted is a list whose order says nothing.
func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

func sortedEach(lists map[string][]string) map[string][]string {
	out := map[string][]string{}
	for name, list := range lists {
		out[name] = sorted(list)
	}
	return out
}

// Changed says what has changed between two plans of the same thing, one line each; none where nothing has.
func Changed(old, now *graduate.Plan) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(union(old.Parts, now.Parts))) {
		was, had := old.Parts[name]
		is, has := now.Parts[name]
		switch {
		case !had:
			out = append(out, name+verb(name, " is new", " are new"))
		case !has:
			out = append(out, name+verb(name, " is gone", " are gone"))
		case was != is:
			out = append(out, name+verb(name, " has changed", " have changed")+revisions(name, old, now))
		}
	}
	if len(out) == 0 && old.Digest != now.Digest {
		out = append(out, "what the plan was made from has changed")
	}
	return out
}

// verb is the word that goes with the last word of a part's name.
func verb(name, one, many string) string {
	if strings.HasSuffix(name, "s") && !strings.HasSuffix(name, " tls") {
		return many
	}
	return one
}

// revisions says from which commit to which one, where that is what has changed.
func revisions(part string, old, now *graduate.Plan) string {
	role, what, _ := strings.Cut(part, ": ")
	i := slices.IndexFunc(old.Roles, func(r graduate.RolePlan) bool { return r.Role == role })
	j := slices.IndexFunc(now.Roles, func(r graduate.RolePlan) bool { return r.Role == role })
	switch {
	case i < 0 || j < 0:
	case what == "source commit":
		return fmt.Sprintf(": %s, now %s", short(old.Roles[i].Revision), short(now.Roles[j].Revision))
	case what == "target commit":
		return fmt.Sprintf(": %s, now %s", short(old.Roles[i].Before), short(now.Roles[j].Before))
	}
	return ""
}

func short(revision string) string { return cmp.Or(revision[:min(len(revision), 8)], "none") }

func union(a, b map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}

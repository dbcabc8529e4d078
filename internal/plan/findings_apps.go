package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// sourceTrouble says why a source's version cannot be carried over.
func sourceTrouble(g *graduate.Group, f graduate.Facts) trouble {
	var t trouble
	again := fmt.Sprintf("deploy it again, or dokku ps:restart %s", f.App)
	others := 0
	for _, id := range f.Running {
		if id != f.Image {
			others++
		}
	}
	switch {
	case !f.Exists:
		t.add(f.App, AppMissing, f.App+" does not exist", fmt.Sprintf("take it out of group %s or make it with dokku apps:create %s", g.Name, f.App))
		return t
	case f.Image == "" && len(f.Running) == 0, f.Image != "" && !f.Deployed:
		t.add(f.App, NotDeployed, f.App+" was never deployed", "deploy it first")
	case f.Image == "":
		t.add(f.App, ImageLost, fmt.Sprintf("%s has lost its image dokku/%s:latest", f.App, f.App), "deploy it again")
	case others > 0 && others == len(f.Running):
		t.add(f.App, SourceNotRunning, f.App+" runs something else than its last deploy: none of its containers has its latest image", again)
	case others > 0:
		t.add(f.App, HalfDeployed, f.App+" is half deployed: its containers do not all run its latest image", again)
	}
	if f.Deploying {
		t.add(f.App, SourceDeploying, f.App+" is being deployed just now, and what it will run is not known yet", "try again when that deploy has ended, or have it waited for: --wait 5m")
	}
	return t
}

// targetTrouble says why a target cannot be held or switched.
func targetTrouble(f graduate.Facts) trouble {
	var t trouble
	if !f.Exists {
		t.add(f.App, AppMissing, f.App+" does not exist", "make it with dokku apps:create "+f.App)
		return t
	}
	if f.Scheduler != "docker-local" {
		t.add(f.App, OtherScheduler, fmt.Sprintf("%s is run by the scheduler %s, which cannot be held yet", f.App, f.Scheduler), "docker-local can")
	}
	if f.ProxyEnabled && f.Proxy != "nginx" {
		t.add(f.App, OtherProxy, fmt.Sprintf("%s is served by %s, which cannot be switched together with others yet", f.App, f.Proxy),
			fmt.Sprintf("nginx can (dokku proxy:set %s type nginx)", f.App))
	}
	if f.ChecksDisabled != "" {
		t.add(f.App, ChecksDisabled, fmt.Sprintf("%s has its checks disabled (%s), so Dokku would stop the old containers before the new ones start", f.App, f.ChecksDisabled),
			"dokku checks:enable "+f.App)
	}
	if f.Published {
		t.add(f.App, PublishedPort, f.App+" publishes a port by its docker options, which two generations cannot both have",
			fmt.Sprintf("remove it with dokku docker-options:remove %s deploy …", f.App))
	}
	if f.Stopped {
		t.add(f.App, AppStopped, f.App+" is stopped", "start it with dokku ps:start "+f.App)
	}
	if f.Locked {
		t.add(f.App, TargetLocked, f.App+" is locked (by dokku apps:lock, or by a deploy that was killed)", "if that lock is not needed any more: dokku apps:unlock "+f.App)
	}
	if f.Deploying {
		t.add(f.App, TargetDeploying, f.App+" is being deployed by someone else", "try again when that deploy has ended, or have it waited for: --wait 5m")
	}
	return t
}

// mutable matches the tags that usually move from one image to the next.
var mutable = regexp.MustCompile(`(?i)^(latest|stable|edge|nightly|current|main|master|trunk|head|dev|develop|staging|prod|production)$`)

// movingTag is the tag of an image's name that may mean another image tomorrow.
func movingTag(name string) (string, bool) {
	if name == "" || strings.Contains(name, "@") {
		return "", false
	}
	last := name[strings.LastIndex(name, "/")+1:]
	_, tag, ok := strings.Cut(last, ":")
	if !ok {
		return "latest", true
	}
	return tag, mutable.MatchString(tag)
}

// findInSource looks for what is doubtful in the version itself.
func (p *planner) findInSource(r *role) {
	switch f := r.source; {
	case f.Stopped:
		p.addAs(graduate.SeverityWarning, AppStopped, r, f.App, f.App+" is stopped: nobody sees its version work", "start it with dokku ps:start "+f.App)
	case f.Missing && len(f.Running) > 0 && !slices.ContainsFunc(f.Running, func(id string) bool { return id != f.Image }):
		p.addAs(graduate.SeverityWarning, HalfDeployed, r, f.App, "one of the containers of "+f.App+" does not run, so not all of its version is seen to work",
			"see dokku ps:report and dokku logs "+f.App)
	}
	name := r.source.Around.SourceTag
	if name == "" {
		name = r.source.Origin.SourceImage
	}
	if tag, moves := movingTag(name); moves {
		p.add(ImageMutableTag, r, r.source.App, fmt.Sprintf("%s was deployed from %s, and tomorrow the tag %s may mean another image", r.source.App, name, tag),
			"deploy it from a tag that does not move, or by its digest (NAME@sha256:…)")
	}
	if p.g.Settings.ReleaseTaskMode() == graduate.ReleaseTasksBefore {
		if tasks := taskNames(r.version.releaseTasks(!r.target.Deployed)); len(tasks) > 0 {
			p.add(ReleaseTasksBefore, r, r.target.App, fmt.Sprintf("%s of %s will run before the hold, and nothing takes back what it does if the graduation is aborted", list(tasks), r.target.App),
				fmt.Sprintf("dokku graduate:set %s release-tasks hold", p.g.Name))
		}
	}
}

// findInTarget looks for what two generations of the app will do to each other.
func (p *planner) findInTarget(r *role) {
	f, around := r.target, r.target.Around
	if around.CustomNginx && f.ProxyEnabled {
		p.add(NginxUnknown, r, f.App, f.App+" has an nginx template of its own: its switch is left to Dokku's own step, a moment after the others",
			"use Dokku's template, or an include in nginx.conf.d/")
	}
	if around.ChecksSkipped != "" {
		p.add(ChecksSkipped, r, f.App, fmt.Sprintf("the checks of %s are skipped (%s): it goes live whether it works or not", f.App, around.ChecksSkipped),
			"dokku checks:enable "+f.App)
	}
	if f.Drift {
		p.add(ConfigDrift, r, f.App, "the config of "+f.App+" has changed since its containers were made", "nothing: it takes effect with this graduation")
	}
	if !r.overlaps() {
		return
	}
	mounts := slices.DeleteFunc(containerPaths(around.Mounts), func(path string) bool { return p.ignored(r, "mounts", path) })
	if len(mounts) > 0 {
		p.add(StorageShared, r, f.App, fmt.Sprintf("both generations of %s mount the same storage for a while (%s)", f.App, list(mounts)),
			fmt.Sprintf("make sure that old and new version can work with the same files at once, and acknowledge it: dokku graduate:set %s ignore %s/mounts", p.g.Name, r.Name))
	}
	p.findInWorkers(r)
}

// findInWorkers looks for process types besides web of which two generations run at once.
func (p *planner) findInWorkers(r *role) {
	var workers []string
	scale := scaleOf(r.target.Scale)
	for _, name := range r.types() {
		if name != graduate.Web && scale[name] > 0 && r.scale(name) > 0 {
			workers = append(workers, name)
		}
	}
	if len(workers) == 0 {
		return
	}
	if r.Start == graduate.StartBeforePost {
		p.add(WorkersOverlap, r, r.target.App, fmt.Sprintf("two generations of %s of %s run at once, from before the post hooks on", list(workers), r.target.App),
			fmt.Sprintf("make sure that they can share their queues, or let the new ones start after the post hooks: dokku graduate:add %s %s %s=%s --start after-post",
				p.g.Name, r.Name, p.o.To, r.target.App))
		return
	}
	p.addAs(graduate.SeverityNote, WorkersOverlap, r, r.target.App,
		fmt.Sprintf("two generations of %s of %s run at once, from after the post hooks until the old ones retire", list(workers), r.target.App),
		"make sure that they can share their queues")
}

// findInHistory says where the version is no newer one.
func (p *planner) findInHistory(r *role) {
	if r.commits.Backwards {
		p.add(Backwards, r, r.target.App, fmt.Sprintf("%s goes back by %s: what it runs is newer than what %s has", r.target.App, plural(r.commits.Count, "commit"), r.source.App),
			fmt.Sprintf("deploy the newer commit to %s first, unless that is meant", r.source.App))
	}
	if r.commits.Unrelated {
		p.add(UnrelatedHistory, r, r.target.App, fmt.Sprintf("the commits of %s and %s do not follow from each other: commits of the target may get lost", r.source.App, r.target.App),
			fmt.Sprintf("see that %s has all that %s has, unless that is meant", r.source.App, r.target.App))
	}
}

// containerPaths are the paths of mounts within the containers.
func containerPaths(mounts []string) []string {
	var out []string
	for _, m := range mounts {
		out = append(out, mountPath(m))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// mountPath is the path within the container of a mount HOST:CONTAINER[:OPTIONS].
func mountPath(mount string) string {
	if parts := strings.Split(mount, ":"); len(parts) > 1 {
		return parts[1]
	}
	return mount
}

package dokku

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dockerLocalPlugin runs apps as containers on this machine.
func dockerLocalPlugin() plugin {
	return plugin{
		about: "Manage the docker-local scheduler integration for an app",
		help:  []string{"scheduler-docker-local:set <app> <key> (<value>), Set or clear a scheduler-docker-local property for an app"},
		hooks: map[string]Hook{
			"check-deploy":      checkDeploy,
			"core-post-deploy":  dockerLocalPostDeploy,
			"core-post-extract": dockerLocalExtract,
			"post-create": func(p *Proc, args []string) error {
				return os.MkdirAll(p.Layout.Data("scheduler-docker-local", arg(args, 0)), 0o755)
			},
			"post-delete":                dockerLocalPostDelete,
			"post-release-builder":       dockerLocalPostRelease,
			"scheduler-app-status":       schedulerStatus,
			"scheduler-deploy":           schedulerDeploy,
			"scheduler-is-deployed":      schedulerIsDeployed,
			"scheduler-logs":             schedulerLogs,
			"scheduler-logs-failed":      schedulerLogsFailed,
			"scheduler-register-retired": registerRetired,
			"scheduler-retire":           schedulerRetire,
			"scheduler-run":              schedulerRun,
			"scheduler-stop":             schedulerStop,
		},
		subcommands: map[string]Hook{
			"set": setCommand("scheduler-docker-local", []string{"init-process", "parallel-schedule-count"}, []string{"init-process", "parallel-schedule-count"}),
			"report": reportCommand("scheduler-docker-local", func(p *Proc, app string) []field {
				return []field{
					{"scheduler-docker-local-init-process", p.propComputed("scheduler-docker-local", app, "init-process", "true")},
					{"scheduler-docker-local-parallel-schedule-count", p.propComputed("scheduler-docker-local", app, "parallel-schedule-count", "1")},
				}
			}),
		},
	}
}

const dockerLocal = "docker-local"

// stateFiles are the ids in an app's CONTAINER files by dyno (web.1); of one
// process type, or of all.
func (p *Proc) stateFiles(app, process string) map[string]string {
	pattern := "CONTAINER.*"
	if process != "" {
		pattern = "CONTAINER." + process + ".*"
	}
	ids := map[string]string{}
	files, _ := filepath.Glob(filepath.Join(p.Layout.App(app), pattern))
	for _, file := range files {
		if id := firstLine(file); id != "" {
			ids[strings.TrimPrefix(filepath.Base(file), "CONTAINER.")] = id
		}
	}
	return ids
}

func values(m map[string]string) []string {
	var list []string
	for _, value := range m {
		list = append(list, value)
	}
	return list
}

// status counts an app's containers and tells whether they run: true, false or
// mixed.
func (p *Proc) status(app string) (count int, running string, err error) {
	ids := p.stateFiles(app, "")
	found, err := p.inspectAll(values(ids)...)
	if err != nil {
		return len(ids), "", err
	}
	up := 0
	for _, state := range found {
		if state.State.Running {
			up++
		}
	}
	switch {
	case up == 0:
		return len(ids), "false", nil
	case up == len(ids):
		return len(ids), "true", nil
	}
	return len(ids), "mixed", nil
}

func schedulerStatus(p *Proc, args []string) error {
	if arg(args, 0) != dockerLocal {
		return nil
	}
	count, running, err := p.status(arg(args, 1))
	if err != nil {
		return err
	}
	p.print(fmt.Sprintf("%d %s", count, running))
	return nil
}

func schedulerIsDeployed(p *Proc, args []string) error {
	if arg(args, 0) == dockerLocal && len(p.stateFiles(arg(args, 1), "")) == 0 {
		return Exit{1}
	}
	return nil
}

// stopContainer ends a container for good: no restart policy brings it back.
func (p *Proc) stopContainer(app, id string) {
	_, _ = p.docker("container", "update", "--restart=no", id)
	_, _ = p.docker("container", "stop", "--time="+psProperty(p, app, "stop-timeout-seconds"), id)
}

func schedulerStop(p *Proc, args []string) error {
	app := arg(args, 1)
	if arg(args, 0) != dockerLocal {
		return nil
	}
	out, err := p.docker("container", "ls", "--quiet", "--no-trunc", "--filter", "label=com.dokku.app-name="+app)
	if err != nil {
		return err
	}
	ids := unique(append(values(p.stateFiles(app, "")), lines(out)...))
	found, err := p.inspectAll(ids...)
	if err != nil {
		return err
	}
	for _, state := range found {
		if state.State.Running || state.State.Status == "restarting" {
			p.stopContainer(app, state.ID)
		}
	}
	if arg(args, 2) == "true" && len(ids) > 0 {
		_, _ = p.docker(append([]string{"container", "rm", "--force"}, ids...)...)
	}
	return nil
}

func (p *Proc) checksFile(app string) string {
	return p.Layout.Data("scheduler-docker-local", app, "CHECKS")
}

func dockerLocalExtract(p *Proc, args []string) error {
	app := arg(args, 0)
	data, err := p.sourceFile(app, arg(args, 1), "CHECKS")
	if err != nil {
		return err
	}
	return p.stage(p.checksFile(app), data)
}

func dockerLocalPostDelete(p *Proc, args []string) error {
	out, err := p.docker("container", "ls", "--all", "--quiet", "--filter", "label=com.dokku.app-name="+arg(args, 0))
	if ids := lines(out); err == nil && len(ids) > 0 {
		_, _ = p.docker(append([]string{"container", "rm", "--force"}, ids...)...)
	}
	return err
}

func dockerLocalPostRelease(p *Proc, args []string) error {
	app := arg(args, 1)
	if p.scheduler(app) != dockerLocal {
		return nil
	}
	p.info2("Processing deployment checks")
	parsed, _, err := p.appJSON(app)
	if err == nil && len(parsed.Healthchecks["web"]) == 0 {
		p.verbose("No web healthchecks found in app.json. Simple container checks will be performed.")
		p.verbose("For more efficient zero downtime deployments, add healthchecks to your app.json. See https://dokku.com/docs/deployment/zero-downtime-deploys/ for examples")
	}
	return err
}

// dockerLocalPostDeploy makes the new containers the app's: the staged files
// become current, and the containers get the names of those that they replace.
func dockerLocalPostDeploy(p *Proc, args []string) error {
	app := arg(args, 0)
	if p.scheduler(app) != dockerLocal {
		return nil
	}
	if err := p.commitStaged(p.checksFile(app)); err != nil {
		return err
	}
	p.info1("Renaming containers")
	scale := p.scale(app)
	files := p.stateFiles(app, "")
	for _, dyno := range slices.Sorted(maps.Keys(files)) {
		id := files[dyno]
		process, _, _ := strings.Cut(dyno, ".")
		if quantityOf(scale, process) < 0 {
			p.verboseQuiet("Container type (%s) is no longer defined. Removing state", process)
			p.removeState(app, dyno)
			continue
		}
		if err := p.renameContainer(app+"."+dyno, id); err != nil {
			return err
		}
	}
	return nil
}

// removeState forgets a container of an app.
func (p *Proc) removeState(app, dyno string) {
	for _, kind := range []string{"CONTAINER.", "IP.", "PORT."} {
		_ = os.Remove(filepath.Join(p.Layout.App(app), kind+dyno))
	}
}

// renameContainer gives a container its lasting name; another one that has the
// name is renamed first, with the time as its ending.
func (p *Proc) renameContainer(name, id string) error {
	out, err := p.docker("container", "ls", "--all", "--quiet", "--filter", "name=^.?"+regexp.QuoteMeta(name)+"$")
	if err != nil {
		return err
	}
	for _, holder := range lines(out) {
		p.verboseQuiet("Found previous container(s) (%s) named %s", holder, name)
		aside := name + "." + strconv.FormatInt(time.Now().Unix(), 10)
		p.verboseQuiet("Renaming container (%s) %s to %s", holder, name, aside)
		if _, err := p.docker("container", "rename", name, aside); err != nil {
			p.warn("Unable to rename container")
		}
	}
	state, err := p.inspect(id)
	if errors.Is(err, errNoContainer) {
		return nil
	}
	if err != nil {
		return err
	}
	current := strings.TrimPrefix(state.Name, "/")
	p.verboseQuiet("Renaming container %s (%s) to %s", current, short(id), name)
	if _, err := p.docker("container", "rename", id, name); err != nil {
		p.warn("Failed to rename container %s (%s)", current, short(id))
	}
	return nil
}

func schedulerLogs(p *Proc, args []string) error {
	app, process, tail, number := arg(args, 1), arg(args, 2), arg(args, 3), arg(args, 5)
	for dyno, id := range p.stateFiles(app, strings.Split(process, ".")[0]) {
		call := []string{"container", "logs", "--timestamps", "--tail", number}
		if tail == "true" {
			call = append(call, "--follow")
		}
		var out strings.Builder
		cmd := p.command(p.Env["DOCKER_BIN"], append(call, id)...)
		cmd.Stdin = nil
		if tail != "true" {
			cmd.Stdout, cmd.Stderr = &out, &out
		}
		if err := exitFrom(cmd.Run()); err != nil {
			return err
		}
		for _, line := range lines(out.String()) {
			when, text, _ := strings.Cut(line, " ")
			p.print(when + " app[" + dyno + "]: " + text)
		}
	}
	return nil
}

func schedulerLogsFailed(p *Proc, args []string) error {
	app := arg(args, 1)
	failed := readLines(p.Layout.Data("scheduler-docker-local", app, "failed-containers"))
	if len(failed) == 0 {
		return p.fail("No failed containers found for app %s", app)
	}
	for _, line := range failed {
		id, dyno, _ := strings.Cut(line, " ")
		p.info2Quiet("%s failed container output (%s %s)", app, short(id), dyno)
		p.containerLog(id)
	}
	return nil
}

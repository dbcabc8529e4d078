package dokku

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/dokku-graduate/dokku-graduate/tests/sandbox/internal/format"
)

var (
	psProperties       = []string{"dockerfile-start-cmd", "procfile-path", "restart-policy", "restore", "skip-deploy", "start-cmd", "stop-timeout-seconds"}
	psGlobalProperties = []string{"procfile-path", "restart-policy", "skip-deploy", "stop-timeout-seconds"}
)

func psPlugin() plugin {
	return plugin{
		about: "Manage app processes",
		help: []string{
			"ps:rebuild [--parallel count] [--all|<app>], Rebuilds an app from source",
			"ps:report [<app>] [<flag>], Displays a process report for one or more apps",
			"ps:restart [--parallel count] [--all|<app>] [<process-name>], Restart an app",
			"ps:restore [<app>], Start previously running app",
			"ps:retire <app>, Retire old containers and images",
			"ps:scale [--skip-deploy] <app> <proc>=<count> [<proc>=<count>...], Get/Set how many instances of a given process to run",
			"ps:set <app> <key> <value>, Set or clear a ps property for an app",
			"ps:start [--parallel count] [--all|<app>], Start an app",
			"ps:stop [--parallel count] [--all|<app>], Stop an app",
		},
		hooks: map[string]Hook{
			"app-restart":                func(p *Proc, args []string) error { return p.restart(arg(args, 0), "") },
			"core-post-deploy":           psCorePostDeploy,
			"core-post-extract":          psCorePostExtract,
			"docker-args-process-deploy": restartPolicyArg,
			"post-app-clone":             rebuildCopy,
			"post-app-rename":            rebuildCopy,
			"post-create":                psPostCreate,
			"post-release-builder":       func(p *Proc, args []string) error { return p.updateScale(arg(args, 1), false, nil) },
			"post-stop":                  func(p *Proc, args []string) error { return p.setProp("ps", arg(args, 0), "restore", "false") },
			"procfile-exists":            procfileExists,
			"procfile-get-command":       procfileGetCommand,
			"ps-can-scale":               func(p *Proc, args []string) error { return p.setProp("ps", arg(args, 0), "can-scale", arg(args, 1)) },
			"ps-current-scale":           psCurrentScale,
			"ps-get-property":            getProperty(psProperty),
			"ps-set-scale":               psSetScale,
		},
		subcommands: map[string]Hook{
			"rebuild": eachApp("rebuild", func(p *Proc, app string, _ []string) error { return p.trigger("receive-app", app) }),
			"report":  reportCommand("ps", psReport),
			"restart": eachApp("restart", func(p *Proc, app string, rest []string) error { return p.restart(app, arg(rest, 0)) }),
			"restore": psRestore,
			"retire":  psRetire,
			"scale":   psScale,
			"set":     setCommand("ps", psProperties, psGlobalProperties),
			"start":   eachApp("start", func(p *Proc, app string, _ []string) error { return p.start(app) }),
			"stop":    eachApp("stop", func(p *Proc, app string, _ []string) error { return p.stop(app) }),
		},
	}
}

// eachApp is a command for one app, or for all with --all: there one that fails does not keep it from the others.
func eachApp(name string, do func(p *Proc, app string, rest []string) error) Hook {
	return func(p *Proc, args []string) error {
		args = from(args, 1)
		if !contains(args, "--all") && !contains(args, "-a") {
			if err := p.verifyApp(arg(args, 0)); err != nil {
				return err
			}
			return do(p, args[0], from(args, 1))
		}
		failed := 0
		for _, app := range p.apps() {
			p.info1("Running %s against app %s", name, app)
			if err := do(p, app, nil); err != nil {
				p.warn("Error running %s against app %s: %v", name, app, err)
				failed++
			}
		}
		if failed > 0 {
			return p.fail("%s command returned %d errors", name, failed)
		}
		return nil
	}
}

func (p *Proc) procfile(app string) string { return p.Layout.Data("ps", app, "Procfile") }

// processes are the entries of the Procfile that counts now; none without one.
func (p *Proc) processes(app string) ([]format.Process, bool) {
	path, found := p.effective(p.procfile(app))
	if !found {
		return nil, false
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	list, err := format.ParseProcfile(string(data))
	return list, err == nil
}

// procfileCommand is what a process type runs, with config values put in.
func (p *Proc) procfileCommand(app, process, port string) string {
	list, _ := p.processes(app)
	for _, entry := range list {
		if entry.Type == process {
			env, _ := p.mergedEnv(app)
			return format.ExpandCommand(entry.Command, port, env)
		}
	}
	return ""
}

func procfileExists(p *Proc, args []string) error {
	if _, found := p.processes(arg(args, 0)); !found {
		return Exit{1}
	}
	return nil
}

func procfileGetCommand(p *Proc, args []string) error {
	if command := p.procfileCommand(arg(args, 0), arg(args, 1), arg(args, 2)); command != "" {
		p.print(command)
	}
	return nil
}

func psCorePostExtract(p *Proc, args []string) error {
	app := arg(args, 0)
	name := p.propComputed("ps", app, "procfile-path", "Procfile")
	data, err := p.sourceFile(app, arg(args, 1), name)
	if err != nil {
		return err
	}
	if data != nil {
		if _, err := format.ParseProcfile(string(data)); err != nil {
			return p.fail("Invalid Procfile: %v", err)
		}
	}
	return p.stage(p.procfile(app), data)
}

func psCorePostDeploy(p *Proc, args []string) error {
	app := arg(args, 0)
	if err := p.commitStaged(p.procfile(app)); err != nil {
		return err
	}
	if err := p.deleteProp("ps", app, "scale.old"); err != nil {
		return err
	}
	return p.setProp("ps", app, "restore", "true")
}

func psProperty(p *Proc, app, key string) string {
	fallback := map[string]string{"restart-policy": "on-failure:10", "restore": "true", "stop-timeout-seconds": "30"}
	return p.propComputed("ps", app, key, fallback[key])
}

func restartPolicyArg(p *Proc, args []string) error {
	p.passInput()
	_, err := io.WriteString(p.Out, " --restart="+psProperty(p, arg(args, 0), "restart-policy"))
	return err
}

func rebuildCopy(p *Proc, args []string) error {
	if p.Env["SKIP_REBUILD"] == "true" {
		return nil
	}
	return p.trigger("receive-app", arg(args, 1))
}

func psPostCreate(p *Proc, args []string) error {
	app := arg(args, 0)
	if err := os.MkdirAll(p.Layout.Data("ps", app), 0o755); err != nil {
		return err
	}
	return p.updateScale(app, false, []processScale{{"web", 1}})
}

// restart deploys the image again that the app runs.
func (p *Proc) restart(app, process string) error {
	if !p.isDeployed(app) {
		p.warn("App %s has not been deployed", app)
		return nil
	}
	call := []string{app, p.runningTag(app, "")}
	if process != "" {
		call = append(call, process)
	}
	return p.trigger("deploy", call...)
}

func (p *Proc) start(app string) error {
	tag := p.runningTag(app, "")
	if !p.isDeployed(app) {
		p.warn("App %s has not been deployed", app)
		return nil
	}
	if err := p.trigger("pre-start", app); err != nil {
		return p.fail("Failure in pre-start hook: %v", err)
	}
	_, running, err := p.status(app)
	if err != nil {
		return err
	}
	switch running {
	case "true":
		p.warn("App %s already running", app)
		return p.trigger("proxy-build-config", app)
	case "mixed":
		p.warn("App is running in mixed mode, releasing")
	default:
		p.warn("App has been detected as not running, releasing")
	}
	if err := p.trigger("release-and-deploy", app, tag); err != nil {
		return err
	}
	return p.trigger("proxy-build-config", app)
}

// psRestore is what a server does when it starts: without an app for all of them.
func psRestore(p *Proc, args []string) error {
	if err := p.trigger("pre-restore"); err != nil {
		return p.fail("Error running pre-restore: %v", err)
	}
	if arg(args, 1) == "" {
		p.warn("Restore specified without app, assuming --all")
		args = []string{"ps:restore", "--all"}
	}
	return eachApp("restore", func(p *Proc, app string, _ []string) error {
		if p.isDeployed(app) && psProperty(p, app, "restore") == "false" {
			p.warn("Skipping ps:restore for %s as restore property is false", app)
			return nil
		}
		return p.start(app)
	})(p, args)
}

func (p *Proc) stop(app string) error {
	if !p.isDeployed(app) {
		p.warn("App %s has not been deployed", app)
		return nil
	}
	p.info1Quiet("Stopping %s", app)
	if err := p.trigger("scheduler-stop", p.scheduler(app), app); err != nil {
		return err
	}
	return p.trigger("post-stop", app)
}

func psRetire(p *Proc, args []string) error {
	app := arg(args, 1)
	if app != "" {
		if err := p.verifyApp(app); err != nil {
			return err
		}
	}
	unlock, err := lockFile(p.Layout.Data("ps", "retire"))
	if err != nil {
		return p.failWith(137, "Failed to acquire ps:retire lock: %v", err)
	}
	defer unlock()
	p.info1("Retiring old containers and images")
	if err := p.trigger("scheduler-retire", p.scheduler(app), app); err != nil {
		return err
	}
	p.info1("Retiring expired run and cron containers")
	return p.trigger("scheduler-run-retire")
}

func psReport(p *Proc, app string) []field {
	count, running, err := p.status(app)
	if err != nil {
		p.warn("%v", err)
		running = "unknown"
	}
	fields := []field{
		{"deployed", strconv.FormatBool(p.isDeployed(app))},
		{"processes", strconv.Itoa(count)},
		{"ps-can-scale", strconv.FormatBool(p.canScale(app))},
		{"ps-computed-procfile-path", p.propComputed("ps", app, "procfile-path", "Procfile")},
		{"ps-computed-restart-policy", psProperty(p, app, "restart-policy")},
		{"ps-computed-stop-timeout-seconds", psProperty(p, app, "stop-timeout-seconds")},
		{"ps-restart-policy", psProperty(p, app, "restart-policy")},
		{"restore", psProperty(p, app, "restore")},
		{"running", running},
	}
	ids := p.stateFiles(app, "")
	for _, dyno := range format.SortedKeys(ids) {
		state, err := p.inspect(ids[dyno])
		switch {
		case errors.Is(err, errNoContainer):
			state.State.Status = "missing"
		case err != nil:
			state.State.Status = "unknown"
		}
		fields = append(fields, field{"status-" + dyno, fmt.Sprintf("%s (CID: %.11s)", state.State.Status, ids[dyno])})
	}
	return fields
}

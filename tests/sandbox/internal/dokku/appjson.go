package dokku

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/tests/sandbox/internal/format"
)

func appJSONPlugin() plugin {
	return plugin{
		about: "Manage app-json settings for an app",
		help:  []string{"app-json:report [<app>] [<flag>], Displays a app-json report for one or more apps", "app-json:set <app> <property> (<value>), Set or clear an app-json property for an app"},
		hooks: map[string]Hook{
			"app-json-get-content":                appJSONContent,
			"app-json-process-deploy-parallelism": appJSONParallelism,
			"core-post-deploy": func(p *Proc, args []string) error {
				return p.commitStaged(p.appJSONFile(arg(args, 0)))
			},
			"core-post-extract":    appJSONExtract,
			"post-create":          func(p *Proc, args []string) error { return os.MkdirAll(p.Layout.Data("app-json", arg(args, 0)), 0o755) },
			"post-deploy":          appJSONPostDeploy,
			"pre-release-builder":  appJSONPreRelease,
			"post-release-builder": appJSONPostRelease,
		},
		subcommands: map[string]Hook{
			"set": setCommand("app-json", []string{"appjson-path"}, []string{"appjson-path"}),
			"report": reportCommand("app-json", func(p *Proc, app string) []field {
				return []field{{"app-json-computed-appjson-path", p.propComputed("app-json", app, "appjson-path", "app.json")}}
			}),
		},
	}
}

func (p *Proc) appJSONFile(app string) string { return p.Layout.Data("app-json", app, "app.json") }

// appJSON is the app.json that counts now; an empty one if there is none.
func (p *Proc) appJSON(app string) (format.AppJSON, []byte, error) {
	path, found := p.effective(p.appJSONFile(app))
	if !found {
		return format.AppJSON{}, nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return format.AppJSON{}, nil, err
	}
	parsed, err := format.ParseAppJSON(data)
	return parsed, data, err
}

func appJSONContent(p *Proc, args []string) error {
	_, data, err := p.appJSON(arg(args, 0))
	if len(data) == 0 {
		data = []byte("{}")
	}
	_, _ = p.Out.Write(data)
	return err
}

func appJSONParallelism(p *Proc, args []string) error {
	app, _, err := p.appJSON(arg(args, 0))
	if err != nil {
		return err
	}
	p.print(fmt.Sprint(app.Parallelism(arg(args, 1))))
	return nil
}

func appJSONExtract(p *Proc, args []string) error {
	app := arg(args, 0)
	if err := p.deleteProp("app-json", app, "appjson-env-processed"); err != nil {
		return err
	}
	data, err := p.sourceFile(app, arg(args, 1), p.propComputed("app-json", app, "appjson-path", "app.json"))
	if err != nil {
		return err
	}
	if data != nil {
		if _, err := format.ParseAppJSON(data); err != nil {
			return p.fail("%v", err)
		}
	}
	return p.stage(p.appJSONFile(app), data)
}

func appJSONPreRelease(p *Proc, args []string) error {
	app, image := arg(args, 1), arg(args, 2)
	parsed, _, err := p.appJSON(app)
	if err != nil {
		return err
	}
	return p.task(app, image, "predeploy", parsed.Scripts.Dokku.Predeploy)
}

// appJSONPostRelease runs the release task and takes the scale over that the
// app.json asks for: before any check, and not undone if the deploy fails.
func appJSONPostRelease(p *Proc, args []string) error {
	app, image := arg(args, 1), arg(args, 2)
	parsed, _, err := p.appJSON(app)
	if err != nil {
		return err
	}
	if err := p.task(app, image, "release", p.procfileCommand(app, "release", "5000")); err != nil {
		return err
	}
	var wanted []string
	for _, name := range format.SortedKeys(parsed.Formation) {
		if quantity := parsed.Formation[name].Quantity; quantity != nil {
			wanted = append(wanted, fmt.Sprintf("%s=%d", name, *quantity))
		}
	}
	if err := p.trigger("ps-can-scale", app, fmt.Sprint(len(wanted) == 0)); err != nil {
		return err
	}
	if len(wanted) > 0 {
		if err := p.trigger("ps-set-scale", append([]string{app, "true", "true"}, wanted...)...); err != nil {
			return err
		}
	}
	if p.prop("common", app, "deployed") == "true" || p.prop("app-json", app, "heroku.postdeploy") == "executed" {
		return nil
	}
	if err := p.setProp("app-json", app, "heroku.postdeploy", "executed"); err != nil {
		return err
	}
	return p.task(app, image, "heroku.postdeploy", parsed.Scripts.Postdeploy)
}

func appJSONPostDeploy(p *Proc, args []string) error {
	app, tag := arg(args, 0), arg(args, 3)
	parsed, _, err := p.appJSON(app)
	if err != nil {
		return err
	}
	return p.task(app, appImage(app, tag), "postdeploy", parsed.Scripts.Dokku.Postdeploy)
}

// task runs a command of the app once, in a container of its own.
func (p *Proc) task(app, image, phase, command string) error {
	p.info1("Checking for %s task", phase)
	if command == "" {
		p.verbose("No %s task found, skipping", phase)
		return nil
	}
	source, where := "app.json", " in ephemeral container"
	if phase == "release" {
		source = "Procfile"
	}
	if phase == "predeploy" {
		where = ""
	}
	p.verbose("Executing %s task from %s%s: %s", phase, source, where, command)
	id, err := p.createTask(app, image, phase, command)
	if err != nil {
		return p.fail("Failed to create %s execution container: %v", phase, err)
	}
	defer func() { _, _ = p.docker("container", "rm", "--force", id) }()
	_, failure := p.docker("container", "start", id)
	code, err := p.docker("container", "wait", id)
	p.info2Quiet("Start of %s %s task (%.9s) output", app, phase, id)
	p.containerLog(id)
	p.info2Quiet("End of %s %s task (%.9s) output", app, phase, id)
	if failure != nil || err != nil || code != "0" {
		return p.fail("Execution of %s task failed: %s", phase, command)
	}
	if phase != "predeploy" {
		return nil
	}
	return p.commitTask(app, id, image)
}

func (p *Proc) createTask(app, image, phase, command string) (string, error) {
	found, err := p.inspectImage(image)
	if err != nil {
		return "", err
	}
	tag := image[strings.LastIndex(image, ":")+1:]
	text := p.ask("docker-args-deploy", app, tag) + " " + p.ask("docker-args-process-deploy", app, "dockerfile", tag)
	options, err := format.SplitWords(text)
	if err != nil {
		return "", err
	}
	script := []string{p.propComputed("scheduler", app, "shell", "/bin/bash"), "-c",
		"set -e; set -o pipefail || true; " + command + " || exit 1;"}
	if len(found.list("Entrypoint")) > 0 {
		if script, err = format.SplitWords(command); err != nil {
			return "", err
		}
	}
	call := append([]string{"container", "create"}, strings.Fields(globalLabels)...)
	call = append(call, p.sandboxLabel(), "--label=com.dokku.app-name="+app)
	call = append(call, withoutDeployOptions(options)...)
	call = append(call, "--label=dokku_phase_script="+phase, image)
	id, err := p.withConfig(app).docker(append(call, script...)...)
	if err != nil {
		return "", err
	}
	return id, p.trigger("post-container-create", "app", id, app, phase)
}

// withConfig is a clone whose environment has the app's config, which docker
// hands on for every --env without a value.
func (p *Proc) withConfig(app string) *Proc {
	child := p.clone()
	env, _ := p.mergedEnv(app)
	for key, value := range env {
		child.Env[key] = value
	}
	return child
}

// withoutDeployOptions drops what is meant for long-running containers only.
func withoutDeployOptions(options []string) []string {
	dropped := []string{"--cpus", "--gpus", "--memory", "--memory-reservation", "--memory-swap",
		"--publish", "--publish-all", "--restart", "-p", "-P"}
	var kept []string
	for i := 0; i < len(options); i++ {
		name, _, inline := strings.Cut(options[i], "=")
		if !contains(dropped, name) {
			kept = append(kept, options[i])
			continue
		}
		if !inline && name != "-P" && name != "--publish-all" {
			i++
		}
	}
	return kept
}

// commitTask keeps what a predeploy task did in the image.
func (p *Proc) commitTask(app, id, image string) error {
	found, err := p.inspectImage(image)
	if err != nil {
		return err
	}
	call := []string{"container", "commit"}
	for _, key := range []string{"Entrypoint", "Cmd"} {
		if list := found.list(key); len(list) > 0 {
			call = append(call, "--change", fmt.Sprintf("%s %s", strings.ToUpper(key), jsonList(list)))
		}
	}
	call = append(call, "--change", "LABEL com.dokku.app-name="+app, "--change", "LABEL com.dokku.predeploy-phase=true")
	if _, err := p.docker(append(call, id, image)...); err != nil {
		return p.fail("Committing of 'predeploy' to image failed: %v", err)
	}
	return nil
}

// containerLog prints what a container has said.
func (p *Proc) containerLog(id string) {
	var out strings.Builder
	cmd := p.command(p.Env["DOCKER_BIN"], "container", "logs", id)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, io.Writer(&out), io.Writer(&out)
	_ = cmd.Run()
	for _, line := range lines(out.String()) {
		p.verboseQuiet("%s", line)
	}
}

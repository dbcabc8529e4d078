package dokku

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/tests/sandbox/internal/format"
)

func runPlugin() plugin {
	return plugin{
		about: "Run a one-off process inside a container",
		help: []string{
			"run [-e|--env KEY=VALUE] [--no-tty] <app> <cmd>, Run a command in a new container using the current app image",
			"run:detached [-e|-env KEY=VALUE] [--no-tty] <app> <cmd>, Run a command in a new detached container using the current app image",
			"run:list <app>, List all run containers for an app",
			"run:stop <app|--container CONTAINER_NAME>, Stops all run containers for an app or a specified run container",
		},
		hooks: map[string]Hook{"scheduler-run-retire": func(*Proc, []string) error { return nil }},
		subcommands: map[string]Hook{
			"default":  func(p *Proc, args []string) error { return p.runCommand(from(args, 1), false) },
			"detached": func(p *Proc, args []string) error { return p.runCommand(from(args, 1), true) },
			"list":     runList,
			"stop":     runStop,
		},
	}
}

// runCommand is `dokku run`: a one-off container of the app's image.
func (p *Proc) runCommand(args []string, detached bool) error {
	var env []string
	ttl := "86400"
	p.Env["DOKKU_RM_CONTAINER"] = "1"
	if detached {
		p.Env["DOKKU_DETACH_CONTAINER"] = "1"
		p.Env["DOKKU_DISABLE_TTY"] = "true"
	}
flags:
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		name, value, inline := strings.Cut(args[0], "=")
		switch name {
		case "--no-tty":
			p.Env["DOKKU_DISABLE_TTY"] = "true"
		case "--force-tty":
			p.Env["DOKKU_FORCE_TTY"] = "true"
		case "--rm", "--rm-container":
		case "-e", "--env", "--ttl-seconds", "--cron-id", "--concurrency-policy":
			if !inline {
				args = from(args, 1)
				value = arg(args, 0)
			}
			switch name {
			case "-e", "--env":
				env = append(env, value)
			case "--ttl-seconds":
				ttl = value
			}
		default:
			break flags
		}
		args = from(args, 1)
	}
	if _, err := strconv.Atoi(ttl); err != nil {
		return p.fail("--ttl-seconds must be a positive integer")
	}
	app := arg(args, 0)
	if err := p.verifyApp(app); err != nil {
		return err
	}
	p.Env["DOKKU_RUN_TTL_SECONDS"] = ttl
	call := append([]string{p.scheduler(app), app, strconv.Itoa(len(env))}, env...)
	return p.trigger("scheduler-run", append(append(call, "--"), from(args, 1)...)...)
}

func (p *Proc) hasTTY() bool {
	if p.Env["DOKKU_FORCE_TTY"] == "true" {
		return true
	}
	file, ok := p.In.(*os.File)
	return ok && p.Env["DOKKU_DISABLE_TTY"] != "true" && isTerminal(file)
}

// schedulerRun starts a one-off container, shows its output and ends with its
// exit code.
func schedulerRun(p *Proc, args []string) error {
	if arg(args, 0) != dockerLocal {
		return nil
	}
	app := arg(args, 1)
	count, err := strconv.Atoi(arg(args, 2))
	if err != nil || len(args) < 3+count {
		return p.fail("scheduler-run: wrong number of environment variables")
	}
	env, command := args[3:3+count], args[3+count:]
	if arg(command, 0) == "--" {
		command = command[1:]
	}
	tag := p.runningTag(app, "")
	name, err := p.deployingImage(app, tag)
	if err != nil {
		return err
	}
	found, err := p.inspectImage(name)
	if err != nil {
		return err
	}
	if stage := found.label("com.dokku.image-stage"); stage != "release" {
		p.warn("Invalid image stage detected: expected 'release', got '%s'", stage)
		p.warn("Successfully deploy your app to fix dokku run calls")
		return Exit{1}
	}
	id, err := p.createOneOff(app, tag, name, env, command)
	if err != nil {
		return err
	}
	if err := p.trigger("post-container-create", "app", id, app, "run"); err != nil {
		return err
	}
	if p.Env["DOKKU_DETACH_CONTAINER"] == "1" {
		if _, err := p.docker("container", "start", id); err != nil {
			return p.fail("%v", err)
		}
		state, err := p.inspect(id)
		p.print(strings.TrimPrefix(state.Name, "/"))
		return err
	}
	call := []string{"container", "start", "--attach"}
	if p.hasTTY() {
		call = append(call, "--interactive")
	}
	ended := p.run(p.Env["DOCKER_BIN"], append(call, id)...)
	if err := p.trigger("scheduler-post-run", dockerLocal, app, id, fmt.Sprint(ExitCode(ended))); err != nil {
		return err
	}
	return ended
}

func (p *Proc) createOneOff(app, tag, image string, env, command []string) (string, error) {
	text := p.ask("docker-args-run", app, tag) + " " + p.ask("docker-args-process-run", app, "dockerfile", tag)
	for _, pair := range env {
		text += " --env=" + pair // to be split like all the rest: a caller may have quoted it
	}
	options, err := format.SplitWords(text)
	if err != nil {
		return "", p.fail("Cannot read docker options: %v", err)
	}
	dyno := fmt.Sprintf("run.%d", rand.IntN(32768))
	call := append([]string{"container", "create"}, options...)
	call = append(call, strings.Fields(globalLabels)...)
	call = append(call, p.sandboxLabel(), "--env=DYNO="+dyno, "--name="+app+"."+dyno,
		"--label=com.dokku.container-type=run", "--label=com.dokku.app-name="+app)
	if p.Env["DOKKU_RM_CONTAINER"] != "" {
		call = append(call, "--rm")
	}
	if p.hasTTY() {
		call = append(call, "--interactive", "--tty")
	}
	if ttl := p.Env["DOKKU_RUN_TTL_SECONDS"]; ttl != "" {
		call = append(call, "--label=com.dokku.active-deadline-seconds="+ttl)
	}
	for _, flag := range strings.Fields(p.Env["DOKKU_GLOBAL_FLAGS"]) {
		if strings.HasPrefix(flag, "--label") {
			call = append(call, flag)
		}
	}
	if entry := p.procfileCommand(app, arg(command, 0), "5000"); entry != "" {
		p.info1Quiet("Found '%s' in Procfile, running that command", command[0])
		call = append(call, "--label=com.dokku.process-type="+command[0])
		command = append(strings.Fields(entry), command[1:]...)
	}
	if len(command) == 0 {
		command = []string{p.propComputed("scheduler", app, "shell", "/bin/bash")}
	}
	id, err := p.withConfig(app).docker(append(append(call, image), command...)...)
	if err != nil {
		return "", p.fail("%v", err)
	}
	return id, nil
}

// oneOffs are an app's one-off containers.
func (p *Proc) oneOffs(app string) ([]container, error) {
	out, err := p.docker("container", "ls", "--quiet", "--filter", "label=com.dokku.container-type=run",
		"--filter", "label=com.dokku.app-name="+app)
	if err != nil {
		return nil, err
	}
	return p.inspectAll(lines(out)...)
}

func runList(p *Proc, args []string) error {
	if err := p.verifyApp(arg(args, 1)); err != nil {
		return err
	}
	p.info2Quiet("%s run containers", args[1])
	found, err := p.oneOffs(args[1])
	if err != nil {
		return p.fail("%v", err)
	}
	for _, state := range found {
		p.print(strings.TrimPrefix(state.Name, "/") + "  " + state.State.Status)
	}
	return nil
}

func runStop(p *Proc, args []string) error {
	if arg(args, 1) == "--container" {
		name := arg(args, 2)
		app, _, _ := strings.Cut(name, ".run.")
		found, err := p.oneOffs(app)
		if err != nil {
			return p.fail("%v", err)
		}
		for _, state := range found {
			if state.Name == "/"+name {
				p.stopContainer(app, state.ID)
			}
		}
		return nil
	}
	if err := p.verifyApp(arg(args, 1)); err != nil {
		return err
	}
	found, err := p.oneOffs(args[1])
	if err != nil {
		return p.fail("%v", err)
	}
	for _, state := range found {
		p.stopContainer(args[1], state.ID)
	}
	return nil
}

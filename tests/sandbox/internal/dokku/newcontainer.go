package dokku

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/dokku-graduate/dokku-graduate/tests/sandbox/internal/format"
)

// newContainer is one container of a deployment.
type newContainer struct {
	deployment
	process   string
	index     int
	unchecked bool
	id        string
	ip        string
	port      string
}

func (c newContainer) dyno() string { return fmt.Sprintf("%s.%d", c.process, c.index) }

// deployContainer creates, starts and checks a container, and makes it the one
// of its dyno. If it does not pass, it is stopped and the old one stays.
func (p *Proc) deployContainer(c newContainer) error {
	if err := p.create(&c); err != nil {
		return err
	}
	if err := p.trigger("post-container-create", "app", c.id, c.app, "deploy", c.process); err != nil {
		return err
	}
	if _, err := p.docker("container", "start", c.id); err != nil {
		p.warn("%v", err) // the checks will say that it does not run
	}
	var err error
	if c.ip, err = p.askErr("network-get-ipaddr", c.app, c.process, c.id); err == nil {
		err = p.check(c)
	}
	if err != nil {
		p.killNew(c)
		return err
	}
	return p.adopt(c)
}

// create makes the container from what the plugins answer and from the config.
func (p *Proc) create(c *newContainer) error {
	number := fmt.Sprint(c.index)
	text := p.ask("docker-args-deploy", c.app, c.tag, c.process, number) + " " +
		p.ask("docker-args-process-deploy", c.app, "dockerfile", c.tag, c.process, number)
	options, err := format.SplitWords(text)
	if err != nil {
		return p.fail("Cannot read docker options: %v", err)
	}
	call := append([]string{"container", "create"}, options...)
	call = append(call,
		"--label=com.dokku.process-type="+c.process, "--label=com.dokku.dyno="+c.dyno(), "--env=DYNO="+c.dyno(),
		fmt.Sprintf("--name=%s.%s.upcoming-%d", c.app, c.dyno(), rand.IntN(32768)),
		"--label=com.dokku.app-name="+c.app, "--label=com.dokku.container-type=deploy", p.sandboxLabel())
	call = append(call, strings.Fields(globalLabels)...)
	if p.propComputed("scheduler-docker-local", c.app, "init-process", "true") == "true" {
		call = append(call, "--init")
	}
	if c.process == "web" {
		c.port = p.containerPort(c.app)
		if networkProperty(p, c.app, "bind-all-interfaces") == "true" {
			call = append(call, "-p", c.port)
		}
	}
	call = append(call, "--env=PORT="+c.port, c.image)
	command, err := format.SplitWords(p.startCommand(*c))
	if err != nil {
		return p.fail("Cannot read the start command: %v", err)
	}
	c.id, err = p.withConfig(c.app).docker(append(call, command...)...)
	if err != nil {
		return p.fail("%v", err)
	}
	return nil
}

// startCommand is what a container runs, if that is not up to its image.
func (p *Proc) startCommand(c newContainer) string {
	if own := p.prop("ps", c.app, "dockerfile-start-cmd"); own != "" {
		return own
	}
	return p.procfileCommand(c.app, c.process, c.port)
}

// check asks every plugin whether the container may take over. Being told to
// end counts as no.
func (p *Proc) check(c newContainer) error {
	if c.unchecked {
		return nil
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(told)
	p.verbose("Attempting pre-flight checks (%s)", c.dyno())
	answer := make(chan error, 1)
	go func() {
		answer <- p.trigger("check-deploy", c.app, c.id, c.process, c.port, c.ip, fmt.Sprint(c.index))
	}()
	select {
	case err := <-answer:
		return err
	case reason := <-told:
		return Exit{128 + int(reason.(syscall.Signal))}
	}
}

// killNew gets rid of a container that did not pass. As in Dokku, where a shell
// variable is out of sight at this point, it is registered without its app.
func (p *Proc) killNew(c newContainer) {
	if err := p.trigger("scheduler-register-retired", "", c.id, c.wait); err != nil {
		p.warn("%v", err)
	}
	dir := p.Layout.Data("scheduler-docker-local", c.app)
	_ = os.MkdirAll(dir, 0o755)
	writeLine(dir+"/failed-containers", c.id+" "+c.dyno())
	_, _ = p.docker("container", "update", "--restart=no", c.id)
	_, _ = p.docker("container", "stop", c.id)
}

// adopt writes the container into the app's state, in place of the old one.
func (p *Proc) adopt(c newContainer) error {
	file := p.containerFile(c.app, c.process, c.index)
	if old := firstLine(file); old != "" {
		p.verbose("Scheduling old container shutdown in %s seconds (%s)", c.wait, c.dyno())
		if err := p.trigger("scheduler-register-retired", c.app, old, c.wait); err != nil {
			return err
		}
	}
	if err := os.WriteFile(file, []byte(c.id+"\n"), 0o644); err != nil {
		return err
	}
	number := fmt.Sprint(c.index)
	if c.ip != "" {
		if err := p.trigger("network-write-ipaddr", c.app, c.process, number, c.ip); err != nil {
			return err
		}
	}
	if c.port == "" {
		return nil
	}
	return p.trigger("network-write-port", c.app, c.process, number, c.port)
}

// checkDeploy is Dokku's own answer to check-deploy: the app's health checks.
func checkDeploy(p *Proc, args []string) error {
	app, id, process := arg(args, 0), arg(args, 1), arg(args, 2)
	port, ip, index := arg(args, 3), arg(args, 4), arg(args, 5)
	if p.scheduler(app) != dockerLocal {
		return nil
	}
	dyno := process + "." + index
	if p.checksOff("skipped", app, process) {
		p.info2Quiet("Zero downtime checks have been skipped (%s)", dyno)
		return nil
	}
	if _, err := p.deployingImage(app, p.runningTag(app, "")); err != nil {
		p.verbose("Checking without the app's image") // Dokku goes on, too
	}
	parsed, _, err := p.appJSON(app)
	if err != nil {
		return err
	}
	uptime := 10
	_, _ = fmt.Sscan(p.prop("checks", global, "default-wait"), &uptime)
	checks := parsed.StartupChecks(process, uptime)
	if process == "web" {
		checks = append(checks, format.Healthcheck{Type: "startup", Name: "port listening check", Listening: true, Warn: true})
	}
	target := candidate{id: id, process: process, ip: ip, port: port}
	if names := without(without(p.domains(app), "localhost"), "*"); len(names) > 0 {
		target.host = names[0]
	}
	failed := p.runChecks(checks, target)
	if failed > 0 {
		_, _ = p.docker("container", "update", "--restart=no", id)
		_, _ = p.docker("container", "stop", id)
		p.warn("Could not start due to %d failed checks (%s)", failed, dyno)
	} else {
		p.verbose("All checks successful (%s)", dyno)
	}
	p.info2Quiet("Start of %s container output (%s %s)", app, short(id), dyno)
	p.containerLog(id)
	p.info2Quiet("End of %s container output (%s %s)", app, short(id), dyno)
	if failed > 0 {
		return Exit{1}
	}
	return nil
}

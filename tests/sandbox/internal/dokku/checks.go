package dokku

import (
	"fmt"
	"path/filepath"
	"strings"
)

// everyProcess stands for all process types in the lists of the checks plugin.
const everyProcess = "_all_"

func checksPlugin() plugin {
	return plugin{
		about: "Manage zero-downtime settings",
		help: []string{
			"checks:disable <app> [process-type(s)], Disable zero-downtime deployment for all processes",
			"checks:enable <app> [process-type(s)], Enable zero-downtime deployment for all processes",
			"checks:report [<app>] [<flag>], Displays a checks report for one or more apps",
			"checks:run <app> [process-type(s)], Runs zero-downtime checks for all processes",
			"checks:set [--global|<app>] <key> <value>, Set or clear a checks property for an app",
			"checks:skip <app> [process-type(s)], Skip zero-downtime checks for all processes",
		},
		hooks: map[string]Hook{
			"checks-get-property": func(p *Proc, args []string) error {
				if arg(args, 1) != "wait-to-retire" {
					return Exit{1}
				}
				p.print(p.waitToRetire(arg(args, 0)))
				return nil
			},
		},
		subcommands: map[string]Hook{
			"disable": changeChecks("disabled", "skipped", "Disabling zero downtime for app"),
			"enable":  changeChecks("", "", "Enabling zero downtime for app"),
			"report":  reportCommand("checks", checksReport),
			"run":     checksRun,
			"set":     checksSet,
			"skip":    changeChecks("skipped", "disabled", "Skipping zero downtime for app"),
		},
	}
}

func (p *Proc) waitToRetire(app string) string {
	return p.propComputed("checks", app, "wait-to-retire", "60")
}

// checksOff tells whether a process type is in one of the lists "disabled" and
// "skipped".
func (p *Proc) checksOff(list, app, process string) bool {
	entries := strings.Split(p.prop("checks", app, list), ",")
	return contains(entries, everyProcess) || contains(entries, process)
}

// changeChecks moves process types into one list and out of the other; with no
// list to go to they leave both.
func changeChecks(into, outOf, saying string) Hook {
	return func(p *Proc, args []string) error {
		app, processes := arg(args, 1), arg(args, 2)
		if err := p.verifyApp(app); err != nil {
			return err
		}
		all := processes == "" || processes == everyProcess
		if all {
			processes = everyProcess
			p.info1("%s (%s)", saying, app)
		} else {
			p.info1("%s's (%s) proctypes (%s)", saying, app, processes)
		}
		leave := []string{outOf}
		if into == "" {
			leave = []string{"disabled", "skipped"}
		}
		names := strings.Split(processes, ",")
		for _, list := range leave {
			kept := strings.Split(p.prop("checks", app, list), ",")
			for _, name := range append(names, everyProcess) {
				kept = without(kept, name)
			}
			if all {
				kept = nil
			}
			if err := p.writeChecks(app, list, kept); err != nil {
				return err
			}
		}
		if into == "" {
			return nil
		}
		if !all {
			names = unique(append(without(strings.Split(p.prop("checks", app, into), ","), everyProcess), names...))
		}
		return p.writeChecks(app, into, names)
	}
}

func (p *Proc) writeChecks(app, list string, names []string) error {
	names = without(names, "")
	if len(names) == 0 {
		return p.deleteProp("checks", app, list)
	}
	return p.setProp("checks", app, list, strings.Join(names, ","))
}

func checksSet(p *Proc, args []string) error {
	app, key, value := arg(args, 1), arg(args, 2), arg(args, 3)
	if app != global {
		if err := p.verifyApp(app); err != nil {
			return err
		}
	}
	switch {
	case key == "":
		return p.fail("No key specified")
	case key != "wait-to-retire":
		return p.fail("Invalid key specified, valid keys include: wait-to-retire")
	case value == "":
		p.info2Quiet("Unsetting %s", key)
		return p.deleteProp("checks", app, key)
	}
	p.info2Quiet("Setting %s to %s", key, value)
	return p.setProp("checks", app, key, value)
}

// checksRun checks the live containers, with the trigger that deploys use.
func checksRun(p *Proc, args []string) error {
	app := arg(args, 1)
	if err := p.verifyApp(app); err != nil {
		return err
	}
	p.info1("Running pre-flight checks")
	wanted, wantedIndex, _ := strings.Cut(arg(args, 2), ".")
	for _, process := range p.scale(app) {
		if wanted != "" && wanted != process.name {
			continue
		}
		if p.checksOff("disabled", app, process.name) {
			p.info1("Zero downtime is disabled for app (%s.%s). Skipping checks", app, process.name)
			continue
		}
		for index := 1; index <= process.quantity; index++ {
			if wantedIndex != "" && wantedIndex != fmt.Sprint(index) {
				continue
			}
			if err := p.checkOne(app, process.name, index); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Proc) checkOne(app, process string, index int) error {
	id := firstLine(filepath.Join(p.Layout.App(app), fmt.Sprintf("CONTAINER.%s.%d", process, index)))
	if id == "" {
		return p.fail("Invalid container index specified (%s.%s.%d)", app, process, index)
	}
	p.info1("Running checks for app (%s.%s.%d)", app, process, index)
	ip := p.ask("network-get-ipaddr", app, process, id)
	return p.trigger("check-deploy", app, id, process, p.containerPort(app), ip)
}

// containerPort is the port at which an app's web containers listen.
func (p *Proc) containerPort(app string) string {
	for _, ports := range p.portMaps(app) {
		if ports.scheme != "udp" {
			return fmt.Sprint(ports.container)
		}
	}
	return ""
}

func checksReport(p *Proc, app string) []field {
	list := func(name string) string {
		if value := p.prop("checks", app, name); value != "" {
			return value
		}
		return "none"
	}
	return []field{
		{"checks-computed-wait-to-retire", p.waitToRetire(app)},
		{"checks-disabled-list", list("disabled")},
		{"checks-global-wait-to-retire", p.propComputed("checks", global, "wait-to-retire", "60")},
		{"checks-skipped-list", list("skipped")},
		{"checks-wait-to-retire", p.prop("checks", app, "wait-to-retire")},
	}
}

package dokku

import (
	"cmp"
	"crypto/rand"
	"strings"
)

// cronPlugin is called where Dokku would write its crontab.
func cronPlugin() plugin {
	nothing := func(*Proc, []string) error { return nil }
	return plugin{hooks: map[string]Hook{
		"post-deploy": func(p *Proc, args []string) error {
			return p.trigger("scheduler-cron-write", p.scheduler(arg(args, 0)), arg(args, 0))
		},
		"scheduler-stop": func(p *Proc, args []string) error {
			return p.trigger("scheduler-cron-write", arg(args, 0), arg(args, 1))
		},
		"scheduler-cron-write": nothing,
	}}
}

// buildsPlugin gives deploys their ids. It keeps no records.
func buildsPlugin() plugin {
	nothing := func(*Proc, []string) error { return nil }
	return plugin{hooks: map[string]Hook{
		"builds-generate-id": func(p *Proc, _ []string) error {
			p.print(strings.ToLower(rand.Text()[:14]))
			return nil
		},
		"builds-record-start":    nothing,
		"builds-record-finalize": nothing,
	}}
}

// startBuild gives a deploy its id and, as Dokku does for its log, sends what it
// says on standard error the way of standard output.
func (p *Proc) startBuild(app, source string) {
	if app == "" || p.Env["DOKKU_REDIRECT_OUTPUT"] == "true" {
		return
	}
	p.Env["DOKKU_REDIRECT_OUTPUT"] = "true"
	p.needBuildID()
	p.Env["DOKKU_BUILD_SOURCE"] = source
	_ = p.trigger("builds-record-start", app, p.Env["DOKKU_BUILD_ID"], p.Env["DOKKU_PID"], source)
	p.Err = p.Out
}

func (p *Proc) needBuildID() {
	if p.Env["DOKKU_BUILD_ID"] == "" {
		p.Env["DOKKU_BUILD_ID"] = p.ask("builds-generate-id")
	}
}

func (p *Proc) endBuild(app string, err error) {
	if id := p.Env["DOKKU_BUILD_ID"]; id != "" {
		code := "0"
		if err != nil {
			code = "1"
		}
		_ = p.trigger("builds-record-finalize", app, id, code)
	}
}

func schedulerPlugin() plugin {
	return plugin{
		about: "Manage schedulers",
		help:  []string{"scheduler:report [<app>] [<flag>], Display report about the scheduler", "scheduler:set <app> <key> (<value>), Set or clear a scheduler property for an app"},
		hooks: map[string]Hook{
			"scheduler-detect": func(p *Proc, args []string) error {
				p.print(p.scheduler(arg(args, 0)))
				return nil
			},
		},
		subcommands: map[string]Hook{
			"set": setCommand("scheduler", []string{"selected", "shell"}, []string{"selected", "shell"}),
			"report": reportCommand("scheduler", func(p *Proc, app string) []field {
				return []field{
					{"scheduler-computed-selected", p.scheduler(app)},
					{"scheduler-global-selected", p.propComputed("scheduler", global, "selected", "docker-local")},
					{"scheduler-selected", p.prop("scheduler", app, "selected")},
				}
			}),
		},
	}
}

func (p *Proc) scheduler(app string) string {
	return p.propComputed("scheduler", app, "selected", "docker-local")
}

func logsPlugin() plugin {
	return plugin{
		about: "Log integration",
		help:  []string{"logs <app> [-h|--help] [-t|--tail] [-n|--num num] [-q|--quiet] [-p|--ps process], Display recent log output"},
		subcommands: map[string]Hook{
			"default": logsDefault,
			"failed": func(p *Proc, args []string) error {
				if err := p.verifyApp(arg(args, 1)); err != nil {
					return err
				}
				return p.trigger("scheduler-logs-failed", p.scheduler(args[1]), args[1])
			},
		},
	}
}

func logsDefault(p *Proc, args []string) error {
	app, process, number, tail := "", "", "100", "false"
	for i := 1; i < len(args); i++ {
		switch args[i] {
		case "-t", "--tail":
			tail = "true"
		case "-n", "--num":
			i++
			number = arg(args, i)
		case "-p", "--ps":
			i++
			process = arg(args, i)
		case "-q", "--quiet":
		default:
			app = args[i]
		}
	}
	if err := p.verifyApp(app); err != nil {
		return err
	}
	if !p.isDeployed(app) {
		return p.fail("App %s has not been deployed", app)
	}
	return p.trigger("scheduler-logs", p.scheduler(app), app, process, tail, "false", number)
}

func resourcePlugin() plugin {
	return plugin{
		about: "Manage resource settings for an app",
		help: []string{
			"resource:limit [--process-type <type>] [--cpu N] [--memory N] <app>, Limit resources for a given app/process-type combination",
			"resource:reserve [--process-type <type>] [--cpu N] [--memory N] <app>, Reserve resources for a given app/process-type combination",
			"resource:report [<app>] [<flag>], Displays a resource report for one or more apps",
		},
		hooks: map[string]Hook{"docker-args-process-deploy": resourceArgs},
		subcommands: map[string]Hook{
			"limit":   setResources("limit"),
			"reserve": setResources("reserve"),
			"report":  reportCommand("resource", resourceReport),
		},
	}
}

// resourceNames leads from Dokku's names of limits to docker's flags.
var resourceNames = map[string]string{"cpu": "cpus", "memory": "memory", "memory-swap": "memory-swap"}

func resourceArgs(p *Proc, args []string) error {
	app, process := arg(args, 0), arg(args, 3)
	var flags []string
	for name, flag := range resourceNames {
		value := p.prop("resource", app, process+".limit."+name)
		if value == "" {
			value = p.prop("resource", app, "_default_.limit."+name)
		}
		if value == "" {
			continue
		}
		if name == "memory" {
			value = withUnit(value)
		}
		flags = append(flags, "--"+flag+"="+value)
	}
	reserved := cmp.Or(p.prop("resource", app, process+".reserve.memory"), p.prop("resource", app, "_default_.reserve.memory"))
	if reserved != "" {
		flags = append(flags, "--memory-reservation="+withUnit(reserved))
	}
	p.passInput()
	if len(flags) > 0 && p.Env["DOKKU_OMIT_RESOURCE_ARGS"] != "1" {
		p.print(" " + words(flags) + " ")
	}
	return nil
}

// withUnit is an amount of memory as docker takes it: Dokku's are in megabytes where they have no unit.
func withUnit(value string) string {
	if strings.Trim(value, "0123456789") == "" {
		value += "m"
	}
	return value
}

// setResources is the command that sets limits or reservations.
func setResources(kind string) Hook {
	return func(p *Proc, args []string) error { return p.setResources(kind, args) }
}

func (p *Proc) setResources(kind string, args []string) error {
	process, app, limits := "_default_", "", map[string]string{}
	for i := 1; i < len(args); i++ {
		name, value, inline := strings.Cut(strings.TrimPrefix(args[i], "--"), "=")
		if !strings.HasPrefix(args[i], "--") {
			app = args[i]
			continue
		}
		if !inline {
			i++
			value = arg(args, i)
		}
		switch {
		case name == "process-type":
			process = value
		case resourceNames[name] != "":
			limits[name] = value
		default:
			return p.fail("unknown flag: --%s", name)
		}
	}
	if err := p.verifyApp(app); err != nil {
		return err
	}
	noun := map[string]string{"limit": "limits", "reserve": "reservation"}[kind]
	p.info2Quiet("Setting resource %s for %s (%s)", noun, app, process)
	for name, value := range limits {
		if err := p.setProp("resource", app, process+"."+kind+"."+name, value); err != nil {
			return err
		}
	}
	return nil
}

func resourceReport(p *Proc, app string) []field {
	var fields []field
	for name := range resourceNames {
		for _, kind := range []string{"limit", "reserve"} {
			fields = append(fields, field{"resource-_default_-" + kind + "-" + name, p.prop("resource", app, "_default_."+kind+"."+name)})
		}
	}
	return fields
}

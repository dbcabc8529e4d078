package dokku

import "strings"

var phases = []string{"build", "deploy", "run"}

func dockerOptionsPlugin() plugin {
	return plugin{
		about: "Pass options to Docker the various stages of an app",
		help: []string{
			"docker-options:add <app> <phase(s)> OPTION, Add Docker option to app for phase",
			"docker-options:remove <app> <phase(s)> OPTION, Remove Docker option from app for phase",
			"docker-options:report [<app>] [<flag>], Displays a docker options report for one or more apps",
		},
		hooks: map[string]Hook{
			"docker-args-build":  optionArgs("build"),
			"docker-args-deploy": optionArgs("deploy"),
			"docker-args-run":    optionArgs("run"),
		},
		subcommands: map[string]Hook{
			"add":    changeOptions(true),
			"remove": changeOptions(false),
			"report": reportCommand("docker options", func(p *Proc, app string) []field {
				var fields []field
				for _, phase := range phases {
					fields = append(fields, field{"docker-options-" + phase, words(p.propList("docker-options", app, optionKey(phase)))})
				}
				return fields
			}),
		},
	}
}

// optionKey is the property that holds a phase's options for all processes.
func optionKey(phase string) string { return "_default_." + phase }

func optionArgs(phase string) Hook {
	return func(p *Proc, args []string) error {
		p.passInput()
		if list := p.propList("docker-options", arg(args, 0), optionKey(phase)); len(list) > 0 {
			p.print(" " + words(list) + " ")
		}
		return nil
	}
}

func changeOptions(add bool) Hook {
	return func(p *Proc, args []string) error {
		app, option := arg(args, 1), words(from(args, 3))
		if err := p.verifyApp(app); err != nil {
			return err
		}
		if option == "" {
			return p.fail("Please specify docker options to %s the phase", map[bool]string{true: "add to", false: "remove from"}[add])
		}
		for _, phase := range strings.Split(arg(args, 2), ",") {
			if !contains(phases, phase) {
				return p.fail("Phase(s) must be one of [%s]", words(phases))
			}
			if err := p.changeOption(app, phase, option, add); err != nil {
				return err
			}
		}
		return nil
	}
}

func (p *Proc) changeOption(app, phase, option string, add bool) error {
	list := without(p.propList("docker-options", app, optionKey(phase)), option)
	if add {
		list = append(list, option)
	}
	return p.setPropList("docker-options", app, optionKey(phase), list)
}

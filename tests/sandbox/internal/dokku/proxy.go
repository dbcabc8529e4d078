package dokku

import "strconv"

func proxyPlugin() plugin {
	return plugin{
		about: "Manage the proxy integration for an app",
		help: []string{
			"proxy:build-config [--all|<app>], (Re)builds config for a given app",
			"proxy:clear-config [--all|<app>], Clears config for a given app",
			"proxy:disable <app>, Disable proxy for app",
			"proxy:enable <app>, Enable proxy for app",
			"proxy:report [<app>] [<flag>], Displays a proxy report for one or more apps",
			"proxy:set <app> <property> (<value>), Set or clear a proxy property for an app",
		},
		hooks: map[string]Hook{
			"proxy-is-enabled": func(p *Proc, args []string) error {
				p.print(strconv.FormatBool(p.proxyEnabled(arg(args, 0))))
				return nil
			},
			"proxy-type": func(p *Proc, args []string) error {
				p.print(p.proxyType(arg(args, 0)))
				return nil
			},
		},
		subcommands: map[string]Hook{
			"build-config": proxyEach("proxy-build-config"),
			"clear-config": proxyEach("proxy-clear-config"),
			"disable":      proxySwitch("true", "proxy-disable"),
			"enable":       proxySwitch("", "proxy-enable"),
			"report":       reportCommand("proxy", proxyReport),
			"set":          proxySet,
		},
	}
}

func (p *Proc) proxyEnabled(app string) bool { return p.prop("proxy", app, "disabled") != "true" }

func (p *Proc) proxyType(app string) string { return p.propComputed("proxy", app, "type", "nginx") }

func proxyEach(hook string) Hook {
	return func(p *Proc, args []string) error {
		apps := []string{arg(args, 1)}
		if arg(args, 1) == "--all" {
			apps = p.apps()
		}
		for _, app := range apps {
			if err := p.verifyApp(app); err != nil {
				return err
			}
			if err := p.trigger(hook, app); err != nil {
				return err
			}
		}
		return nil
	}
}

func proxySwitch(disabled, hook string) Hook {
	return func(p *Proc, args []string) error {
		app := arg(args, 1)
		if err := p.verifyApp(app); err != nil {
			return err
		}
		if err := p.setProp("proxy", app, "disabled", disabled); err != nil {
			return err
		}
		p.info1("%s proxy for app (%s)", map[string]string{"true": "Disabling", "": "Enabling"}[disabled], app)
		return p.trigger(hook, app)
	}
}

// proxySet also takes the older form without a property's name.
func proxySet(p *Proc, args []string) error {
	valid := []string{"disabled", "proxy-port", "proxy-ssl-port", "type"}
	if len(args) == 3 && !contains(valid, args[2]) {
		args = []string{args[0], args[1], "type", args[2]}
	}
	return setCommand("proxy", valid, []string{"proxy-port", "proxy-ssl-port", "type"})(p, args)
}

func proxyReport(p *Proc, app string) []field {
	return []field{
		{"proxy-computed-type", p.proxyType(app)},
		{"proxy-enabled", strconv.FormatBool(p.proxyEnabled(app))},
		{"proxy-global-type", p.prop("proxy", global, "type")},
		{"proxy-port", p.prop("proxy", app, "proxy-port")},
		{"proxy-type", p.proxyType(app)},
	}
}

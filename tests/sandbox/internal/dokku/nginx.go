package dokku

import (
	"os"
	"path/filepath"
)

func nginxPlugin() plugin {
	return plugin{
		about: "Manage the nginx proxy",
		help: []string{
			"nginx:access-logs <app> [-t], Show the nginx access logs for an application",
			"nginx:error-logs <app> [-t], Show the nginx error logs for an application",
			"nginx:report [<app>] [<flag>], Displays a nginx report for one or more apps",
			"nginx:set <app> <property> (<value>), Set or clear an nginx property for an app",
			"nginx:show-config <app>, Display app nginx config",
			"nginx:validate-config [<app>] [--clean], Validates and optionally cleans up invalid nginx configurations",
		},
		hooks: map[string]Hook{
			"core-post-deploy": func(p *Proc, args []string) error {
				if p.proxyType(arg(args, 0)) != "nginx" {
					return nil
				}
				return p.trigger("proxy-build-config", arg(args, 0))
			},
			"core-post-extract":             nginxExtract,
			"post-create":                   nginxPostCreate,
			"post-delete":                   nginxPostDelete,
			"post-domains-update":           nginxRebuild,
			"post-proxy-ports-update":       nginxRebuild,
			"proxy-build-config":            proxyBuildConfig,
			"proxy-clear-config":            proxyClearConfig,
			"proxy-disable":                 nginxRebuild,
			"proxy-enable":                  nginxRebuild,
			"scheduler-post-deploy-process": nginxAfterProcess,
			"nginx-control":                 nginxControl, // called by the shell library
		},
		subcommands: map[string]Hook{
			"access-logs":     nginxLogs("access"),
			"error-logs":      nginxLogs("error"),
			"reload":          func(p *Proc, _ []string) error { return p.reloadNginx() },
			"report":          reportCommand("nginx", nginxReport),
			"set":             setCommand("nginx", nginxProperties, nginxProperties),
			"show-config":     nginxShow,
			"show-conf":       nginxShow,
			"start":           func(p *Proc, _ []string) error { return p.StartNginx() },
			"stop":            func(p *Proc, _ []string) error { return p.StopNginx() },
			"validate":        func(p *Proc, args []string) error { return p.validateNginx(arg(args, 1)) },
			"validate-config": func(p *Proc, args []string) error { return p.validateNginx(arg(args, 1)) },
		},
	}
}

func (p *Proc) sigilFile(app string) string {
	return p.Layout.Data("nginx-vhosts", "app-"+app, "nginx.conf.sigil")
}

func nginxExtract(p *Proc, args []string) error {
	app := arg(args, 0)
	data, err := p.sourceFile(app, arg(args, 1), p.propComputed("nginx", app, "nginx-conf-sigil-path", "nginx.conf.sigil"))
	if err != nil {
		return err
	}
	if len(data) > 0 {
		p.warn("The sandbox does not render nginx.conf.sigil, using its own template")
	}
	return p.stage(p.sigilFile(app), data)
}

func nginxPostCreate(p *Proc, args []string) error {
	app := arg(args, 0)
	if err := os.MkdirAll(filepath.Dir(p.propPath("nginx", app, "x")), 0o755); err != nil {
		return err
	}
	if p.proxyType(app) != "nginx" {
		return nil
	}
	return p.buildNginx(app)
}

func nginxPostDelete(p *Proc, args []string) error {
	app := arg(args, 0)
	if err := os.RemoveAll(filepath.Dir(p.sigilFile(app))); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(p.Layout.App(app), "nginx.conf")); err != nil && !os.IsNotExist(err) {
		return err
	}
	return p.reloadNginx()
}

func nginxRebuild(p *Proc, args []string) error {
	if p.proxyType(arg(args, 0)) != "nginx" {
		return nil
	}
	return p.buildNginx(arg(args, 0))
}

// nginxAfterProcess makes the new web containers live before the other process
// types start.
func nginxAfterProcess(p *Proc, args []string) error {
	app := arg(args, 0)
	if arg(args, 1) != "web" || p.proxyType(app) != "nginx" {
		return nil
	}
	p.info2("Triggering early nginx proxy rebuild")
	return p.trigger("proxy-build-config", app)
}

func proxyBuildConfig(p *Proc, args []string) error {
	app := arg(args, 0)
	if p.proxyType(app) != "nginx" {
		return nil
	}
	if !p.hasNetworkConfig(app) {
		return p.buildNginx(app)
	}
	if err := p.trigger("network-build-config", app); err != nil {
		return err
	}
	if err := p.buildNginx(app); err != nil {
		return err
	}
	return p.commitStaged(p.sigilFile(app))
}

func proxyClearConfig(p *Proc, args []string) error {
	apps := []string{arg(args, 0)}
	if apps[0] == "--all" {
		apps = p.apps()
	}
	for _, app := range apps {
		if err := p.trigger("network-clear-config", app); err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(p.Layout.App(app), "nginx.conf")); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return p.reloadNginx()
}

func nginxShow(p *Proc, args []string) error {
	app := arg(args, 1)
	if err := p.verifyApp(app); err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(p.Layout.App(app), "nginx.conf"))
	if err != nil {
		return p.fail("No nginx.conf exists for %s", app)
	}
	_, err = p.Out.Write(data)
	return err
}

func nginxLogs(kind string) Hook {
	return func(p *Proc, args []string) error {
		app := arg(args, 1)
		if err := p.verifyApp(app); err != nil {
			return err
		}
		call := []string{"-n", "20", p.nginxLogPath(app, kind)}
		if contains(args, "-t") {
			call = append([]string{"-F"}, call...)
		}
		return p.run("tail", call...)
	}
}

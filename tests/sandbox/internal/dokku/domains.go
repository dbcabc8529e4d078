package dokku

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

func domainsPlugin() plugin {
	return plugin{
		about: "Manage domains used by the proxy",
		help: []string{
			"domains:add <app> <domain> [<domain> ...], Add domains to app",
			"domains:add-global <domain> [<domain> ...], Add global domain names",
			"domains:clear <app>, Clear all domains for app",
			"domains:disable <app>, Disable VHOST support",
			"domains:enable <app>, Enable VHOST support",
			"domains:remove <app> <domain> [<domain> ...], Remove domains from app",
			"domains:report [<app>|--global] [<flag>], Displays a domains report for one or more apps",
			"domains:set <app> <domain> [<domain> ...], Set domains for app",
			"domains:set-global <domain> [<domain> ...], Set global domain names",
		},
		hooks: map[string]Hook{
			"domains-list":          domainsList,
			"domains-urls":          domainsURLs,
			"domains-vhost-enabled": domainsEnabled,
			"post-create":           domainsSetup,
		},
		subcommands: map[string]Hook{
			"add":           changeDomains("add"),
			"remove":        changeDomains("remove"),
			"set":           changeDomains("set"),
			"clear":         changeDomains("clear"),
			"add-global":    changeGlobalDomains("add"),
			"remove-global": changeGlobalDomains("remove"),
			"set-global":    changeGlobalDomains("set"),
			"clear-global":  changeGlobalDomains("clear"),
			"enable":        domainsSwitch(true),
			"disable":       domainsSwitch(false),
			"report":        reportCommand("domains", domainsReport),
		},
	}
}

func (p *Proc) vhostFile(app string) string {
	if app == global {
		return filepath.Join(p.Layout.Root(), "VHOST")
	}
	return filepath.Join(p.Layout.App(app), "VHOST")
}

func readLines(path string) []string {
	data, _ := os.ReadFile(path)
	return lines(string(data))
}

func (p *Proc) vhostEnabled(app string) bool {
	env, _ := p.loadEnv(app)
	return env["NO_VHOST"] != "1"
}

// domains are the names under which an app is reached.
func (p *Proc) domains(app string) []string {
	if !p.vhostEnabled(app) {
		return nil
	}
	return readLines(p.vhostFile(app))
}

func domainsList(p *Proc, args []string) error {
	for _, domain := range p.domains(arg(args, 0)) {
		p.print(domain)
	}
	return nil
}

func domainsEnabled(p *Proc, args []string) error {
	if !p.vhostEnabled(arg(args, 0)) {
		return Exit{1}
	}
	return nil
}

// domainsSetup gives a new app a name below the server's domains. Without such
// a domain the app is reached by a port of its own.
func domainsSetup(p *Proc, args []string) error {
	app := arg(args, 0)
	names := p.defaultDomains(app)
	if len(names) == 0 {
		p.info1Quiet("Global server virtual host not set, disabling app vhost...")
		env, err := p.loadEnv(app)
		if err != nil {
			return err
		}
		env["NO_VHOST"] = "1"
		return p.saveEnv(app, env)
	}
	p.info1Quiet("Creating new app virtual host file...")
	return os.WriteFile(p.vhostFile(app), []byte(strings.Join(names, "\n")+"\n"), 0o644)
}

func (p *Proc) defaultDomains(app string) []string {
	var names []string
	for _, domain := range readLines(p.vhostFile(global)) {
		name := p.ask("nginx-hostname", app, strings.TrimSuffix(app, "."+domain), domain)
		switch {
		case name != "":
		case strings.Contains(app, "."):
			name = app
		default:
			name = app + "." + domain
		}
		names = append(names, name)
	}
	return names
}

var hostname = regexp.MustCompile(`^[a-z0-9.*-]*[a-z0-9*-]$`)

// changed applies one of add, remove, set and clear to a list of domains.
func (p *Proc) changed(how, whose string, list, names []string) ([]string, error) {
	for _, name := range names {
		if name != "_" && !hostname.MatchString(strings.ToLower(name)) {
			return nil, p.fail("%s is invalid. exiting...", name)
		}
	}
	switch how {
	case "clear":
		p.info1("Cleared domains in %s", whose)
		return nil, nil
	case "set":
		p.info1("Set %s for %s", words(names), whose)
		return names, nil
	}
	for _, name := range names {
		if how == "remove" {
			list = without(list, name)
			p.info1("Removed %s from %s", name, whose)
			continue
		}
		if contains(list, name) {
			p.info1("Skipping: %s already added to %s", name, whose)
			continue
		}
		list = append(list, name)
		p.info1("Added %s to %s", name, whose)
	}
	return list, nil
}

func (p *Proc) writeDomains(app string, list []string) error {
	text := strings.Join(list, "\n")
	if text != "" {
		text += "\n"
	}
	return os.WriteFile(p.vhostFile(app), []byte(text), 0o644)
}

func changeDomains(how string) Hook {
	return func(p *Proc, args []string) error {
		app, names := arg(args, 1), from(args, 2)
		if err := p.verifyApp(app); err != nil {
			return err
		}
		if len(names) == 0 && how != "clear" {
			return p.fail("Please specify domains to %s", how)
		}
		list, err := p.changed(how, app, readLines(p.vhostFile(app)), names)
		if err != nil {
			return err
		}
		if err := p.writeDomains(app, list); err != nil {
			return err
		}
		if !p.vhostEnabled(app) && (how == "add" || how == "set") {
			if err := p.quiet().setConfig(app, map[string]string{"NO_VHOST": "0"}, false); err != nil {
				return err
			}
		}
		return p.trigger("post-domains-update", append([]string{app, how}, names...)...)
	}
}

func changeGlobalDomains(how string) Hook {
	return func(p *Proc, args []string) error {
		list, err := p.changed(how, "global", readLines(p.vhostFile(global)), from(args, 1))
		if err != nil {
			return err
		}
		return p.writeDomains(global, list)
	}
}

func domainsSwitch(on bool) Hook {
	return func(p *Proc, args []string) error {
		app := arg(args, 1)
		if err := p.verifyApp(app); err != nil {
			return err
		}
		if p.vhostEnabled(app) == on {
			p.info1("Domains (VHOST) support is already %s for app (%s)", map[bool]string{true: "enabled", false: "disabled"}[on], app)
			return nil
		}
		how, flag := "disable", "1"
		if on {
			how, flag = "enable", "0"
			if err := p.writeDomains(app, p.defaultDomains(app)); err != nil {
				return err
			}
		} else if err := os.Remove(p.vhostFile(app)); err != nil && !os.IsNotExist(err) {
			return err
		}
		if err := p.quiet().setConfig(app, map[string]string{"NO_VHOST": flag}, false); err != nil {
			return err
		}
		return p.trigger("post-domains-update", app, how)
	}
}

// domainsURLs prints where an app is reached, with the sandbox's port.
func domainsURLs(p *Proc, args []string) error {
	app := arg(args, 0)
	names := p.domains(app)
	if len(names) == 0 {
		names = readLines(p.vhostFile(global))
	}
	for _, name := range names {
		for _, ports := range p.portMaps(app) {
			url := ports.scheme + "://" + name
			if port := p.listenPort(ports.host); port != 80 || ports.scheme != "http" {
				url += ":" + strconv.Itoa(port)
			}
			p.print(url)
		}
	}
	return nil
}

func domainsReport(p *Proc, app string) []field {
	globals := readLines(p.vhostFile(global))
	fields := []field{
		{"domains-global-enabled", strconv.FormatBool(len(globals) > 0)},
		{"domains-global-vhosts", words(globals)},
	}
	if app == global {
		return fields
	}
	return append(fields,
		field{"domains-app-enabled", strconv.FormatBool(p.vhostEnabled(app))},
		field{"domains-app-vhosts", words(readLines(p.vhostFile(app)))})
}

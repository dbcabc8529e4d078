package dokku

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// plugin is a core plugin: its triggers and its subcommands by name.
type plugin struct {
	hooks       map[string]Hook
	subcommands map[string]Hook
	about       string
	help        []string // "name args, description" lines for `dokku help --all`
}

// corePlugins are all plugins of the sandbox, under Dokku's names: the names
// decide which of them run before and which after a third-party plugin.
func corePlugins() map[string]plugin {
	return map[string]plugin{
		"00_dokku-standard":      standardPlugin(),
		"app-json":               appJSONPlugin(),
		"apps":                   appsPlugin(),
		"builder":                builderPlugin(),
		"builder-dockerfile":     dockerfilePlugin(),
		"builds":                 buildsPlugin(),
		"certs":                  certsPlugin(),
		"checks":                 checksPlugin(),
		"common":                 commonPlugin(),
		"config":                 configPlugin(),
		"cron":                   cronPlugin(),
		"docker-options":         dockerOptionsPlugin(),
		"domains":                domainsPlugin(),
		"git":                    gitPlugin(),
		"logs":                   logsPlugin(),
		"network":                networkPlugin(),
		"nginx-vhosts":           nginxPlugin(),
		"plugin":                 pluginPlugin(),
		"ports":                  portsPlugin(),
		"proxy":                  proxyPlugin(),
		"ps":                     psPlugin(),
		"resource":               resourcePlugin(),
		"run":                    runPlugin(),
		"scheduler":              schedulerPlugin(),
		"scheduler-docker-local": dockerLocalPlugin(),
		"storage":                storagePlugin(),
	}
}

// InstallCore lays out the core plugins' folders: one link to the binary per
// trigger and subcommand, and the shell libraries that other plugins source.
func (l Layout) InstallCore() error {
	for name, plugin := range corePlugins() {
		dir := filepath.Join(l.CorePlugins(), "available", name)
		if err := os.MkdirAll(filepath.Join(dir, "subcommands"), 0o755); err != nil {
			return err
		}
		manifest := "[plugin]\ndescription = \"dokku core " + name + " plugin\"\nversion = \"" + Version + "\"\n[plugin.config]\n"
		if err := os.WriteFile(filepath.Join(dir, "plugin.toml"), []byte(manifest), 0o644); err != nil {
			return err
		}
		links := []string{filepath.Join(dir, "commands")}
		for hook := range plugin.hooks {
			links = append(links, filepath.Join(dir, hook))
		}
		for subcommand := range plugin.subcommands {
			links = append(links, filepath.Join(dir, "subcommands", subcommand))
		}
		for _, link := range links {
			if err := os.Symlink(l.Binary(), link); err != nil {
				return err
			}
		}
		if err := l.enableCore(name, dir); err != nil {
			return err
		}
	}
	return l.installLibraries()
}

// enableCore makes the links by which Dokku finds a core plugin among all plugins.
func (l Layout) enableCore(name, dir string) error {
	targets := map[string]string{
		filepath.Join(l.CorePlugins(), "enabled", name): dir,
		filepath.Join(l.Plugins(), "available", name):   dir,
		filepath.Join(l.Plugins(), "enabled", name):     filepath.Join(l.Plugins(), "available", name),
	}
	for link, target := range targets {
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(target, link); err != nil {
			return err
		}
	}
	return nil
}

// RunLink is the entry for a call through one of the core plugins' links, as a
// shell plugin makes it: the path says which plugin and which trigger.
func RunLink(p *Proc, path string, args []string) error {
	dir, hook := filepath.Split(path)
	name := filepath.Base(dir)
	if name == "subcommands" {
		name = filepath.Base(filepath.Dir(filepath.Clean(dir)))
		return p.runSubcommand(name, hook, args)
	}
	plugin, known := p.core.plugins[name]
	switch {
	case !known:
		return p.fail("Unknown core plugin %s", name)
	case hook == "commands":
		return p.coreCommands(name, args)
	case plugin.hooks[hook] == nil:
		return p.fail("Invalid plugin trigger call: %s", hook)
	}
	return p.report(plugin.hooks[hook](p, args))
}

func (p *Proc) runSubcommand(name, subcommand string, args []string) error {
	function := p.core.plugins[name].subcommands[subcommand]
	if function == nil {
		return p.fail("Invalid plugin subcommand call: %s", subcommand)
	}
	return p.report(function(p, args))
}

// coreCommands is the `commands` file of a core plugin: help, and "not mine".
func (p *Proc) coreCommands(name string, args []string) error {
	plugin := p.core.plugins[name]
	public := publicName(name)
	switch arg(args, 0) {
	case "help":
		if plugin.about != "" {
			p.print("    " + public + ", " + plugin.about)
		}
		return nil
	case public + ":help", public:
		if plugin.about == "" {
			break
		}
		p.print("Usage: dokku " + public + "[:COMMAND]\n\n" + plugin.about + "\n\nAdditional commands:")
		help := append([]string{}, plugin.help...)
		sort.Strings(help)
		for _, line := range help {
			p.print("    " + line)
		}
		return nil
	}
	return Exit{notImplemented}
}

// publicName is the name by which people call a plugin.
func publicName(name string) string {
	return strings.TrimSuffix(strings.TrimPrefix(name, "00_"), "-vhosts")
}

package dokku

import (
	"os"
	"path/filepath"
	"strings"
)

// pluginPlugin manages the third-party plugins.
func pluginPlugin() plugin {
	return plugin{
		about: "Manage installed plugins",
		help: []string{
			"plugin:disable <name>, Disable an installed plugin (third-party only)",
			"plugin:enable <name>, Enable a previously disabled plugin",
			"plugin:install [--core|--git-url] [--committish branch|commit|commit] [--name custom-plugin-name], Install a plugin",
			"plugin:installed <name>, Checks if a plugin is installed",
			"plugin:list, Print active plugins",
			"plugin:trigger <args...>, Trigger an arbitrary plugin hook",
			"plugin:uninstall <name>, Uninstall a plugin (third-party only)",
			"plugin:update [name [branch|commit|tag]], Optionally update named plugin & run update trigger for active plugins",
		},
		subcommands: map[string]Hook{
			"disable":   pluginDisable,
			"enable":    pluginEnable,
			"install":   pluginInstall,
			"installed": pluginInstalled,
			"list":      func(p *Proc, _ []string) error { return p.plugnList() },
			"trigger":   func(p *Proc, args []string) error { return p.trigger(arg(args, 1), from(args, 2)...) },
			"uninstall": pluginUninstall,
			"update":    pluginUpdate,
			"install-dependencies": func(p *Proc, _ []string) error {
				return p.trigger("dependencies")
			},
		},
	}
}

func pluginInstall(p *Proc, args []string) error {
	url := arg(args, 1)
	switch {
	case url == "" || url == "--core":
		return p.trigger("install")
	case !installable(url):
		p.warn("First argument must be --core or url to plugin")
		p.warn("Valid prefixes: https:, git:, ssh:, file:")
		p.warn("Valid suffixes: .tar.gz, .tgz")
		return p.fail("Please retry with valid arguments")
	}
	name, committish, skip := pluginName(url), "", false
	for i := 2; i < len(args); i++ {
		switch args[i] {
		case "--name":
			i++
			name = arg(args, i)
		case "--committish":
			i++
			committish = arg(args, i)
		case "--skip-install-trigger":
			skip = true
		}
	}
	p.info1Quiet("Cloning plugin repo %s to %s", url, p.available(name))
	if err := p.plugnInstall(url, name); err != nil {
		return err
	}
	if err := p.enablePlugin(name); err != nil {
		return err
	}
	if committish != "" {
		if err := p.plugnUpdate(name, committish); err != nil {
			return err
		}
	}
	if !skip {
		if err := p.trigger("install"); err != nil {
			return err
		}
	}
	p.info1Quiet("Priming bash-completion cache")
	return nil
}

func installable(url string) bool {
	for _, prefix := range []string{"https:", "git", "ssh:", "file:"} {
		if strings.HasPrefix(url, prefix) {
			return true
		}
	}
	return strings.HasSuffix(url, ".tar.gz") || strings.HasSuffix(url, ".tgz")
}

// pluginName is the name that Dokku gives to what it finds under a URL.
func pluginName(url string) string {
	name := strings.TrimSuffix(url[strings.LastIndex(url, "/")+1:], ".git")
	return strings.TrimPrefix(name, "dokku-")
}

func (p *Proc) isCorePlugin(name string) bool {
	return exists(filepath.Join(p.Layout.CorePlugins(), "available", name))
}

func (p *Proc) enablePlugin(name string) error {
	if exists(p.enabled(name)) {
		return p.fail("Plugin already enabled")
	}
	if !exists(p.available(name)) {
		return p.fail("Plugin does not exist")
	}
	_ = os.Remove(p.enabled(name)) // a link that leads nowhere
	if err := os.Symlink(p.available(name), p.enabled(name)); err != nil {
		return err
	}
	p.info1Quiet("Plugin %s enabled", name)
	return nil
}

func pluginEnable(p *Proc, args []string) error {
	name := arg(args, 1)
	if name == "" {
		return p.fail("Please specify a plugin to enable")
	}
	return p.enablePlugin(name)
}

func pluginDisable(p *Proc, args []string) error {
	name := arg(args, 1)
	switch {
	case name == "":
		return p.fail("Please specify a plugin to disable")
	case p.isCorePlugin(name):
		return p.fail("Cannot disable a core plugin")
	case !exists(p.enabled(name)):
		return p.fail("Plugin already disabled")
	}
	if err := os.Remove(p.enabled(name)); err != nil {
		return err
	}
	p.info1Quiet("Plugin %s disabled", name)
	return nil
}

func pluginUninstall(p *Proc, args []string) error {
	name := arg(args, 1)
	switch {
	case name == "":
		return p.fail("Please specify a plugin to uninstall")
	case p.isCorePlugin(name):
		return p.fail("Cannot uninstall a core plugin")
	case !exists(p.available(name)):
		return p.fail("Plugin (%s) is not currently installed", name)
	}
	if err := p.trigger("uninstall", name); err != nil {
		return err
	}
	if err := Plugn(p, []string{"uninstall", name}); err != nil {
		return err
	}
	p.info1Quiet("Plugin %s uninstalled", name)
	p.info1Quiet("Priming bash-completion cache")
	return nil
}

func pluginUpdate(p *Proc, args []string) error {
	name := arg(args, 1)
	switch {
	case name == "":
		if err := p.updateAll(); err != nil {
			return err
		}
	case !exists(p.enabled(name)):
		return p.fail("Specified plugin not enabled or installed")
	case p.isCorePlugin(name):
		return p.fail("Cannot trigger plugin:update against core plugin, please update Dokku instead")
	default:
		if err := p.plugnUpdate(name, arg(args, 2)); err != nil {
			return err
		}
	}
	return p.trigger("update")
}

func (p *Proc) updateAll() error {
	entries, err := os.ReadDir(p.Env["PLUGIN_ENABLED_PATH"])
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if p.isCorePlugin(entry.Name()) {
			continue
		}
		if err := p.plugnUpdate(entry.Name(), ""); err != nil {
			return err
		}
	}
	return nil
}

func pluginInstalled(p *Proc, args []string) error {
	if arg(args, 1) == "" || !exists(p.available(args[1])) {
		return Exit{1}
	}
	return nil
}

package dokku

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Plugn is the `plugn` program.
func Plugn(p *Proc, args []string) error {
	verb, name := arg(args, 0), arg(args, 1)
	switch verb {
	case "trigger":
		if name == "" {
			return p.fail("plugn trigger: which one?")
		}
		return p.trigger(name, from(args, 2)...)
	case "list":
		return p.plugnList()
	case "enable":
		return os.Symlink(p.available(name), p.enabled(name))
	case "disable":
		return os.Remove(p.enabled(name))
	case "install":
		return p.plugnInstall(name, arg(args, 2))
	case "uninstall":
		if err := os.RemoveAll(p.enabled(name)); err != nil {
			return err
		}
		return os.RemoveAll(p.available(name))
	case "update":
		return p.plugnUpdate(name, arg(args, 2))
	case "version":
		p.print("plugn: sandbox")
		return nil
	}
	return p.fail("plugn: unknown command %s", verb)
}

func (p *Proc) available(name string) string {
	return filepath.Join(p.Env["PLUGIN_PATH"], "available", name)
}

func (p *Proc) enabled(name string) string {
	return filepath.Join(p.Env["PLUGIN_PATH"], "enabled", name)
}

func (p *Proc) plugnList() error {
	entries, err := os.ReadDir(filepath.Join(p.Env["PLUGIN_PATH"], "available"))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		status := "disabled"
		if exists(p.enabled(entry.Name())) {
			status = "enabled"
		}
		manifest := filepath.Join(p.available(entry.Name()), "plugin.toml")
		_, _ = fmt.Fprintf(p.Out, "  %-20s %-5s %-10s %s\n", entry.Name(),
			tomlValue(manifest, "version"), status, tomlValue(manifest, "description"))
	}
	return nil
}

// tomlValue reads one quoted value of a plugin.toml.
func tomlValue(file, key string) string {
	data, _ := os.ReadFile(file)
	for _, line := range lines(string(data)) {
		name, value, found := strings.Cut(line, "=")
		if found && strings.TrimSpace(name) == key {
			return strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return ""
}

// plugnInstall brings a plugin into the available ones, from a git repository or
// from an archive.
func (p *Proc) plugnInstall(url, name string) error {
	base := url[strings.LastIndex(url, "/")+1:]
	if name == "" {
		name, _, _ = strings.Cut(base, ".")
	}
	target := p.available(name)
	if strings.HasSuffix(base, ".tar.gz") || strings.HasSuffix(base, ".tgz") {
		return p.installArchive(url, target)
	}
	if isDir(target) {
		if !isDir(filepath.Join(target, ".git")) {
			return p.sayAndFail("%s is already installed, but it does not seem to be a git repository", name)
		}
		if origin, _ := p.capture("git", "-C", target, "config", "remote.origin.url"); origin != url {
			return p.sayAndFail("Plugin '%s' is already installed, but with a different url. To install anyway, uninstall it first.", name)
		}
		_, _ = fmt.Fprintf(p.Err, "Plugin '%s' is already installed.\n", name)
		return nil
	}
	return p.run("git", "clone", url, target)
}

func (p *Proc) sayAndFail(format string, args ...any) error {
	_, _ = fmt.Fprintf(p.Err, format+"\n", args...)
	return Exit{1}
}

// installArchive unpacks an archive; if all of it is in one folder, that folder
// becomes the plugin's.
func (p *Proc) installArchive(url, target string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	script := `set -o pipefail; curl -sfL "$1" | tar xz -C "$2"`
	if err := p.run("bash", "-c", script, "install", url, target); err != nil {
		_ = os.RemoveAll(target)
		return err
	}
	entries, err := os.ReadDir(target)
	if err != nil || len(entries) != 1 || !entries[0].IsDir() {
		return err
	}
	inner := filepath.Join(target, entries[0].Name())
	aside := target + ".unpacked"
	if err := os.Rename(inner, aside); err != nil {
		return err
	}
	if err := os.Remove(target); err != nil {
		return err
	}
	return os.Rename(aside, target)
}

func (p *Proc) plugnUpdate(name, committish string) error {
	dir := p.available(name)
	if !isDir(dir) {
		p.print(fmt.Sprintf("Plugin (%s) not installed", name))
		return Exit{1}
	}
	if !isDir(filepath.Join(dir, ".git")) {
		p.print(fmt.Sprintf("Plugin (%s) not managed by git", name))
		return nil
	}
	pin := filepath.Join(dir, ".plugin_committish")
	if _, err := p.capture("git", "-C", dir, "symbolic-ref", "HEAD"); err != nil && committish == "" {
		p.print("Plugin pinned to " + firstLine(pin))
		return nil
	}
	if _, err := p.capture("git", "-C", dir, "fetch", "--tags"); err != nil {
		return err
	}
	if committish == "" {
		if _, err := p.capture("git", "-C", dir, "pull"); err != nil {
			return err
		}
		p.print(fmt.Sprintf("Plugin (%s) updated", name))
		return nil
	}
	if _, err := p.capture("git", "-C", dir, "checkout", committish); err != nil {
		return err
	}
	_, _ = p.capture("git", "-C", dir, "pull") // fails where the committish is no branch
	p.print(fmt.Sprintf("Plugin (%s) updated and pinned to %s", name, committish))
	return os.WriteFile(pin, []byte(committish+"\n"), 0o644)
}

package dokku

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// global is the name under which server-wide properties are stored.
const global = "--global"

func (p *Proc) propPath(plugin, app, key string) string {
	return filepath.Join(p.Layout.Lib(), "config", plugin, app, key)
}

// prop reads a property of a plugin; the empty string where it is not set.
func (p *Proc) prop(plugin, app, key string) string {
	data, err := os.ReadFile(p.propPath(plugin, app, key))
	if err != nil {
		return ""
	}
	return string(data)
}

// propComputed is the app's property, else the server's, else the fallback.
func (p *Proc) propComputed(plugin, app, key, fallback string) string {
	for _, scope := range []string{app, global} {
		if value := p.prop(plugin, scope, key); value != "" {
			return value
		}
	}
	return fallback
}

func (p *Proc) propExists(plugin, app, key string) bool {
	return exists(p.propPath(plugin, app, key))
}

func (p *Proc) setProp(plugin, app, key, value string) error {
	path := p.propPath(plugin, app, key)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(value), 0o600)
}

func (p *Proc) deleteProp(plugin, app, key string) error {
	err := os.Remove(p.propPath(plugin, app, key))
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// propList reads a property that is a list, one entry per line.
func (p *Proc) propList(plugin, app, key string) []string {
	return lines(p.prop(plugin, app, key))
}

func (p *Proc) setPropList(plugin, app, key string, values []string) error {
	text := strings.Join(values, "\n")
	if text != "" {
		text += "\n"
	}
	return p.setProp(plugin, app, key, text)
}

// setCommand is the `PLUGIN:set APP|--global KEY [VALUE]` of a plugin.
func setCommand(plugin string, valid, globally []string) Hook {
	return func(p *Proc, args []string) error {
		app, key, value := arg(args, 1), arg(args, 2), strings.Join(from(args, 3), " ")
		if app == global && !contains(globally, key) {
			return p.fail("Property cannot be specified globally")
		}
		if app != global {
			if err := p.verifyApp(app); err != nil {
				return err
			}
		}
		if key == "" {
			return p.fail("No property specified")
		}
		if !contains(valid, key) && !contains(globally, key) {
			all := unique(append(append([]string{}, valid...), globally...))
			sort.Strings(all)
			return p.fail("Invalid property specified, valid properties include: %s", strings.Join(all, ", "))
		}
		if value == "" {
			p.info2Quiet("Unsetting %s", key)
			return p.deleteProp(plugin, app, key)
		}
		p.info2Quiet("Setting %s to %s", key, value)
		return p.setProp(plugin, app, key, value)
	}
}

// getProperty is the `PLUGIN-get-property APP KEY` trigger of a plugin.
func getProperty(computed func(p *Proc, app, key string) string) Hook {
	return func(p *Proc, args []string) error {
		p.print(computed(p, arg(args, 0), arg(args, 1)))
		return nil
	}
}

// propCommand is the `prop` program that shell plugins use for properties.
func propCommand(p *Proc, args []string) error {
	verb, plugin, app, key, value := arg(args, 0), arg(args, 1), arg(args, 2), arg(args, 3), arg(args, 4)
	switch verb {
	case "get-with-default", "get":
		if p.propExists(plugin, app, key) {
			value = p.prop(plugin, app, key)
		}
		p.print(value)
	case "set":
		return p.setProp(plugin, app, key, value)
	case "del":
		return p.deleteProp(plugin, app, key)
	case "exists":
		if !p.propExists(plugin, app, key) {
			return Exit{1}
		}
	case "lrange":
		for _, line := range p.propList(plugin, app, key) {
			p.print(line)
		}
	case "rpush":
		return p.setPropList(plugin, app, key, append(p.propList(plugin, app, key), value))
	case "lrem":
		return p.setPropList(plugin, app, key, without(p.propList(plugin, app, key), value))
	case "destroy":
		return os.RemoveAll(filepath.Join(p.Layout.Lib(), "config", plugin, app))
	case "clone":
		return copyTree(p.propPath(plugin, app, ""), p.propPath(plugin, key, ""))
	case "setup", "setup-app":
		return os.MkdirAll(filepath.Join(p.Layout.Lib(), "config", plugin, app), 0o755)
	default:
		return fmt.Errorf("prop: unknown verb %s", verb)
	}
	return nil
}

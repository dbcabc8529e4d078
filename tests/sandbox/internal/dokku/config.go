package dokku

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/tests/sandbox/internal/format"
)

func configPlugin() plugin {
	return plugin{
		about: "Manage global and app-specific config vars",
		help: []string{
			"config:clear [--no-restart] (<app>|--global), Clears environment variables",
			"config:export (<app>|--global) [--format=FORMAT], Export a global or app environment",
			"config:get (<app>|--global) KEY, Display a global or app-specific config value",
			"config:keys (<app>|--global), Show keys set in environment",
			"config:set [--no-restart] (<app>|--global) KEY1=VALUE1 [KEY2=VALUE2 ...], Set one or more config vars",
			"config:show (<app>|--global), Show keys set in environment",
			"config:unset [--no-restart] (<app>|--global) KEY1 [KEY2 ...], Unset one or more config vars",
		},
		hooks: map[string]Hook{
			"config-export":      configExportTrigger,
			"config-get":         func(p *Proc, args []string) error { return p.configPrint(arg(args, 0), arg(args, 1)) },
			"config-get-global":  func(p *Proc, args []string) error { return p.configPrint(global, arg(args, 0)) },
			"config-set":         func(p *Proc, args []string) error { return configSet(p, append([]string{""}, args...)) },
			"config-unset":       configUnsetTrigger,
			"docker-args-deploy": configDockerArgs,
			"docker-args-run":    configDockerArgs,
			"config_sub":         configSub,
			"post-create":        func(p *Proc, args []string) error { return os.MkdirAll(filepath.Dir(p.envFile(arg(args, 0))), 0o755) },
		},
		subcommands: map[string]Hook{
			"clear":  configClear,
			"export": configExport,
			"get":    configGet,
			"keys":   configKeys,
			"set":    configSet,
			"show":   configShow,
			"unset":  configUnset,
		},
	}
}

func (p *Proc) envFile(app string) string {
	if app == "" {
		app = global
	}
	return filepath.Join(p.Layout.Lib(), "config", app, "ENV")
}

func (p *Proc) loadEnv(app string) (map[string]string, error) {
	data, err := os.ReadFile(p.envFile(app))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	return format.ParseEnv(string(data))
}

// mergedEnv is the app's config on top of the server's.
func (p *Proc) mergedEnv(app string) (map[string]string, error) {
	merged, err := p.loadEnv(global)
	if err != nil {
		return nil, err
	}
	own, err := p.loadEnv(app)
	for key, value := range own {
		merged[key] = value
	}
	return merged, err
}

func (p *Proc) saveEnv(app string, env map[string]string) error {
	file := p.envFile(app)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(format.FormatEnv(env)+"\n"), 0o600)
}

// options are the flags and the rest of a config command; where there is no
// --global the first of the rest is the app.
type options struct {
	flags map[string]string
	app   string
	rest  []string
}

func (p *Proc) configOptions(args []string) (options, error) {
	opts := options{flags: map[string]string{}}
	for i := 1; i < len(args); i++ {
		word := args[i]
		switch {
		case len(opts.rest) > 0 && !strings.HasPrefix(word, "--"), !strings.HasPrefix(word, "-"):
			opts.rest = append(opts.rest, word)
		case word == "--format":
			i++
			opts.flags[word] = arg(args, i)
		default:
			name, value, _ := strings.Cut(word, "=")
			opts.flags[name] = value
		}
	}
	if _, all := opts.flags[global]; all {
		opts.app = global
		return opts, nil
	}
	opts.app, opts.rest = arg(opts.rest, 0), from(opts.rest, 1)
	return opts, p.verifyApp(opts.app)
}

func (o options) has(flag string) bool {
	_, set := o.flags[flag]
	return set
}

var configKey = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

func configSet(p *Proc, args []string) error {
	opts, err := p.configOptions(args)
	if err != nil {
		return err
	}
	if len(opts.rest) == 0 {
		return p.fail("At least one env pair must be given")
	}
	changes := map[string]string{}
	for _, pair := range opts.rest {
		key, value, found := strings.Cut(pair, "=")
		switch {
		case !found:
			return p.fail("Invalid env pair: %s", pair)
		case !configKey.MatchString(key):
			return p.fail("Invalid key name: '%s'", key)
		}
		if opts.has("--encoded") {
			decoded, err := base64.StdEncoding.DecodeString(value)
			if err != nil {
				return p.fail("%v for key '%s'", err, key)
			}
			value = string(decoded)
		}
		changes[key] = value
	}
	return p.setConfig(opts.app, changes, !opts.has("--no-restart"))
}

// setConfig changes config values, tells the plugins and restarts the app.
func (p *Proc) setConfig(app string, changes map[string]string, restart bool) error {
	env, err := p.loadEnv(app)
	if err != nil {
		return err
	}
	for key, value := range changes {
		env[key] = value
	}
	p.info1Quiet("Setting config vars")
	if !p.isQuiet() {
		p.print(pretty(changes, prefixVerbose))
	}
	if err := p.saveEnv(app, env); err != nil {
		return err
	}
	p.configChanged(app, "set", format.SortedKeys(changes))
	return p.configRestart(app, restart)
}

func (p *Proc) configChanged(app, how string, keys []string) {
	if err := p.trigger("post-config-update", append([]string{app, how}, keys...)...); err != nil {
		p.warn("Failure while triggering post-config-update: %v", err)
	}
}

// configRestart releases and deploys the app again, if it runs. Dokku does not
// let the command fail when that fails, and neither do we.
func (p *Proc) configRestart(app string, restart bool) error {
	if !restart || app == global || p.prop("ps", app, "restore") == "false" || !p.isDeployed(app) {
		return nil
	}
	p.info1("Restarting app %s", app)
	if err := p.trigger("release-and-deploy", app, "", "config-redeploy"); err != nil {
		p.warn("Failure while restarting app: %v", err)
	}
	return nil
}

func configUnset(p *Proc, args []string) error {
	opts, err := p.configOptions(args)
	if err != nil {
		return err
	}
	if len(opts.rest) == 0 {
		return p.fail("At least one key must be given")
	}
	return p.unsetConfig(opts.app, opts.rest, "unset", !opts.has("--no-restart"))
}

func (p *Proc) unsetConfig(app string, keys []string, how string, restart bool) error {
	env, err := p.loadEnv(app)
	if err != nil {
		return err
	}
	changed := false
	for _, key := range keys {
		if _, set := env[key]; !set {
			p.info1Quiet("Skipping %s, it is not set in the environment", key)
			continue
		}
		p.info1Quiet("Unsetting %s", key)
		delete(env, key)
		changed = true
	}
	if changed {
		if err := p.saveEnv(app, env); err != nil {
			return err
		}
		p.configChanged(app, how, keys)
	}
	return p.configRestart(app, restart)
}

func configClear(p *Proc, args []string) error {
	opts, err := p.configOptions(args)
	if err != nil {
		return err
	}
	env, err := p.loadEnv(opts.app)
	if err != nil {
		return err
	}
	return p.unsetConfig(opts.app, format.SortedKeys(env), "clear", !opts.has("--no-restart"))
}

func configUnsetTrigger(p *Proc, args []string) error {
	return p.unsetConfig(arg(args, 0), []string{arg(args, 1)}, "unset", arg(args, 2) == "true")
}

// configSub is the program behind the functions of the shell library, where the
// app may stand last.
func configSub(p *Proc, args []string) error {
	function := configPlugin().subcommands[arg(args, 0)]
	if function == nil {
		return p.fail("config_sub: unknown command %s", arg(args, 0))
	}
	return function(p, args)
}

package dokku

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/tests/sandbox/internal/format"
)

// configPrint prints one value without a newline; nothing where it is not set.
func (p *Proc) configPrint(app, key string) error {
	env, err := p.loadEnv(app)
	if err == nil {
		_, _ = io.WriteString(p.Out, env[key])
	}
	return err
}

func configGet(p *Proc, args []string) error {
	opts, err := p.configOptions(args)
	if err != nil {
		return err
	}
	if len(opts.rest) != 1 {
		return p.fail("Expected: key")
	}
	env, err := p.loadEnv(opts.app)
	if err != nil {
		return err
	}
	value, set := env[opts.rest[0]]
	if !set {
		return Exit{1}
	}
	if opts.has("--quoted") {
		value = format.ShellQuote(value)
	}
	p.print(value)
	return nil
}

func configKeys(p *Proc, args []string) error {
	env, _, err := p.chosenEnv(args)
	for _, key := range format.SortedKeys(env) {
		p.print(key)
	}
	return err
}

func configShow(p *Proc, args []string) error {
	env, opts, err := p.chosenEnv(args)
	if err != nil {
		return err
	}
	p.info2Quiet("%s env vars", strings.TrimPrefix(opts.app, "--"))
	p.print(pretty(env, ""))
	return nil
}

// chosenEnv is the environment that a command's app and --merged ask for.
func (p *Proc) chosenEnv(args []string) (map[string]string, options, error) {
	opts, err := p.configOptions(args)
	if err != nil {
		return nil, opts, err
	}
	if opts.has("--merged") {
		env, err := p.mergedEnv(opts.app)
		return env, opts, err
	}
	env, err := p.loadEnv(opts.app)
	return env, opts, err
}

func configExport(p *Proc, args []string) error {
	env, opts, err := p.chosenEnv(args)
	if err != nil {
		return err
	}
	return p.printEnv(env, opts.flags["--format"])
}

func configExportTrigger(p *Proc, args []string) error {
	load := p.loadEnv
	if arg(args, 2) == "true" {
		load = p.mergedEnv
	}
	env, err := load(arg(args, 0))
	if err != nil {
		return err
	}
	return p.printEnv(env, arg(args, 3))
}

// printEnv prints an environment in one of Dokku's formats.
func (p *Proc) printEnv(env map[string]string, as string) error {
	var entries []string
	each := func(separator string, entry func(key, value string) string) error {
		for _, key := range format.SortedKeys(env) {
			entries = append(entries, entry(key, env[key]))
		}
		_, err := fmt.Fprint(p.Out, strings.Join(entries, separator)+"\n")
		return err
	}
	switch as {
	case "", "exports":
		return each("\n", func(key, value string) string { return "export " + key + "=" + format.ShellQuote(value) })
	case "shell":
		return each(" ", func(key, value string) string { return key + "=" + format.ShellQuote(value) })
	case "docker-args":
		return each(" ", func(key, value string) string { return "--env=" + key + "=" + format.ShellQuote(value) })
	case "docker-args-keys":
		return each(" ", func(key, _ string) string { return "--env=" + key })
	case "envfile":
		p.print(format.FormatEnv(env))
		return nil
	case "pretty":
		p.print(pretty(env, ""))
		return nil
	case "json":
		data, err := json.Marshal(env)
		p.print(string(data))
		return err
	}
	return p.fail("Unknown export format: %s", as)
}

// pretty prints an environment in two columns.
func pretty(env map[string]string, prefix string) string {
	width := 0
	for key := range env {
		width = max(width, len(key))
	}
	var list []string
	for _, key := range format.SortedKeys(env) {
		list = append(list, prefix+key+":"+strings.Repeat(" ", width-len(key)+2)+env[key])
	}
	return strings.Join(list, "\n")
}

// configDockerArgs names the config values to docker, which takes the values
// themselves from its environment, so that none has to be quoted.
func configDockerArgs(p *Proc, args []string) error {
	env, err := p.mergedEnv(arg(args, 0))
	if err != nil {
		return err
	}
	p.passInput()
	for _, key := range format.SortedKeys(env) {
		_, _ = io.WriteString(p.Out, " --env="+key)
	}
	return nil
}

// passInput copies standard input to standard output, as docker-args triggers do
// before they add their own.
func (p *Proc) passInput() {
	if p.In == nil {
		return
	}
	_, _ = io.Copy(p.Out, p.In)
}

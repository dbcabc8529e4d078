package dokku

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

const notImplemented = 10

// aliases are Dokku's second names for some plugins.
var aliases = map[string]string{
	"docker-local": "scheduler-docker-local",
	"dockerfile":   "builder-dockerfile",
	"nginx":        "nginx-vhosts",
}

// Main is the `dokku` program.
func Main(p *Proc, args []string) error {
	args = p.globalFlags(args)
	command := arg(args, 0)
	if err := p.authorise(args); err != nil {
		return err
	}
	switch command {
	case "", "help":
		return p.help(arg(args, 1) == "--all")
	case "version", "-v", "--version":
		p.print("dokku version " + Version)
		return nil
	}
	return p.execute(args)
}

// globalFlags takes the flags before the command off and acts on them.
func (p *Proc) globalFlags(args []string) []string {
	var flags []string
	for len(args) > 0 && strings.HasPrefix(args[0], "--") && args[0] != "--version" {
		flags = append(flags, args[0])
		switch args[0] {
		case "--quiet":
			p.Env["DOKKU_QUIET_OUTPUT"] = "1"
		case "--trace":
			p.Env["DOKKU_TRACE"] = "1"
		case "--force":
			p.Env["DOKKU_APPS_FORCE_DELETE"] = "1"
		case "--app":
			p.Env["DOKKU_APP_NAME"] = arg(args, 1)
			args = args[1:]
		}
		args = from(args, 1)
	}
	if p.Env["DOKKU_GLOBAL_FLAGS"] == "" {
		p.Env["DOKKU_GLOBAL_FLAGS"] = words(flags)
	}
	// Dokku takes these wherever they stand, but leaves them to the command as well.
	if slices.Contains(args, "--quiet") {
		p.Env["DOKKU_QUIET_OUTPUT"] = "1"
	}
	if slices.Contains(args, "--force") {
		p.Env["DOKKU_APPS_FORCE_DELETE"] = "1"
	}
	return args
}

// authorise asks the plugins that have a user-auth trigger, if there are any.
func (p *Proc) authorise(args []string) error {
	p.Env["DOKKU_COMMAND"] = arg(args, 0)
	found, _ := filepath.Glob(p.Env["PLUGIN_PATH"] + "/enabled/*/user-auth")
	if len(found) == 0 {
		return nil
	}
	call := append([]string{p.Env["SSH_USER"], p.Env["SSH_NAME"]}, args...)
	if err := p.trigger("user-auth", call...); err != nil {
		return p.fail("Access denied")
	}
	return nil
}

// execute finds the program behind a command and runs it.
func (p *Proc) execute(args []string) error {
	name := args[0]
	base, rest, colon := strings.Cut(name, ":")
	if target, ok := aliases[base]; ok {
		base, name = target, target
		if colon {
			name = target + ":" + rest
		}
	}
	switch base {
	case "cleanup", "deploy", "url", "urls", "report":
		base, rest = "00_dokku-standard", base
	}
	enabled := p.Env["PLUGIN_ENABLED_PATH"]
	if p.isCore(base) {
		if app := p.Env["DOKKU_APP_NAME"]; app != "" {
			args = append([]string{args[0], app}, args[1:]...)
		}
		switch args[0] {
		case "git-hook", "ps:rebuild", "ps:restart":
			p.startBuild(arg(args, 1), args[0])
		}
	}
	for _, file := range []string{
		filepath.Join(enabled, name, "subcommands", "default"),
		filepath.Join(enabled, name, "subcommands", args[0]),
		filepath.Join(enabled, base, "subcommands", rest),
	} {
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return p.runSubcommandFile(file, args)
		}
	}
	return p.offerToCommands(args)
}

func (p *Proc) isCore(name string) bool {
	target, err := filepath.EvalSymlinks(filepath.Join(p.Env["PLUGIN_ENABLED_PATH"], name))
	return err == nil && strings.HasPrefix(target, p.Layout.CorePlugins())
}

func (p *Proc) runSubcommandFile(file string, args []string) error {
	target, err := filepath.EvalSymlinks(file)
	if err == nil && target == p.Layout.Binary() {
		folder := filepath.Dir(filepath.Dir(file))
		return p.runSubcommand(filepath.Base(folder), filepath.Base(file), args)
	}
	return p.run(file, args...)
}

// offerToCommands asks every plugin's `commands` in turn; the ones that answer
// "not mine" are passed over, and anything else that is not success ends it.
func (p *Proc) offerToCommands(args []string) error {
	implemented := false
	files, _ := filepath.Glob(p.Env["PLUGIN_ENABLED_PATH"] + "/*/commands")
	gitPlugin := filepath.Join(p.Env["PLUGIN_ENABLED_PATH"], "git", "commands")
	for _, file := range files {
		var err error
		switch {
		case file == gitPlugin && strings.HasPrefix(args[0], "git-"):
			err = p.report(p.gitCommands(args))
		case p.isLinkToUs(file):
			err = p.coreCommands(filepath.Base(filepath.Dir(file)), args)
		default:
			err = p.run(file, args...)
			if err != nil && ExitCode(err) == 1 && !isExit(err) {
				err = Exit{127} // it could not be started at all
			}
		}
		switch ExitCode(err) {
		case notImplemented:
		case 0:
			implemented = true
		default:
			return err
		}
	}
	if implemented {
		return nil
	}
	p.warn("`%s` is not a dokku command.", words(args))
	return p.fail("See `dokku help` for a list of available commands.")
}

func isExit(err error) bool {
	var exit Exit
	return errors.As(err, &exit)
}

func (p *Proc) isLinkToUs(file string) bool {
	target, err := filepath.EvalSymlinks(file)
	return err == nil && target == p.Layout.Binary()
}

// help prints what the plugins say about themselves, ours and others' apart.
func (p *Proc) help(all bool) error {
	var ours, others bytes.Buffer
	files, _ := filepath.Glob(p.Env["PLUGIN_ENABLED_PATH"] + "/*/commands")
	for _, file := range files {
		child := p.clone()
		child.In, child.Out = nil, &others
		if !p.isLinkToUs(file) {
			_ = child.run(file, "help")
			continue
		}
		child.Out = &ours
		name := filepath.Base(filepath.Dir(file))
		if !all {
			_ = child.coreCommands(name, []string{"help"})
			continue
		}
		for _, line := range p.core.plugins[name].help {
			child.print("    " + line)
		}
	}
	p.print("Usage: dokku [--quiet|--trace|--force] COMMAND <app> [command-specific-options]\n")
	p.print("Primary help options, type \"dokku COMMAND:help\" for more details, or dokku help --all to see all commands.\n")
	p.print("Commands:\n")
	p.printColumns(ours.String())
	if others.Len() > 0 {
		p.print("\nCommunity plugin commands:\n")
		p.printColumns(others.String())
	}
	return nil
}

// printColumns prints "name, description" lines in two columns, sorted.
func (p *Proc) printColumns(text string) {
	list := lines(text)
	sort.Strings(list)
	width := 0
	for _, line := range list {
		name, _, _ := strings.Cut(line, ",")
		width = max(width, len(name))
	}
	for _, line := range list {
		name, about, _ := strings.Cut(line, ",")
		p.print(name + strings.Repeat(" ", width-len(name)+2) + strings.TrimSpace(about))
	}
}

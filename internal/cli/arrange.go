package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// parts are the words of a command, sorted out.
type parts struct {
	flags, args, command, fields []string
	help                         bool
}

// global are Dokku's own flags, which its users write anywhere; Dokku has taken note of them already.
var global = []string{"quiet", "trace"}

// arrange tells flags from other words. Users of Dokku write flags anywhere (`graduate:destroy shop
// --force`), while the flag parser stops at the first word that is none. "--" ends the flags.
func (v Verb) arrange(words []string) (parts, error) {
	var p parts
	for i := 0; i < len(words); i++ {
		word := words[i]
		if word == "--" && v.Command {
			p.command = words[i+1:]
			break
		}
		if word == "--" {
			p.args = append(p.args, words[i+1:]...)
			break
		}
		if !strings.HasPrefix(word, "-") || word == "-" {
			p.args = append(p.args, word)
			continue
		}
		name, _, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
		flag, known := v.flag(name)
		switch {
		case name == "help" || name == "h":
			p.help = true
		case known && !hasValue && takesValue(flag) && i+1 == len(words):
			return parts{}, graduate.Errorf(graduate.Invalid, "%s%s: %s needs a value; usage: %s", prefix, v.Name, word, v.usage())
		case known && !hasValue && takesValue(flag):
			i++
			p.flags = append(p.flags, word, words[i])
		case known:
			p.flags = append(p.flags, word)
		case v.Fields && strings.HasPrefix(word, "--graduate-"):
			p.fields = append(p.fields, word)
		case slices.Contains(global, name):
		default:
			return parts{}, v.unknownFlag(word)
		}
	}
	if p.help {
		return p, nil
	}
	return p, v.count(p)
}

// count makes sure that the verb has the words that it needs, and no more.
func (v Verb) count(p parts) error {
	required := slices.DeleteFunc(slices.Clone(v.Args), func(a string) bool { return strings.HasPrefix(a, "[") })
	if len(p.args) < len(required) {
		return graduate.Errorf(graduate.Invalid, "%s%s needs %s; usage: %s", prefix, v.Name, required[len(p.args)], v.usage())
	}
	if len(p.args) <= len(v.Args) || v.takesAny() {
		return nil
	}
	extra := p.args[len(v.Args)]
	if v.Command {
		return graduate.Errorf(graduate.Invalid, "%s%s: write -- before the command: -- %s", prefix, v.Name, strings.Join(p.args[len(v.Args):], " "))
	}
	return graduate.Errorf(graduate.Invalid, "%s%s: %q is one word too many; usage: %s", prefix, v.Name, extra, v.usage())
}

// flag is the flag of that name, without dashes.
func (v Verb) flag(name string) (cli.Flag, bool) {
	i := slices.IndexFunc(v.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
	if i < 0 {
		return nil, false
	}
	return v.Flags[i], true
}

func (v Verb) unknownFlag(word string) error {
	var known []string
	for _, f := range v.Flags {
		known = append(known, "--"+f.Names()[0])
	}
	if len(known) == 0 {
		return graduate.Errorf(graduate.Invalid, "%s%s: unknown flag %s; it takes none", prefix, v.Name, word)
	}
	return graduate.Errorf(graduate.Invalid, "%s%s: unknown flag %s; it takes %s", prefix, v.Name, word, strings.Join(known, ", "))
}

func takesValue(f cli.Flag) bool {
	documented, ok := f.(cli.DocGenerationFlag)
	return ok && documented.TakesValue()
}

// formatFlag is Dokku's flag for what programs read.
func formatFlag() cli.Flag {
	return &cli.StringFlag{Name: "format", Usage: "stdout (for people) or json (for programs)", Value: "stdout"}
}

// json tells whether the caller asked for JSON.
func (c *Call) json() (bool, error) {
	switch format := c.Flags.String("format"); format {
	case "stdout":
		return false, nil
	case "json":
		return true, nil
	default:
		return false, graduate.Errorf(graduate.Invalid, "--format must be stdout or json, not %q", format)
	}
}

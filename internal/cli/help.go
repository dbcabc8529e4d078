package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// about is the plugin in one line. No comma: Dokku's help splits its lines there.
const about = "Release a group of apps from one environment to the next: all of them or none"

func defaultVerb() Verb {
	return Verb{Name: "default", Args: []string{"[<command>...]"}, Run: func(c *Call) error {
		if c.Arg(0) == "" || c.Arg(0) == "help" {
			printHelp(c.UI)
			return nil
		}
		return unknownVerb("graduate "+c.Arg(0), c.Arg(0))
	}}
}

func helpVerb() Verb {
	return Verb{
		Name: "help", Args: []string{"[<command>]"},
		Help:    "Show the commands or how to use one of them",
		Example: "dokku graduate:help run",
		Run: func(c *Call) error {
			if c.Arg(0) == "" {
				printHelp(c.UI)
				return nil
			}
			name := strings.TrimPrefix(c.Arg(0), prefix)
			v, known := findVerb(name)
			if !known {
				return unknownVerb(prefix+name, "")
			}
			printUsage(c.UI, v)
			return nil
		},
	}
}

// commandsHelpVerb prints what `dokku help` asks each plugin for: lines of two columns with a comma between.
func commandsHelpVerb() Verb {
	return Verb{
		Name: "commands-help", Direct: true,
		Flags: []cli.Flag{&cli.BoolFlag{Name: "all", Usage: "every command, not the plugin's one line"}},
		Run: func(c *Call) error {
			if !c.Flags.Bool("all") && !parentAsksForAll() {
				c.UI.Print("    graduate, %s", about)
				return nil
			}
			for _, v := range listed() {
				c.UI.Print("    %s, %s", v.synopsis(), v.Help)
			}
			return nil
		},
	}
}

// parentAsksForAll tells whether the caller is `dokku help --all`: Dokku passes the flag to no plugin,
// and its core plugins look at their parent's command line, too.
func parentAsksForAll() bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", os.Getppid()))
	return err == nil && slices.Contains(strings.Split(string(line), "\x00"), "--all")
}

func versionVerb() Verb {
	return Verb{Name: "version", Direct: true, Run: func(c *Call) error {
		c.UI.Print("%s", c.Version)
		return nil
	}}
}

// unknownVerb says that what was typed is no command, and which one it may have been meant for.
func unknownVerb(typed, meant string) error {
	if _, known := findVerb(meant); known {
		return graduate.Errorf(graduate.Invalid, "`%s` is not a dokku command; did you mean `dokku %s%s`? See `dokku graduate:help`", typed, prefix, meant)
	}
	return graduate.Errorf(graduate.Invalid, "`%s` is not a dokku command; see `dokku graduate:help` for those that are", typed)
}

// listed are the verbs that help shows.
func listed() []Verb {
	return slices.DeleteFunc(Verbs(), func(v Verb) bool { return v.Help == "" })
}

// printHelp lists the commands as Dokku's plugins do.
func printHelp(s ui.Streams) {
	s.Print("Usage: dokku graduate[:COMMAND]\n\n%s\n\nAdditional commands:", about)
	width := 0
	for _, v := range listed() {
		width = max(width, len(v.synopsis()))
	}
	for _, v := range listed() {
		s.Print("    %-*s  %s", width, v.synopsis(), v.Help)
	}
}

// printUsage explains one command.
func printUsage(s ui.Streams, v Verb) {
	s.Print("Usage: %s", v.usage())
	if v.Help != "" {
		s.Print("\n%s", v.Help)
	}
	if v.More != "" {
		s.Print("\n%s", v.More)
	}
	if len(v.Flags) > 0 {
		s.Print("\nFlags:")
	}
	for _, f := range v.Flags {
		var names []string
		for _, name := range f.Names() {
			names = append(names, strings.Repeat("-", min(len(name), 2))+name)
		}
		usage := ""
		if documented, ok := f.(cli.DocGenerationFlag); ok {
			usage = documented.GetUsage()
		}
		s.Print("    %-16s %s", strings.Join(names, ", "), usage)
	}
	if v.Example != "" {
		s.Print("\nExample:\n    %s", strings.ReplaceAll(v.Example, "\n", "\n    "))
	}
}

package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// Verb is one command: `dokku graduate:NAME`.
type Verb struct {
	Name string
	// Help is the line in the list of commands; a verb without one is not listed.
	Help string
	// Args are the words after the command: "<group>", "[<value>]", "<env>..." for one or more.
	Args []string
	// Options are the flags as the usage line shows them.
	Options string
	// More explains what Help does not, in lines.
	More string
	// Example is one or more lines that can be typed.
	Example string
	Flags   []cli.Flag
	// Command tells that words may follow after "--".
	Command bool
	// Fields tells that flags such as --graduate-start-timeout choose a single field.
	Fields bool
	// Direct tells that the verb is for scripts, which call the binary: subcommands/ has no link.
	Direct bool
	Run    func(*Call) error
}

// Call is one use of a verb.
type Call struct {
	UI    ui.Streams
	Store *config.Store
	Host  *dokku.Host
	// Flags has the values of the verb's flags, and the context.
	Flags *cli.Context
	// Args are the words that are no flags, as many as the verb's Args allow.
	Args []string
	// Command are the words after "--".
	Command []string
	// Fields are the flags that choose a field, with their dashes.
	Fields []string
	// Version is that of the program.
	Version string
}

// Arg is the word at that place, or "".
func (c *Call) Arg(i int) string {
	if i >= len(c.Args) {
		return ""
	}
	return c.Args[i]
}

// Verbs is the table of all commands, by name. To add one: a function here, a link in subcommands/.
func Verbs() []Verb {
	verbs := []Verb{
		addVerb(), applyVerb(), createVerb(), destroyVerb(), exportVerb(), hooksAddVerb(), hooksListVerb(), hooksRemoveVerb(),
		listVerb(), planVerb(), releaseVerb(), removeVerb(), reportVerb(), rollbackVerb(), runVerb(), setVerb(),
		abortVerb(), historyVerb(), outputVerb(), recoverVerb(), statusVerb(),
		defaultVerb(), helpVerb(), commandsHelpVerb(), versionVerb(),
	}
	slices.SortFunc(verbs, func(a, b Verb) int { return strings.Compare(a.Name, b.Name) })
	return verbs
}

// findVerb is the verb of that name.
func findVerb(name string) (Verb, bool) {
	verbs := Verbs()
	i := slices.IndexFunc(verbs, func(v Verb) bool { return v.Name == name })
	if i < 0 {
		return Verb{}, false
	}
	return verbs[i], true
}

// synopsis is the command with its words: "graduate:add <group> <role> <env>=<app>...".
func (v Verb) synopsis() string {
	return strings.Join(append([]string{prefix + v.Name}, v.Args...), " ")
}

// usage is the whole usage line.
func (v Verb) usage() string { return strings.TrimSpace("dokku " + v.synopsis() + " " + v.Options) }

// takesAny tells whether any number of words may follow.
func (v Verb) takesAny() bool {
	return len(v.Args) > 0 && strings.Contains(v.Args[len(v.Args)-1], "...")
}

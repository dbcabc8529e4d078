package archtest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// lifecycle lists the triggers that are scripts at the root: they have to work without the binary.
var lifecycle = []string{"commands", "install", "update", "uninstall", "dependencies"}

func TestLinksToTheBinary(t *testing.T) {
	for _, dir := range []string{"subcommands", "triggers", "companion"} {
		for _, name := range names(t, dir) {
			target, err := os.Readlink(filepath.Join(root, dir, name))
			if err != nil || target != "../bin/graduate" {
				t.Errorf("%s/%s must be a symbolic link to ../bin/graduate", dir, name)
			}
		}
	}
}

func TestTriggersAreLinkedOnce(t *testing.T) {
	companion, ignored := names(t, "companion"), strings.Split(text(t, ".gitignore"), "\n")
	for _, name := range names(t, "triggers") {
		if slices.Contains(lifecycle, name) {
			t.Errorf("triggers/%s: the install trigger would put its link over the script of that name", name)
		}
		if slices.Contains(companion, name) {
			t.Errorf("triggers/%s is in companion/ as well: it would run twice", name)
		}
		if !slices.Contains(ignored, "/"+name) {
			t.Errorf(".gitignore has no line /%s: the install trigger makes that link at the root", name)
		}
	}
}

// Dokku's help runs every file of that name that it finds below a plugin's folder, however deep.
func TestOneFileIsNamedCommands(t *testing.T) {
	walk(t, func(name string, entry fs.DirEntry) {
		if entry.Name() == "commands" && name != "commands" {
			t.Errorf("%s: dokku help would run it as a plugin's", name)
		}
	})
}

func TestDocsNameEveryCommandAndTrigger(t *testing.T) {
	commands, triggers := text(t, "docs/commands.md"), text(t, "docs/triggers.md")
	for _, name := range names(t, "subcommands") {
		if name != "default" && !strings.Contains(commands, "`graduate:"+name) {
			t.Errorf("docs/commands.md says nothing of graduate:%s", name)
		}
	}
	for _, name := range slices.Concat(names(t, "triggers"), names(t, "companion"), []string{"install", "update", "uninstall"}) {
		if !strings.Contains(triggers, "`"+name+"`") {
			t.Errorf("docs/triggers.md says nothing of %s", name)
		}
	}
}

func TestDocsHaveTheStateTable(t *testing.T) {
	states := text(t, "docs/states.md")
	rows := 0
	for _, transition := range graduate.Transitions() {
		row := fmt.Sprintf("| %s | %s | %s |\n", transition.From, transition.On, transition.To)
		if !strings.Contains(states, row) {
			t.Errorf("docs/states.md lacks the row %s", row)
		}
		rows++
	}
	if found := strings.Count(states, "\n| "); found != rows+2 { // the table's head and its line
		t.Errorf("docs/states.md has %d rows, the state table %d", found-2, rows)
	}
}

func TestEveryDependencyIsExplained(t *testing.T) {
	explained := text(t, "docs/dependencies.md")
	for _, line := range strings.Split(text(t, "go.mod"), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 2 && strings.Contains(fields[0], "/") && strings.HasPrefix(fields[1], "v") && !strings.Contains(explained, "`"+fields[0]+"`") {
			t.Errorf("docs/dependencies.md does not say why %s is needed", fields[0])
		}
	}
}

// Command graduate is the one binary of the plugin, with three faces: a command of Dokku
// (subcommands/run graduate:run …), one of its triggers (check-deploy …), and itself (bin/graduate run …).
package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/cli"
	"github.com/dokku-graduate/dokku-graduate/internal/trigger"
)

// version is set by the build, from plugin.toml.
var version = "unknown"

func main() {
	if t, ok := triggerOf(os.Args); ok {
		os.Exit(t.Run(os.Args[1:]))
	}
	if len(os.Args) > 1 && os.Args[1] == cli.RoomWord {
		os.Exit(cli.WaitingRoom(os.Args[2:]))
	}
	os.Exit(cli.Main(os.Args[1:], version))
}

// triggerOf tells whether this process is a trigger. Dokku gives every command its own name first
// (graduate:report), and a trigger bare words; `report` is both. No app's name has a colon, so an app may
// be called graduate.
func triggerOf(args []string) (trigger.Trigger, bool) {
	if len(args) > 1 && strings.HasPrefix(args[1], "graduate:") {
		return trigger.Trigger{}, false
	}
	return trigger.Find(filepath.Base(args[0]))
}

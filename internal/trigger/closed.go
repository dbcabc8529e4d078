package trigger

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/journal"
)

// harmless are the commands that may name a closed target: they only read, or are about the graduation itself.
// A word after the colon stands for that word of any plugin.
var harmless = []string{
	":report", ":list", ":info", ":show", ":get", ":keys", ":export", ":bundle", ":exists", ":locked", ":inspect",
	":help", ":status", ":output", ":urls", ":show-config", ":access-logs", ":error-logs", ":validate-config",
	"logs", "logs:failed", "config", "url", "urls", "report", "help", "version", "run", "run:detached", "run:list",
	"run:logs", "enter", "events", "git-upload-pack", "git-upload-archive",
}

// UserAuth refuses commands that would change a closed target (user-auth SSH_USER SSH_NAME COMMAND ARGS...). It is
// linked only while a graduation runs.
func UserAuth(args []string) int {
	if len(args) < 3 || mayPass(args[2]) {
		return 0
	}
	host := dokku.FromEnv()
	words := append(slices.Clone(args[3:]), os.Getenv("DOKKU_APP_NAME"))
	for _, word := range words {
		// git-receive-pack gets '/app' with its quotes.
		app := strings.TrimPrefix(strings.Trim(word, `'"`), "/")
		if code := refuseClosed(host, app); code != 0 {
			return code
		}
	}
	return 0
}

func mayPass(command string) bool {
	plugin, verb, ok := strings.Cut(command, ":")
	return plugin == "graduate" || slices.Contains(harmless, command) || ok && slices.Contains(harmless, ":"+verb)
}

// RefuseClosed refuses what came to a closed target by none of the commands that user-auth saw: ps:restart --all
// (scheduler-deploy SCHEDULER APP TAG [TYPE]), ps:stop --all (scheduler-stop SCHEDULER APP). The run's own deploys pass.
func RefuseClosed(args []string) int {
	if len(args) < 2 || ours(args, 1) {
		return 0
	}
	return refuseClosed(dokku.FromEnv(), args[1])
}

// refuseClosed says in one line why an app may not be changed now; 0 where it may.
func refuseClosed(host *dokku.Host, app string) int {
	id := host.ClosedBy(app)
	if id == "" {
		return 0
	}
	if !host.Alive(id) {
		return complete(host, app, id)
	}
	r := graduate.Run{Dir: host.RunDir(id)}
	events, _ := journal.Replay(r.Journal())
	h := graduate.Tell(events)
	if h.Run == nil {
		fmt.Fprintf(os.Stderr, " !     %s is being graduated (%s); try again when that has ended\n", app, id)
		return 1
	}
	fmt.Fprintf(os.Stderr, " !     %s is being graduated (%s of %s from %s to %s, by %s): await it with dokku graduate:status %s, or dokku graduate:abort %s --group %s\n",
		app, id, h.Run.Group, h.Run.From, h.Run.To, h.Run.User, h.Run.Group, h.Run.To, h.Run.Group)
	return 1
}

// complete completes the run of a coordinator that is gone, as the command would work on what it has left. A run
// that cannot be completed keeps its targets closed: what came between would be lost when it is.
func complete(host *dokku.Host, app, id string) int {
	self, err := os.Executable()
	if err == nil {
		cmd := exec.Command(self, "graduate:recover", "--unattended")
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		err = cmd.Run()
	}
	if host.ClosedBy(app) != id {
		return 0
	}
	fmt.Fprintf(os.Stderr, " !     %s was left in the midst of graduation %s, which cannot be completed now (%v): dokku graduate:recover says why\n", app, id, err)
	return 1
}

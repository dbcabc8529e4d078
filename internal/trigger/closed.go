package trigger

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
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
	"logs", "logs:failed", "config", "url", "urls", "report", "help", "version", "run:list", "run:logs",
	"enter", "events", "git-upload-pack", "git-upload-archive",
}

// questions are the commands that only ask where they are given nothing but an app, and of these options.
var questions = map[string][]string{"ps:scale": nil, "resource:limit": {"--process-type"}, "resource:reserve": {"--process-type"}}

// starting are the commands that start an instance of the version that an app has, and do not change it: they may name a
// closed target as long as its old instances may use the data.
var starting = []string{"run", "run:detached"}

// UserAuth refuses commands that would change a closed target (user-auth SSH_USER SSH_NAME COMMAND ARGS...): those
// that name one, and those for all apps, before they have worked on half of them. It is linked only while a
// graduation runs.
func UserAuth(args []string) int {
	if len(args) < 3 || mayPass(args[2]) {
		return 0
	}
	host, app := dokku.FromEnv(), os.Getenv("DOKKU_APP_NAME")
	if slices.Contains(starting, args[2]) {
		return refuseOld(host, app, args[3:])
	}
	words := slices.Clone(args[3:])
	if app != "" && !slices.Contains(words, app) {
		words = append(words, app) // of --app
	}
	if onlyAsks(args[2], words) {
		return 0
	}
	if forAll(args[2], words) {
		words = append(words, host.ClosedApps()...)
	}
	for _, word := range words {
		// git-receive-pack gets '/app' with its quotes.
		app := strings.TrimPrefix(strings.Trim(word, `'"`), "/")
		if code := refuseClosed(host, app); code != 0 {
			return code
		}
	}
	return 0
}

// refuseOld refuses to start an instance in an app whose old ones are kept off the data (run [OPTION...] APP COMMAND...).
func refuseOld(host *dokku.Host, app string, words []string) int {
	if i := slices.IndexFunc(words, host.Exists); app == "" && i >= 0 {
		app = words[i] // before it are options, and after it is what is run
	}
	id := host.ClosedBy(app)
	if id == "" {
		return 0
	}
	events, _ := journal.Replay((&graduate.Run{Dir: host.RunDir(id)}).Journal())
	if !graduate.Tell(events).Quiesced() {
		return 0
	}
	return refuseClosed(host, app)
}

// onlyAsks tells whether a command is a question: it has one word that is neither an option of a question nor the
// option's value.
func onlyAsks(command string, words []string) bool {
	options, ok := questions[command]
	rest := 0
	for i := 0; i < len(words); i++ {
		name, _, valued := strings.Cut(words[i], "=")
		switch {
		case !slices.Contains(options, name):
			rest++
		case !valued:
			i++ // its value
		}
	}
	return ok && rest == 1
}

// forAll tells whether a command is for all apps. At the server's start ps:restore is: its pre-restore waits instead.
// An app beside --all changes nothing, Dokku still takes all: only where the words are Docker's own it is none of ours.
func forAll(command string, words []string) bool {
	switch command {
	case "ps:restore", "docker-options:add", "docker-options:remove":
		return false
	case "network:rebuildall": // no word says it
		return true
	case "letsencrypt:auto-renew":
		return len(words) == 0
	}
	return slices.ContainsFunc(words, func(word string) bool {
		value, ok := strings.CutPrefix(word, "--all=")
		yes, err := strconv.ParseBool(value)
		return word == "--all" || ok && err == nil && yes
	})
}

func mayPass(command string) bool {
	plugin, verb, ok := strings.Cut(command, ":")
	return plugin == "graduate" || slices.Contains(harmless, command) || ok && slices.Contains(harmless, ":"+verb)
}

// RefuseClosed refuses what came to a closed target by none of the commands that user-auth saw, as it was begun before
// the target was closed, or by another plugin (scheduler-deploy SCHEDULER APP TAG [TYPE], scheduler-stop SCHEDULER APP).
// The run's own deploys pass.
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

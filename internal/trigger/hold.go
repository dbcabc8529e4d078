package trigger

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/failpoint"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/hold"
	"github.com/dokku-graduate/dokku-graduate/internal/journal"
	"github.com/dokku-graduate/dokku-graduate/internal/proxy"
)

// ours tells whether a trigger call belongs to the run that started it: the coordinator names run and target in
// the environment, and a deploy of another app that such a deploy should cause is none of ours.
func ours(args []string, app int) bool {
	return os.Getenv(dokku.EnvRun) != "" && len(args) > app && args[app] == os.Getenv(dokku.EnvApp)
}

// DeployedAppImageTag answers the tag that is being graduated (deployed-app-image-tag APP). The outputs of all
// plugins are concatenated by Dokku, so nothing is printed for anybody else.
func DeployedAppImageTag(args []string) int {
	if ours(args, 0) {
		fmt.Println(os.Getenv(dokku.EnvTag))
	}
	return 0
}

// DockerArgsDeploy labels the containers of a run and tells them their true revision
// (docker-args-deploy APP TAG [TYPE [INDEX]]): they are created before GIT_REV of the app moves.
func DockerArgsDeploy(args []string) int {
	if !ours(args, 0) {
		return 0
	}
	fmt.Printf(" --label=%s=%s", dokku.RunLabel, os.Getenv(dokku.EnvRun))
	if revision := os.Getenv(dokku.EnvRev); revision != "" {
		fmt.Printf(" --env=%s", revision)
	}
	return 0
}

// DockerArgsRun labels the one-off containers of a run, says whose each is, and gives it what it is told
// (docker-args-run APP TAG).
func DockerArgsRun(args []string) int {
	if ours(args, 0) {
		fmt.Print(dokku.FromEnv().OneOffArgs(os.Getenv(dokku.EnvRun), os.Getenv(dokku.EnvHook)))
	}
	return DockerArgsDeploy(args)
}

// CheckDeploy holds a candidate (check-deploy APP CONTAINER TYPE PORT IP INDEX). It comes after Dokku's own
// check of the same container, as its plugin sorts last. An exit code other than 0 makes Dokku remove the
// container and keep the old one.
func CheckDeploy(args []string) int {
	socket := os.Getenv(dokku.EnvSocket)
	if socket == "" || !ours(args, 0) || len(args) < 5 {
		return 0
	}
	c := graduate.Candidate{App: args[0], Container: args[1], Process: args[2], IP: args[4], Index: 1}
	if c.Process == graduate.Web {
		c.Port = args[3]
	}
	if len(args) > 5 {
		if _, err := fmt.Sscan(args[5], &c.Index); err != nil {
			fmt.Fprintf(os.Stderr, " !     check-deploy was called with index %q\n", args[5])
			return 1
		}
	}
	fmt.Printf("-----> Held by graduation %s (%s)\n", os.Getenv(dokku.EnvRun), c.Name())
	failpoint.Hit("held/arrives")
	c.Deploy = dokku.Waiters(os.Getenv(dokku.EnvRun))
	action, reason, pass := hold.Arrive(socket, os.Getenv(dokku.EnvRun), c)
	failpoint.Hit("held/answered")
	if action == hold.Gone {
		action = askJournal(c, &reason)
	}
	if action == hold.GoOn {
		fmt.Printf("-----> Released by graduation %s (%s)\n", os.Getenv(dokku.EnvRun), c.Name())
		failpoint.Hit("held/passes")
		pass()
		return 0
	}
	fmt.Fprintf(os.Stderr, " !     %s turned back by graduation %s: %s\n", c.Name(), os.Getenv(dokku.EnvRun), reason)
	return 1
}

// webTime bounds the time in which the deploy of an app's web processes must end before another type of it goes on.
const webTime = 5 * time.Minute

// askJournal decides where the coordinator is gone: forward after the release record, else back.
func askJournal(c graduate.Candidate, reason *string) hold.Action {
	path := os.Getenv(dokku.EnvJournal)
	released, err := journal.Released(path)
	host := dokku.FromEnv()
	orphaned := orphan(host)
	resumeOld(host, orphaned, released)
	if err == nil && released {
		r := &graduate.Run{Dir: filepath.Dir(path)}
		if err := switchAll(r); err != nil {
			fmt.Fprintf(os.Stderr, " !     The apps were not switched together: %v\n", err) // Dokku switches this one
		} else {
			killOld(host, orphaned)
		}
		if c.Process != graduate.Web && !awaitWeb(r, c) {
			*reason = "the deploy of web did not come to its end; dokku graduate:recover completes it, and this one"
			return hold.TurnBack
		}
		return hold.GoOn
	}
	if err != nil {
		*reason = err.Error()
	}
	return hold.TurnBack
}

// awaitWeb waits for the deploy of the app's web processes, as the coordinator would have done, and tells whether Dokku
// has taken them over. Where it has not, another type's deploy would bring the old ones back: its bookkeeping builds the
// proxy's file of what Dokku knows.
func awaitWeb(r *graduate.Run, c graduate.Candidate) bool {
	events, _ := journal.Replay(r.Journal()) // it was read just now
	var web []string
	for _, e := range events {
		if e.Candidate != nil && e.Candidate.App == c.App && e.Candidate.Process == graduate.Web {
			web = append(web, e.Candidate.Container)
		}
	}
	if len(web) == 0 {
		return true
	}
	fmt.Printf("       %s waits for the deploy of web\n", c.Name())
	ctx, cancel := context.WithTimeout(context.Background(), webTime)
	defer cancel()
	return dokku.AwaitWeb(ctx, r, c.App) == nil && dokku.FromEnv().TookOver(c.App, web)
}

// switchAll makes the switch of a coordinator that died between its release record and its reload: Dokku would
// reload nginx for one app after the other. A second time it changes nothing.
func switchAll(r *graduate.Run) error {
	nginx := &proxy.Nginx{Host: dokku.FromEnv(), Emit: func(graduate.Event) {}}
	return nginx.Switch(context.Background(), r)
}

// NginxPreReload takes a configuration that Dokku has rendered for a run away before nginx is reloaded
// (nginx-pre-reload APP PORT IP), and ends proxy-build-config there by its exit code. Dokku evaluates the app's
// config in the same shell, so that whoever may set config can set these variables: they choose no path, and
// count for nothing unless that run is under way for that app.
func NginxPreReload(args []string) int {
	if os.Getenv(dokku.EnvRender) == "" || !ours(args, 0) {
		return 0
	}
	host := dokku.FromEnv()
	to, ok := host.RenderTarget(os.Getenv(dokku.EnvRun), args[0])
	if !ok {
		return 0
	}
	from := host.NginxConf(args[0])
	if conf, err := os.ReadFile(from); err == nil {
		_ = os.WriteFile(to, conf, 0o600) // a file that is not there is what the coordinator reports
	}
	_ = os.Remove(from)
	return 1
}

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/dokku-graduate/dokku-graduate/tests/apps/internal/kit"
)

// worker logs that it works, every second. Behaviour worker-crashes (=2s: after that time) makes
// it exit 1; ignores-term makes it deaf for SIGTERM.
func worker(app *kit.App) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if app.Behaviours.Has("ignores-term") {
		ctx = context.WithoutCancel(ctx)
	}
	var crash <-chan time.Time
	if app.Behaviours.Has("worker-crashes") {
		crash = time.After(app.Behaviours.Duration("worker-crashes", time.Second))
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		app.Log("works dyno=%s git_rev=%s", os.Getenv("DYNO"), os.Getenv("GIT_REV"))
		select {
		case <-tick.C:
		case <-crash:
			app.Log("worker crashes, as its image asks for")
			return 1
		case <-ctx.Done():
			app.Log("worker ends")
			return 0
		}
	}
}

// task prints one line, then sleeps and exits as its flags say: a release task, a hook.
func task(app *kit.App, args []string) int {
	name := "unnamed"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("probe task", flag.ContinueOnError)
	code := flags.Int("exit", 0, "exit code")
	sleep := flags.Float64("sleep", 0, "seconds to sleep before the end")
	env := flags.Bool("print-env", false, "print the environment")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	app.Log("task name=%s", name)
	if *env {
		all := os.Environ()
		slices.Sort(all)
		fmt.Println(strings.Join(all, "\n"))
	}
	time.Sleep(time.Duration(*sleep * float64(time.Second)))
	return *code
}

// get asks a URL and prints the answer.
func get(args []string) int {
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "probe get: needs one URL")
		return 2
	}
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Get(args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe get:", err)
		return 1
	}
	defer func() { _ = resp.Body.Close() }()
	fmt.Println("status", resp.StatusCode, "version", resp.Header.Get("X-Version"))
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		return 1
	}
	return 0
}

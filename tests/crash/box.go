package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/dokku-graduate/dokku-graduate/tests/daemon"
)

// patience is how long any command may take; what takes longer hangs.
const patience = 2 * time.Minute

// box is a sandbox with the plugin and one group: the roles portal (web and worker) and ws (web), each an app in the
// environments a (version v1), b (v2) and prod.
type box struct {
	work, dir string
	env       []string
	port      int
	id, group string
	// prod are the targets.
	prod []string
	load *exec.Cmd
	// daemon is the sandbox's own Docker daemon; nil where it uses the machine's.
	daemon *daemon.Daemon
	// read is how much of the load generator's file has been looked at; spans are the times in which requests may fail.
	read  int64
	spans []span
	// ctx ends when the whole test is to end.
	ctx context.Context
}

// buildTools builds the sandbox and the load generator, and takes a snapshot of the work tree to install.
func buildTools(work string) error {
	for _, name := range []string{"sandbox", "load"} {
		if out, err := exec.Command("go", "build", "-o", filepath.Join(work, name), "./tests/"+name).CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w: %s", name, err, out)
		}
	}
	if err := os.Rename(filepath.Join(work, "sandbox"), filepath.Join(work, "graduate-sandbox")); err != nil {
		return err
	}
	_, err := helper(os.Environ(), "snapshot_of_work_tree", filepath.Join(work, "plugin.git"))
	return err
}

// helper runs a function of the end-to-end tests' helpers.
func helper(env []string, words ...string) (string, error) {
	repo, err := os.Getwd()
	if err != nil {
		return "", err
	}
	script := `set -e; bats_require_minimum_version() { :; }; source "$REPO/tests/e2e/helpers.bash"; "$@"`
	cmd := exec.Command("bash", append([]string{"-c", script, "helper"}, words...)...)
	cmd.Env = append(env, "REPO="+repo)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", words[0], err, out)
	}
	return string(out), nil
}

// newBox starts a sandbox with a deployed group under load. The box is to be stopped also where there is an error.
func newBox(ctx context.Context, work, name string, d *daemon.Daemon) (*box, error) {
	b := &box{ctx: ctx, work: work, dir: filepath.Join(work, name), daemon: d,
		id: "crash" + filepath.Base(work)[len("graduate-crash."):] + name}
	b.group = b.id
	if err := b.startSandbox(); err != nil {
		return b, err
	}
	if err := b.dokku("plugin:install", "file://"+filepath.Join(work, "plugin.git"), "--name", "graduate"); err != nil {
		return b, err
	}
	return b, b.makeGroup()
}

// startSandbox starts an empty sandbox and reads how to reach it.
func (b *box) startSandbox() error {
	tool := filepath.Join(b.work, "graduate-sandbox")
	b.env = os.Environ()
	if b.daemon != nil {
		b.env = append(b.env, "DOCKER_HOST="+b.daemon.Host())
	}
	if out, err := exec.Command(tool, "start", b.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	cmd := exec.Command("bash", "-c", `eval "$("$1" env "$2")"; env -0`, "env", tool, b.dir)
	cmd.Env = b.env
	out, err := cmd.Output()
	if err != nil {
		return err
	}
	b.env = strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	b.env = append(b.env, "E2E_SHARED="+b.work, "E2E_ID="+b.id)
	var settings struct {
		Port int `json:"http_port"`
	}
	if err := json.Unmarshal([]byte(readFile(filepath.Join(b.dir, "sandbox.json"))), &settings); err != nil {
		return err
	}
	b.port = settings.Port
	return nil
}

// hooks are host hooks; those of pre and post fail where a file says so.
func (b *box) hooks() error {
	if err := os.MkdirAll(filepath.Join(b.dir, "hooks"), 0o755); err != nil {
		return err
	}
	for _, kind := range []string{"pre", "post", "live", "abort"} {
		script := fmt.Sprintf("#!/bin/sh\n[ ! -e %s ] || exit 3\n", b.failing(kind))
		if err := os.WriteFile(filepath.Join(b.dir, "hooks", kind), []byte(script), 0o755); err != nil {
			return err
		}
		if err := b.dokku("graduate:hooks:add", b.group, kind, "host", "--host", kind); err != nil {
			return err
		}
	}
	return b.dokku("graduate:hooks:add", b.group, "post", "migrate", "--app", "portal", "--", "/app/probe", "task", "migrate")
}

func (b *box) failing(kind string) string { return filepath.Join(b.dir, "fail-"+kind) }

// fail makes the hooks of one kind fail from now on; none without one.
func (b *box) fail(kind string) error {
	for _, k := range []string{"pre", "post"} {
		_ = os.Remove(b.failing(k))
	}
	if kind == "" {
		return nil
	}
	return os.WriteFile(b.failing(kind), nil, 0o644)
}

func (b *box) makeGroup() error {
	if err := b.dokku("graduate:create", b.group, "a", "b", "prod"); err != nil {
		return err
	}
	images := map[string][]string{"portal": {"--worker", "1", "--uptime", "1"}, "ws": nil}
	var pairs, sources []string
	for _, role := range []string{"portal", "ws"} {
		add := []string{"graduate:add", b.group, role}
		for i, environment := range []string{"a", "b", "prod"} {
			app := b.group + "-" + role + "-" + environment
			version := []string{"v1", "v2", "v1"}[i]
			image := strings.ToLower(b.id + "/" + role + ":" + version)
			build := exec.CommandContext(b.ctx, "tests/apps/build-image", append([]string{image, version}, images[role]...)...)
			build.Env = b.env
			if out, err := build.CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			add = append(add, environment+"="+app)
			pairs = append(pairs, app+"="+image)
			if environment == "prod" {
				b.prod = append(b.prod, app)
			} else {
				sources = append(sources, app)
			}
		}
		if err := b.deploy(pairs[len(pairs)-3:]); err != nil {
			return err
		}
		if err := b.dokku(add...); err != nil {
			return err
		}
	}
	for _, app := range sources { // an image is all that is taken of them
		if err := b.dokku("ps:stop", app); err != nil {
			return err
		}
	}
	if err := b.hooks(); err != nil {
		return err
	}
	return b.startLoad()
}

// deploy makes apps and deploys their images side by side.
func (b *box) deploy(pairs []string) error {
	done := make(chan error, len(pairs))
	for _, pair := range pairs {
		go func() {
			app, image, _ := strings.Cut(pair, "=")
			for _, words := range [][]string{{"apps:create", app}, {"checks:set", app, "wait-to-retire", "1"}, {"git:from-image", app, image}} {
				if err := b.dokku(words...); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	var failed error
	for range pairs {
		if err := <-done; err != nil {
			failed = err
		}
	}
	return failed
}

// startLoad asks the targets all the time, from outside of the sandbox's environment.
func (b *box) startLoad() error {
	words := []string{"start", "--out", filepath.Join(b.dir, "load"), "--every", "50ms", "--for", "6h"}
	for _, app := range b.prod {
		words = append(words, fmt.Sprintf("%s@%s.sandbox.test=http://127.0.0.1:%d/", app, app, b.port))
	}
	b.load = exec.Command(filepath.Join(b.work, "load"), words...)
	return b.load.Start()
}

// stop removes the sandbox with all that belongs to it. Where the daemon is its own, images and containers go with that.
func (b *box) stop() {
	if b.load != nil {
		_ = b.load.Process.Kill()
		_ = b.load.Wait()
	}
	b.killAll(func(p process) bool { return !p.isNginx() })
	stop := exec.Command(filepath.Join(b.work, "graduate-sandbox"), "stop", b.dir)
	stop.Env = b.env
	if out, err := stop.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, " !     crash: the sandbox %s is not removed: %v: %s\n", b.dir, err, out)
	}
	if b.daemon != nil {
		b.daemon.Remove()
		return
	}
	images, _ := b.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", strings.ToLower(b.id)+"/*")
	if words := strings.Fields(images); len(words) > 0 {
		_, _ = b.docker(append([]string{"image", "rm", "--force"}, words...)...)
	}
}

// docker runs a command against the sandbox's Docker daemon and returns what it prints.
func (b *box) docker(words ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", words...)
	cmd.Env = b.env
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("docker %s: %w", strings.Join(words, " "), err)
	}
	return string(out), nil
}

// command is a command of the sandbox's Dokku, in a session of its own.
func (b *box) command(ctx context.Context, env []string, words ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(b.dir, "bin", words[0]), words[1:]...)
	cmd.Env = append(append([]string{}, b.env...), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// dokku runs a command that has to succeed.
func (b *box) dokku(words ...string) error {
	code, out := b.attempt(nil, append([]string{"dokku"}, words...)...)
	if code != 0 {
		return fmt.Errorf("dokku %s: exit code %d: %s", strings.Join(words, " "), code, out)
	}
	return nil
}

// attempt runs a program of the sandbox and returns its exit code, -1 where it was killed, and what it printed.
func (b *box) attempt(env []string, words ...string) (int, string) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	// A file, as deploys that outlive their coordinator would keep a pipe open.
	out, err := os.CreateTemp(b.dir, "output-")
	if err != nil {
		return -3, err.Error()
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd := b.command(ctx, env, words...)
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	text, _ := os.ReadFile(out.Name())
	if ctx.Err() != nil {
		return -2, string(text) + "\n(it did not end within " + patience.String() + ")"
	}
	if err != nil && cmd.ProcessState == nil {
		return -3, err.Error()
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

// data is a path below the plugin's data folder.
func (b *box) data(words ...string) string {
	return filepath.Join(append([]string{b.dir, "lib", "data", "graduate"}, words...)...)
}

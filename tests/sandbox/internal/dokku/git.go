package dokku

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

func gitPlugin() plugin {
	return plugin{
		about: "Manage app deploys via git",
		help: []string{
			"git:from-image [--build-dir DIRECTORY] <app> <docker-image> [<git-username> <git-email>], Updates an app's git repository with a given docker image",
			"git:initialize <app>, Initialize a git repository for an app",
			"git:load-image [--build-dir DIRECTORY] <app> <docker-image> [<git-username> <git-email>], Updates an app's git repository with a docker image loaded from stdin",
			"git:report [<app>] [<flag>], Displays a git report for one or more apps",
			"git:set <app> <key> (<value>), Set or clear a git property for an app",
		},
		hooks: map[string]Hook{
			"deploy-source-set": func(p *Proc, args []string) error {
				if arg(args, 1) == "docker-image" {
					return nil
				}
				return p.setProp("git", arg(args, 0), "source-image", "")
			},
			"git-deploy-branch": func(p *Proc, args []string) error {
				p.print(p.deployBranch(arg(args, 0)))
				return nil
			},
			"git-from-directory": gitFromDirectory,
			"git-from-image":     gitFromImage,
			"git-get-property":   getProperty(func(p *Proc, app, key string) string { return p.prop("git", app, key) }),
			"git-has-code":       gitHasCode,
			"git-revision": func(p *Proc, args []string) error {
				env, err := p.loadEnv(arg(args, 0))
				p.print(env["GIT_REV"])
				return err
			},
			"post-create": func(p *Proc, args []string) error { return p.createHook(arg(args, 0)) },
			"receive-app": func(p *Proc, args []string) error {
				p.startBuild(arg(args, 0), "git-hook")
				return p.receiveApp(arg(args, 0), arg(args, 1))
			},
		},
		subcommands: map[string]Hook{
			"from-image": fromImage,
			"initialize": func(p *Proc, args []string) error {
				if err := p.verifyApp(arg(args, 1)); err != nil {
					return err
				}
				return p.createHook(args[1])
			},
			"load-image": loadImage,
			"report":     reportCommand("git", gitReport),
			"set":        setCommand("git", []string{"deploy-branch", "keep-git-dir", "rev-env-var"}, []string{"deploy-branch", "keep-git-dir"}),
		},
	}
}

// git runs git in a folder, without what an outer git has put into the
// environment, and without the user's own settings getting in the way.
func (p *Proc) git(dir string, args ...string) (string, error) {
	child := p.clone()
	for _, name := range []string{"GIT_DIR", "GIT_QUARANTINE_PATH", "GIT_WORK_TREE", "GIT_INDEX_FILE"} {
		delete(child.Env, name)
	}
	child.Env["GIT_TERMINAL_PROMPT"] = "0"
	out, err := child.capture("git", append([]string{"-C", dir, "-c", "safe.directory=*"}, args...)...)
	if err != nil {
		return "", fmt.Errorf("%s: %w", arg(args, 0), err)
	}
	return out, nil
}

func (p *Proc) deployBranch(app string) string {
	return p.propComputed("git", app, "deploy-branch", "master")
}

// createHook makes the app's folder a repository that deploys what is pushed.
func (p *Proc) createHook(app string) error {
	dir := p.Layout.App(app)
	if !isDir(filepath.Join(dir, "refs")) {
		if _, err := p.capture("git", "init", "-q", "--bare", dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "hooks"), 0o755); err != nil {
		return err
	}
	hook := fmt.Sprintf("#!/usr/bin/env bash\nset -eo pipefail\n\ncat | DOKKU_ROOT=%q %q git-hook %q\n",
		p.Layout.Root(), filepath.Join(p.Layout.Bin(), "dokku"), app)
	return os.WriteFile(filepath.Join(dir, "hooks", "pre-receive"), []byte(hook), 0o755)
}

func gitHasCode(p *Proc, args []string) error {
	branch := arg(args, 1)
	if branch == "" {
		branch = p.deployBranch(arg(args, 0))
	}
	if !exists(filepath.Join(p.Layout.App(arg(args, 0)), "refs", "heads", branch)) {
		return Exit{1}
	}
	return nil
}

// receiveApp builds and deploys a commit under the app's deploy lock.
func (p *Proc) receiveApp(app, rev string) error {
	if !isDir(filepath.Join(p.Layout.App(app), "refs")) {
		return nil
	}
	return p.withDeployLock(app, func() error { return p.buildRev(app, rev) })
}

// buildRev builds a commit; without one, what is at the deploy branch.
func (p *Proc) buildRev(app, rev string) error {
	if rev != "" {
		name := "GIT_REV"
		if p.propExists("git", app, "rev-env-var") {
			name = p.prop("git", app, "rev-env-var")
		}
		if name != "" {
			if err := p.with("DOKKU_QUIET_OUTPUT=1").setConfig(app, map[string]string{name: rev}, false); err != nil {
				return err
			}
		}
	} else {
		branch := p.deployBranch(app)
		rev = firstLine(filepath.Join(p.Layout.App(app), "refs", "heads", branch))
		if rev == "" {
			p.print(fmt.Sprintf("-----> WARNING: Cannot build from '%s' as there are no commits stored at that branch.", branch))
			return Exit{1}
		}
	}
	dir, err := os.MkdirTemp("", "dokku-"+p.Env["DOKKU_PID"]+"-git_build_app_repo.")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := p.checkOut(app, rev, dir); err != nil {
		return p.fail("%v", err)
	}
	return p.buildFolder(app, dir, rev)
}

// checkOut puts the files of a commit into a folder. The commit may still be in
// the quarantine of a push, whose objects git finds by the environment.
func (p *Proc) checkOut(app, rev, dir string) error {
	script := `git -c safe.directory='*' archive "$1" | tar x -C "$2"`
	child := p.with("GIT_DIR=" + p.Layout.App(app))
	_, err := child.capture("bash", "-o", "pipefail", "-c", script, "checkout", rev, dir)
	if err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// buildFolder lets the plugins prepare a folder and builds it.
func (p *Proc) buildFolder(app, dir, rev string) error {
	for _, name := range []string{"GIT_DIR", "GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"} {
		delete(p.Env, name)
	}
	for _, hook := range []string{"core-post-extract", "post-extract"} {
		if err := p.trigger(hook, app, dir, rev); err != nil {
			return err
		}
	}
	builder := arg(lines(p.ask("builder-detect", app, dir)), 0)
	if builder == "" {
		builder = "herokuish"
	}
	if err := p.trigger("pre-receive-app", app, builder, dir, rev); err != nil {
		return err
	}
	if builder != "dockerfile" {
		return p.fail("The sandbox builds from a Dockerfile only, and not with %s", builder)
	}
	return p.receive(app, builder, dir)
}

// gitCommands are the commands that git itself and the repositories' hooks call.
func (p *Proc) gitCommands(args []string) error {
	app := strings.TrimPrefix(strings.Trim(arg(args, 1), "'"), "/")
	switch args[0] {
	case "git-hook":
		return p.gitHook(app)
	case "git-receive-pack":
		if err := p.validName(app); err != nil {
			return err
		}
		if !isDir(filepath.Join(p.Layout.App(app), "refs")) {
			if !isDir(p.Layout.App(app)) {
				if err := p.toStderr().trigger("app-maybe-create", app); err != nil {
					return err
				}
			}
			if err := p.createHook(app); err != nil {
				return err
			}
		}
		return p.run("git", "-c", "safe.directory=*", "receive-pack", p.Layout.App(app))
	case "git-upload-pack":
		if err := p.verifyApp(app); err != nil {
			return err
		}
		return p.run("git", "-c", "safe.directory=*", "upload-pack", p.Layout.App(app))
	}
	return Exit{notImplemented}
}

// toStderr is a clone for what runs while git talks on standard output.
func (p *Proc) toStderr() *Proc {
	child := p.clone()
	child.Out = p.Err
	return child
}

var zeroRev = regexp.MustCompile(`^0+$`)

// gitHook deploys what is pushed to the deploy branch.
func (p *Proc) gitHook(app string) error {
	if err := p.verifyApp(app); err != nil {
		return err
	}
	input, err := readAll(p.In)
	if err != nil {
		return err
	}
	p.In = nil
	p.startBuild(app, "git-hook")
	for _, line := range lines(input) {
		fields := strings.Fields(line)
		rev, ref := arg(fields, 1), arg(fields, 2)
		if zeroRev.MatchString(rev) {
			continue
		}
		branch := p.deployBranch(app)
		if ref != "refs/heads/"+branch && ref != "refs/tags/"+branch {
			pushed := strings.TrimPrefix(strings.TrimPrefix(ref, "refs/heads/"), "refs/tags/")
			if p.propComputed("git", app, "deploy-branch", "") != "" || gitHasCode(p, []string{app}) == nil {
				p.print(fmt.Sprintf("-----> WARNING: deploy did not complete, you must push to %s.", branch))
				p.print(fmt.Sprintf("-----> for example, try 'git push <dokku> %s:%s'", pushed, branch))
				continue
			}
			p.print(fmt.Sprintf("-----> Set %s as deploy-branch", pushed))
			if err := p.setProp("git", app, "deploy-branch", pushed); err != nil {
				return err
			}
		}
		if err := p.receiveApp(app, rev); err != nil {
			return err
		}
		if err := p.trigger("deploy-source-set", app, "git-push", rev); err != nil {
			return err
		}
	}
	return nil
}

func gitReport(p *Proc, app string) []field {
	branch := p.deployBranch(app)
	sha, err := p.git(p.Layout.App(app), "rev-parse", "--short", "HEAD")
	if err != nil {
		sha = "HEAD"
	}
	updated := ""
	if info, err := os.Stat(filepath.Join(p.Layout.App(app), "refs", "heads", branch)); err == nil {
		updated = strconv.FormatInt(info.ModTime().Unix(), 10)
	}
	revName := "GIT_REV"
	if p.propExists("git", app, "rev-env-var") {
		revName = p.prop("git", app, "rev-env-var")
	}
	return []field{
		{"git-computed-deploy-branch", branch},
		{"git-deploy-branch", p.prop("git", app, "deploy-branch")},
		{"git-global-deploy-branch", p.propComputed("git", global, "deploy-branch", "master")},
		{"git-keep-git-dir", p.propComputed("git", app, "keep-git-dir", "false")},
		{"git-last-updated-at", updated},
		{"git-rev-env-var", revName},
		{"git-sha", sha},
		{"git-source-image", p.prop("git", app, "source-image")},
	}
}

package dokku

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func readAll(in io.Reader) (string, error) {
	if in == nil {
		return "", nil
	}
	data, err := io.ReadAll(in)
	return string(data), err
}

// imageArgs takes the options of git:from-image apart.
func (p *Proc) imageArgs(args []string) (dir string, rest []string) {
	for i := 1; i < len(args); i++ {
		switch args[i] {
		case "--build-dir":
			i++
			dir = arg(args, i)
		case "--force":
			p.Env["DOKKU_APPS_FORCE_DELETE"] = "1"
		default:
			rest = append(rest, args[i])
		}
	}
	return dir, rest
}

func fromImage(p *Proc, args []string) error {
	dir, rest := p.imageArgs(args)
	return p.deployImage("git:from-image", dir, rest)
}

func loadImage(p *Proc, args []string) error {
	dir, rest := p.imageArgs(args)
	if err := p.verifyApp(arg(rest, 0)); err != nil {
		return err
	}
	if err := p.run(p.Env["DOCKER_BIN"], "load"); err != nil {
		return err
	}
	p.In = nil
	there, err := p.imageExists(arg(rest, 1))
	if err != nil {
		return p.fail("%v", err)
	}
	if !there {
		return p.fail("Loaded image tarball but the specified docker image was not found: %s", arg(rest, 1))
	}
	return p.deployImage("git:load-image", dir, rest)
}

func (p *Proc) deployImage(command, dir string, rest []string) error {
	app, image := arg(rest, 0), arg(rest, 1)
	if err := p.verifyApp(app); err != nil {
		return err
	}
	if image == "" {
		return p.fail("Please specify a docker image")
	}
	p.startBuild(app, command)
	if p.trigger("git-from-image", app, image, dir, arg(rest, 2), arg(rest, 3)) != nil {
		return Exit{1}
	}
	return p.trigger("deploy-source-set", app, "docker-image", image)
}

// gitFromImage makes a commit whose Dockerfile is nothing but the image.
func gitFromImage(p *Proc, args []string) error {
	app, image, context := arg(args, 0), arg(args, 1), arg(args, 2)
	user, email := orElse(arg(args, 3), "Dokku"), orElse(arg(args, 4), "automated@dokku.sh")
	dir, err := os.MkdirTemp("", "dokku-"+p.Env["DOKKU_PID"]+"-trigger-git-git-from-image.")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	p.info1("Generating build context")
	if context != "" {
		if !isDir(context) {
			return p.fail("Invalid BUILD_DIR specified for docker build context")
		}
		p.verbose("Syncing build directory context")
		if err := copyTree(context, dir); err != nil {
			return err
		}
	}
	lines := fmt.Sprintf("FROM %s\nLABEL com.dokku.docker-image-labeler/alternate-tags=[\\\"%s\\\"]\n", image, image)
	file, err := os.OpenFile(filepath.Join(dir, "Dockerfile"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := file.WriteString(lines); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	there, err := p.imageExists(image)
	if err != nil {
		return p.fail("%v", err)
	}
	if there {
		p.info1("Image exists on host, skipping pull")
	} else {
		p.info1("Pulling image")
		if p.run(p.Env["DOCKER_BIN"], "image", "pull", image) != nil {
			return p.fail("Failed to pull image: %s", image)
		}
	}
	if err := p.setProp("git", app, "source-image", image); err != nil {
		return err
	}
	return p.trigger("git-from-directory", app, dir, user, email)
}

func orElse(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// gitFromDirectory commits a folder to the app's repository and deploys it. If
// the deploy fails, the branch goes back to where it was.
func gitFromDirectory(p *Proc, args []string) error {
	app, source := arg(args, 0), arg(args, 1)
	branch := p.deployBranch(app)
	repository := p.Layout.App(app)
	p.info1("Updating git repository with specified build context")
	before, err := p.git(repository, "rev-parse", "--verify", "--quiet", "refs/heads/"+branch)
	fresh := err != nil
	rev, err := p.commitFolder(repository, source, before, arg(args, 2), arg(args, 3))
	if err != nil {
		return err
	}
	if fresh {
		if err := p.createHook(app); err != nil {
			return err
		}
		p.verbose("Detected branch, setting deploy-branch to %s", branch)
		if err := p.setProp("git", app, "deploy-branch", branch); err != nil {
			return err
		}
		if _, err := p.git(repository, "symbolic-ref", "HEAD", "refs/heads/"+branch); err != nil {
			return err
		}
	}
	if _, err := p.git(repository, "update-ref", "refs/heads/"+branch, rev); err != nil {
		return err
	}
	failure := p.receiveApp(app, rev)
	if failure == nil || errors.Is(failure, errLocked) {
		return failure // a locked app keeps the commit, in Dokku as here
	}
	if fresh {
		_, err = p.git(repository, "update-ref", "-d", "HEAD")
	} else {
		_, err = p.git(repository, "update-ref", "refs/heads/"+branch, before)
	}
	if err != nil {
		p.warn("%v", err)
	}
	return failure
}

// commitFolder writes a folder's files as a commit on top of parent, if there is
// one. It moves no branch.
func (p *Proc) commitFolder(repository, source, parent, user, email string) (string, error) {
	scratch, err := os.MkdirTemp("", "dokku-"+p.Env["DOKKU_PID"]+"-trigger-git-git-from-directory.")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	child := p.with("GIT_AUTHOR_NAME="+user, "GIT_AUTHOR_EMAIL="+email,
		"GIT_COMMITTER_NAME="+user, "GIT_COMMITTER_EMAIL="+email)
	index := []string{"--git-dir=" + repository, "--work-tree=" + source}
	steps := func(args ...string) (string, error) {
		return child.gitWithIndex(filepath.Join(scratch, "index"), source, append(index, args...)...)
	}
	if _, err := steps("add", "--all", "--force", "."); err != nil {
		return "", err
	}
	tree, err := steps("write-tree")
	if err != nil {
		return "", err
	}
	if parent == "" {
		return steps("commit-tree", "-m", "Initial commit", tree)
	}
	if current, err := steps("rev-parse", parent+"^{tree}"); err == nil && strings.TrimSpace(current) == tree {
		p.warn("No changes detected, skipping git commit")
		p.warn("Call 'ps:rebuild' on app to rebuild the app from existing source")
		return "", Exit{1}
	}
	return steps("commit-tree", "-p", parent, "-m", fmt.Sprintf("Automated commit @ %d", time.Now().Unix()), tree)
}

// gitWithIndex is git with an index file of its own.
func (p *Proc) gitWithIndex(index, dir string, args ...string) (string, error) {
	child := p.with("GIT_INDEX_FILE=" + index)
	for _, name := range []string{"GIT_DIR", "GIT_QUARANTINE_PATH", "GIT_WORK_TREE"} {
		delete(child.Env, name)
	}
	return child.capture("git", append([]string{"-C", dir, "-c", "safe.directory=*"}, args...)...)
}

package dokku

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/tests/sandbox/internal/format"
)

func builderPlugin() plugin {
	return plugin{
		about: "Manage builders for an app",
		help:  []string{"builder:report [<app>] [<flag>], Displays a builder report for one or more apps", "builder:set <app> <key> (<value>), Set or clear a builder property for an app"},
		hooks: map[string]Hook{
			"builder-detect": func(p *Proc, args []string) error {
				if selected := p.propComputed("builder", arg(args, 0), "selected", ""); selected != "" {
					p.print(selected)
				}
				return nil
			},
			"builder-get-property": getProperty(func(p *Proc, app, key string) string { return p.prop("builder", app, key) }),
			"builder-set-property": func(p *Proc, args []string) error {
				return p.setProp("builder", arg(args, 0), arg(args, 1), arg(args, 2))
			},
			"post-delete":          func(p *Proc, args []string) error { p.removeImages(p.appImages(arg(args, 0))...); return nil },
			"post-release-builder": removeBuildImages,
		},
		subcommands: map[string]Hook{
			"set": setCommand("builder", []string{"build-dir", "selected", "skip-cleanup"}, []string{"build-dir", "selected", "skip-cleanup"}),
			"report": reportCommand("builder", func(p *Proc, app string) []field {
				return []field{
					{"builder-detected", p.prop("builder", app, "detected")},
					{"builder-selected", p.prop("builder", app, "selected")},
					{"builder-skip-cleanup", p.prop("builder", app, "skip-cleanup")},
				}
			}),
		},
	}
}

// dockerfilePlugin builds from a Dockerfile, which is all that the sandbox can.
func dockerfilePlugin() plugin {
	return plugin{hooks: map[string]Hook{
		"builder-build": buildImage,
		"builder-detect": func(p *Proc, args []string) error {
			if exists(filepath.Join(arg(args, 1), "Dockerfile")) {
				p.print("dockerfile")
			}
			return nil
		},
		"builder-release": releaseImage,
	}}
}

func stageLabels(app, stage string) map[string]string {
	return map[string]string{
		"com.dokku.app-name": app, "com.dokku.image-stage": stage, "com.dokku.builder-type": "dockerfile", "dokku": "",
		"org.label-schema.schema-version": "1.0", "org.label-schema.vendor": "dokku",
	}
}

func buildImage(p *Proc, args []string) error {
	kind, app, dir := arg(args, 0), arg(args, 1), arg(args, 2)
	if kind != "dockerfile" {
		return nil
	}
	p.info1("Building %s from Dockerfile", app)
	dockerfile, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil {
		return p.fail("No Dockerfile found in source code directory")
	}
	if err := p.trigger("pre-build", kind, app, dir); err != nil {
		return err
	}
	options := p.ask("docker-args-build", app, kind) + " " + p.ask("docker-args-process-build", app, kind)
	extra, err := format.SplitWords(options)
	if err != nil {
		return p.fail("Cannot read docker options: %v", err)
	}
	if err := p.build(app, dir, string(dockerfile), extra); err != nil {
		return err
	}
	ports, err := p.detectPorts(app, string(dockerfile))
	if err != nil {
		return err
	}
	if err := p.trigger("ports-set-detected", app, ports); err != nil {
		return err
	}
	return p.trigger("post-build", kind, app, dir)
}

// build makes the app's image. The Dockerfile of git:from-image only names an
// image; relabelling that one is the same and takes no build.
func (p *Proc) build(app, dir, dockerfile string, extra []string) error {
	tag := appImage(app, "")
	if base, labels, ok := onlyFrom(dockerfile); ok && len(extra) == 0 {
		for key, value := range stageLabels(app, "build") {
			labels[key] = value
		}
		return p.relabel(base, tag, labels)
	}
	child := p.clone()
	env, err := p.mergedEnv(app)
	if err != nil {
		return err
	}
	for key, value := range env {
		child.Env[key] = value
	}
	call := append([]string{"image", "build", "--tag", tag}, extra...)
	cmd := child.command(p.Env["DOCKER_BIN"], append(call, dir)...)
	cmd.Stdin = nil
	if err := exitFrom(cmd.Run()); err != nil {
		return err
	}
	return p.relabel(tag, tag, stageLabels(app, "build"))
}

// onlyFrom reads a Dockerfile that consists of one FROM and of labels.
func onlyFrom(dockerfile string) (base string, labels map[string]string, ok bool) {
	labels = map[string]string{}
	for _, line := range lines(dockerfile) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case word == "FROM" && base == "" && !strings.ContainsAny(rest, " $"):
			base = rest
		case word == "LABEL":
			key, value, found := strings.Cut(rest, "=")
			if !found || strings.Contains(value, " ") {
				return "", nil, false
			}
			labels[key] = strings.ReplaceAll(value, `\"`, `"`)
		default:
			return "", nil, false
		}
	}
	return base, labels, base != "" && base != "scratch"
}

// detectPorts reads the ports that an image exposes, from its Dockerfile first.
func (p *Proc) detectPorts(app, dockerfile string) (string, error) {
	var found []string
	for _, line := range lines(dockerfile) {
		if port, ok := strings.CutPrefix(line, "EXPOSE "); ok {
			found = append(found, strings.Fields(port)[0])
		}
	}
	if len(found) == 0 {
		image, err := p.inspectImage(appImage(app, ""))
		if err != nil {
			return "", err
		}
		ports, _ := image.Config["ExposedPorts"].(map[string]any)
		found = format.SortedKeys(ports)
	}
	if len(found) == 0 {
		if err := p.trigger("ports-configure", app); err != nil {
			return "", err
		}
		return fmt.Sprintf("http:%d:5000", p.proxyPort(app)), nil
	}
	for i, port := range found {
		port, udp := strings.CutSuffix(port, "/udp")
		port = strings.TrimSuffix(port, "/tcp")
		scheme := "http"
		switch {
		case udp:
			scheme = "udp"
		case port == "443":
			scheme = "https"
		}
		found[i] = scheme + ":" + port + ":" + port
	}
	return words(found), nil
}

// releaseImage turns a built image into one that may be deployed.
func releaseImage(p *Proc, args []string) error {
	kind, app, tag := arg(args, 0), arg(args, 1), arg(args, 2)
	if kind != "dockerfile" {
		return nil
	}
	name := appImage(app, tag)
	if there, err := p.imageExists(name); err != nil {
		return err
	} else if tag != "" && !there {
		return p.fail("App image (%s) not found", name)
	}
	if err := p.trigger("pre-release-builder", kind, app, name); err != nil {
		return err
	}
	labels := stageLabels(app, "release")
	delete(labels, "com.dokku.builder-type") // a release keeps the one that its build has set
	if err := p.relabel(name, name, labels); err != nil {
		p.warn("Failure injecting docker labels on image")
		return Exit{1}
	}
	return p.trigger("post-release-builder", kind, app, name)
}

func removeBuildImages(p *Proc, args []string) error {
	out, err := p.docker("image", "ls", "--quiet", "--no-trunc",
		"--filter", "label=com.dokku.image-stage=build", "--filter", "label=com.dokku.app-name="+arg(args, 1))
	if err == nil {
		p.removeImages(lines(out)...)
	}
	return nil
}

// appImages are the images that belong to an app by label or by name.
func (p *Proc) appImages(app string) []string {
	labelled, _ := p.docker("image", "ls", "--quiet", "--no-trunc", "--filter", "label=com.dokku.app-name="+app)
	named, _ := p.docker("image", "ls", "--quiet", "--no-trunc", "dokku/"+app)
	return unique(append(lines(labelled), lines(named)...))
}

func (p *Proc) removeImages(ids ...string) {
	if len(ids) > 0 {
		_, _ = p.docker(append([]string{"image", "rm"}, ids...)...)
	}
}

// cleanup removes an app's ended containers, its dangling images and those that
// no container uses. Without an app it takes this sandbox's containers only:
// what belongs to others on the machine is none of its business.
func (p *Proc) cleanup(app string, force bool) error {
	skip := p.propComputed("builder", app, "skip-cleanup", "") == "true" || p.Env["DOKKU_SKIP_CLEANUP"] == "true"
	if skip && !force {
		p.info1("DOKKU_SKIP_CLEANUP set. Skipping dokku cleanup")
		return nil
	}
	p.info1("Cleaning up...")
	apps := []string{app}
	if app == "" || app == global {
		apps = p.apps()
	}
	for _, each := range apps {
		label := "label=com.dokku.app-name=" + each
		out, _ := p.docker("container", "ls", "--all", "--quiet", "--filter", "label=dokku",
			"--filter", label, "--filter", "status=exited", "--filter", "status=dead")
		if ids := lines(out); len(ids) > 0 {
			_, _ = p.docker(append([]string{"container", "rm"}, ids...)...)
		}
		dangling, _ := p.docker("image", "ls", "--quiet", "--filter", "dangling=true", "--filter", label)
		p.removeImages(lines(dangling)...)
		if app != "" && app != global {
			_, _ = p.docker("image", "prune", "--all", "--force", "--filter", label)
		}
	}
	return nil
}

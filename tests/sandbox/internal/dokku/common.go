package dokku

import (
	"os"
	"regexp"
	"strings"
)

// commonPlugin is what all other plugins build on.
func commonPlugin() plugin {
	return plugin{
		hooks: map[string]Hook{
			"app-list":           appList,
			"core-post-deploy":   func(p *Proc, args []string) error { return p.setProp("common", arg(args, 0), "deployed", "true") },
			"deploy":             func(p *Proc, args []string) error { return p.deploy(arg(args, 0), arg(args, 1), arg(args, 2)) },
			"release-and-deploy": releaseAndDeploy,
			// Not triggers, but programs that shell plugins call by their path.
			"prop":   propCommand,
			"common": commonCommand,
		},
	}
}

// standardPlugin holds the commands that belong to no other plugin.
func standardPlugin() plugin {
	return plugin{
		about: "",
		subcommands: map[string]Hook{
			"cleanup": func(p *Proc, args []string) error { return p.cleanup(arg(args, 1), true) },
			"deploy": func(p *Proc, args []string) error {
				return p.trigger("deploy", from(args, 1)...)
			},
			"urls": func(p *Proc, args []string) error {
				if err := p.verifyApp(arg(args, 1)); err != nil {
					return err
				}
				return p.trigger("domains-urls", arg(args, 1), "urls")
			},
			"report": func(p *Proc, args []string) error { return p.trigger("report", from(args, 1)...) },
		},
	}
}

var appName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)

func (p *Proc) validName(app string) error {
	switch {
	case app == "":
		return p.fail("Please specify an app to run the command on")
	case !appName.MatchString(app):
		return p.fail("App name must begin with lowercase alphanumeric character, and may only contain lowercase alphanumerics, dots, and hyphens")
	}
	return nil
}

// verifyApp refuses a name that is not an app's.
func (p *Proc) verifyApp(app string) error {
	if err := p.validName(app); err != nil {
		return err
	}
	if !isDir(p.Layout.App(app)) {
		return p.failWith(20, "App %s does not exist", app)
	}
	return nil
}

// apps are the names of all apps.
func (p *Proc) apps() []string {
	var apps []string
	entries, _ := os.ReadDir(p.Layout.Root())
	for _, entry := range entries {
		if isDir(p.Layout.App(entry.Name())) && !strings.HasPrefix(entry.Name(), ".") {
			apps = append(apps, entry.Name())
		}
	}
	return apps
}

func appList(p *Proc, _ []string) error {
	for _, app := range p.apps() {
		p.print(app)
	}
	return nil
}

// isDeployed tells whether an app has ever been deployed; the answer is kept as
// a property once it has been found out.
func (p *Proc) isDeployed(app string) bool {
	deployed := p.prop("common", app, "deployed")
	if deployed == "" {
		deployed = "false"
		if p.trigger("scheduler-is-deployed", p.scheduler(app), app) == nil {
			deployed = "true"
		}
		_ = p.setProp("common", app, "deployed", deployed)
	}
	return deployed == "true"
}

// commonCommand answers the questions of the shell library.
func commonCommand(p *Proc, args []string) error {
	args = without(args, "--quiet")
	app := arg(args, 1)
	truth := func(ok bool) error {
		if ok {
			return nil
		}
		return Exit{1}
	}
	switch arg(args, 0) {
	case "verify-app-name":
		return truth(appName.MatchString(app) && isDir(p.Layout.App(app)))
	case "is-valid-app-name", "is-valid-app-name-old":
		return truth(appName.MatchString(app))
	case "is-deployed":
		return truth(p.isDeployed(app))
	case "scheduler-detect":
		p.print(p.scheduler(app))
	case "docker-cleanup":
		return p.cleanup(app, false)
	case "copy-from-image":
		files, err := p.filesOf(app, arg(args, 2))
		if err != nil {
			return p.fail("%v", err)
		}
		data := files[strings.TrimPrefix(arg(args, 3), "/")]
		if data == nil {
			return Exit{1}
		}
		return os.WriteFile(arg(args, 4), data, 0o644)
	case "image-is-cnb-based", "image-is-herokuish-based":
		p.print("false")
	default:
		return p.fail("common: unknown command %s", arg(args, 0))
	}
	return nil
}

// runningTag is the tag of the image that an app runs: what the plugins say, or
// else the given one, or else latest.
func (p *Proc) runningTag(app, tag string) string {
	if answer := p.ask("deployed-app-image-tag", app); answer != "" {
		return answer
	}
	if tag == "" {
		return "latest"
	}
	return tag
}

// deployingImage is the image that a tag of an app stands for. It fails if there
// is no such image.
func (p *Proc) deployingImage(app, tag string) (string, error) {
	tag = p.runningTag(app, tag)
	repository := p.ask("deployed-app-repository", app)
	name := p.ask("deployed-app-image-repo", app)
	if name == "" {
		name = "dokku/" + app
	}
	image := repository + name + ":" + tag
	there, err := p.imageExists(image)
	if err != nil {
		return "", err
	}
	if !there {
		return "", p.fail("App image (%s) not found", image)
	}
	return image, nil
}

// appImage is the image of an app under a tag, whatever the plugins say.
func appImage(app, tag string) string {
	if tag == "" {
		tag = "latest"
	}
	return "dokku/" + app + ":" + tag
}

// imageExists asks docker for an image. That docker cannot be asked is no answer.
func (p *Proc) imageExists(image string) (bool, error) {
	_, err := p.docker("image", "inspect", "--format", "{{.Id}}", image)
	if err != nil && strings.Contains(strings.ToLower(err.Error()), "no such ") {
		return false, nil
	}
	return err == nil, err
}

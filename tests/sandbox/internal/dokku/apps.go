package dokku

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

func appsPlugin() plugin {
	return plugin{
		about: "Manage apps",
		help: []string{
			"apps:clone <old-app> <new-app>, Clones an app",
			"apps:create <app>, Create a new app",
			"apps:destroy <app>, Permanently destroy an app",
			"apps:exists <app>, Checks if an app exists",
			"apps:list, List your apps",
			"apps:lock <app>, Locks an app for deployment",
			"apps:locked <app>, Checks if an app is locked for deployment",
			"apps:rename <old-app> <new-app>, Rename an app",
			"apps:report [<app>] [<flag>], Display report about an app",
			"apps:unlock <app>, Unlocks an app for deployment",
		},
		hooks: map[string]Hook{
			"app-create":            func(p *Proc, args []string) error { return p.createApp(arg(args, 0)) },
			"app-destroy":           func(p *Proc, args []string) error { return p.destroyApp(arg(args, 0)) },
			"app-exists":            func(p *Proc, args []string) error { return p.verifyApp(arg(args, 0)) },
			"app-maybe-create":      appMaybeCreate,
			"deploy-source-set":     deploySourceSet,
			"post-app-clone-setup":  cloneSetup,
			"post-app-rename-setup": cloneSetup,
			"post-create":           func(p *Proc, args []string) error { return os.MkdirAll(p.Layout.Data("apps", arg(args, 0)), 0o755) },
			"post-delete":           appsPostDelete,
		},
		subcommands: map[string]Hook{
			"clone":   appsClone,
			"create":  func(p *Proc, args []string) error { return p.createApp(arg(args, 1)) },
			"destroy": appsDestroy,
			"exists":  func(p *Proc, args []string) error { return p.verifyApp(arg(args, 1)) },
			"list":    appsList,
			"lock":    appsLock,
			"locked":  appsLocked,
			"rename":  appsRename,
			"report":  reportCommand("app", appReport),
			"set":     setCommand("apps", nil, []string{"disable-autocreation"}),
			"unlock":  appsUnlock,
		},
	}
}

func (p *Proc) createApp(app string) error {
	if err := p.validName(app); err != nil {
		return err
	}
	if isDir(p.Layout.App(app)) {
		return p.fail("Name is already taken")
	}
	p.info1Quiet("Creating %s...", app)
	if err := os.MkdirAll(p.Layout.App(app), 0o755); err != nil {
		return err
	}
	if err := p.setProp("apps", app, "created-at", strconv.FormatInt(time.Now().Unix(), 10)); err != nil {
		return err
	}
	return p.trigger("post-create", app)
}

func (p *Proc) destroyApp(app string) error {
	if err := p.verifyApp(app); err != nil {
		return err
	}
	p.info1("Destroying %s (including all add-ons)", app)
	tag := p.runningTag(app, "")
	scheduler := p.scheduler(app)
	for _, call := range [][]string{
		{"pre-delete", app, tag},
		{"scheduler-stop", scheduler, app, "true"},
		{"scheduler-post-delete", scheduler, app, tag},
		{"post-delete", app, tag},
	} {
		if err := p.trigger(call[0], call[1:]...); err != nil {
			return err
		}
	}
	if err := p.cleanup(app, true); err != nil {
		return err
	}
	p.info1("Retiring old containers and images")
	if err := p.trigger("scheduler-retire", scheduler, app); err != nil {
		return err
	}
	return os.RemoveAll(p.Layout.App(app))
}

func appsDestroy(p *Proc, args []string) error {
	force := contains(args, "--force") || contains(args, "-f")
	args = without(without(args, "--force"), "-f")
	app := arg(args, 1)
	if err := p.verifyApp(app); err != nil {
		return err
	}
	if !force && p.Env["DOKKU_APPS_FORCE_DELETE"] != "1" {
		p.warn("WARNING: Potentially Destructive Action")
		p.warn("This command will destroy app %s", app)
		p.warn("To proceed, type \"%s\"", app)
		if readLine(p.In) != app {
			return p.fail("Confirmation did not match %s. Aborted.", app)
		}
	}
	return p.destroyApp(app)
}

func appMaybeCreate(p *Proc, args []string) error {
	app := arg(args, 0)
	if isDir(p.Layout.App(app)) {
		return nil
	}
	if p.prop("apps", global, "disable-autocreation") == "true" {
		p.warn("App auto-creation disabled.")
		return p.fail("Re-enable app auto-creation or create an app with 'dokku apps:create %s'", app)
	}
	return p.quiet().createApp(app)
}

func deploySourceSet(p *Proc, args []string) error {
	app := arg(args, 0)
	if err := p.setProp("apps", app, "deploy-source", arg(args, 1)); err != nil {
		return err
	}
	return p.setProp("apps", app, "deploy-source-metadata", arg(args, 2))
}

func appsList(p *Proc, args []string) error {
	apps := p.apps()
	if contains(args, "json") || contains(args, "--format=json") {
		data, err := json.Marshal(append([]string{}, apps...))
		p.print(string(data))
		return err
	}
	p.info2Quiet("My Apps")
	if len(apps) == 0 {
		p.warn("You haven't deployed any applications yet")
	}
	for _, app := range apps {
		p.print(app)
	}
	return nil
}

func (p *Proc) lockPath(app string) string { return p.Layout.Data("apps", app, ".deploy.lock") }

func appsLock(p *Proc, args []string) error {
	if err := p.verifyApp(arg(args, 1)); err != nil {
		return err
	}
	file, err := os.Create(p.lockPath(args[1]))
	if err != nil {
		return p.fail("Unable to create deploy lock")
	}
	p.info1("Deploy lock created")
	return file.Close()
}

func appsLocked(p *Proc, args []string) error {
	if err := p.verifyApp(arg(args, 1)); err != nil {
		return err
	}
	if !exists(p.lockPath(args[1])) {
		return p.fail("Deploy lock does not exist")
	}
	if !p.isQuiet() {
		p.print("Deploy lock exists")
	}
	return nil
}

func appsUnlock(p *Proc, args []string) error {
	if err := p.verifyApp(arg(args, 1)); err != nil {
		return err
	}
	if exists(p.lockPath(args[1])) {
		p.warn("A deploy may be in progress.")
		p.warn("Removing the app lock will not stop in progress deploys.")
	}
	if os.Remove(p.lockPath(args[1])) != nil {
		return p.fail("Unable to remove deploy lock")
	}
	p.info1("Deploy lock removed")
	return nil
}

func appsClone(p *Proc, args []string) error {
	return p.copyApp(args, "Cloning", "post-app-clone", func(string) error { return nil })
}

func appsRename(p *Proc, args []string) error {
	return p.copyApp(args, "Renaming", "post-app-rename", func(old string) error {
		return p.destroyApp(old)
	})
}

// copyApp is what cloning and renaming have in common.
func (p *Proc) copyApp(args []string, doing, hook string, then func(old string) error) error {
	skip := contains(args, "--skip-deploy")
	args = without(without(args, "--skip-deploy"), "--ignore-existing")
	old, fresh := arg(args, 1), arg(args, 2)
	if err := p.verifyApp(old); err != nil {
		return err
	}
	if fresh == "" {
		return p.fail("Please specify an new app name")
	}
	p.info1Quiet("%s %s to %s", doing, old, fresh)
	if err := p.createApp(fresh); err != nil {
		return err
	}
	if err := p.trigger(hook+"-setup", old, fresh); err != nil {
		return err
	}
	if err := then(old); err != nil {
		return err
	}
	if skip || p.quiet().trigger("git-has-code", fresh) != nil {
		p.Env["SKIP_REBUILD"] = "true"
	}
	return p.trigger(hook, old, fresh)
}

// cloneSetup carries the settings, the data and the code of an app over to a
// new one. Dokku spreads this over its plugins; nothing can tell the difference.
func cloneSetup(p *Proc, args []string) error {
	old, fresh := arg(args, 0), arg(args, 1)
	for name := range p.core.plugins {
		name = propertyPlugin(name)
		if err := copyTree(p.propPath(name, old, ""), p.propPath(name, fresh, "")); err != nil {
			return err
		}
		if name == "ps" || name == "app-json" {
			if err := copyTree(p.Layout.Data(name, old), p.Layout.Data(name, fresh)); err != nil {
				return err
			}
		}
	}
	if err := p.deleteProp("common", fresh, "deployed"); err != nil {
		return err
	}
	env, err := p.loadEnv(old)
	if err != nil {
		return err
	}
	if err := p.saveEnv(fresh, env); err != nil {
		return err
	}
	for _, part := range []string{"HEAD", "objects", "refs", "packed-refs"} {
		from := filepath.Join(p.Layout.App(old), part)
		if !exists(from) {
			continue
		}
		_ = os.RemoveAll(filepath.Join(p.Layout.App(fresh), part))
		if err := copyTree(from, filepath.Join(p.Layout.App(fresh), part)); err != nil {
			return err
		}
	}
	return p.createHook(fresh)
}

// propertyPlugin is the folder that a core plugin keeps its properties in.
func propertyPlugin(name string) string {
	if name == "nginx-vhosts" {
		return "nginx"
	}
	return name
}

// appsPostDelete removes what the core plugins keep of an app.
func appsPostDelete(p *Proc, args []string) error {
	app := arg(args, 0)
	for name := range p.core.plugins {
		if err := os.RemoveAll(p.propPath(propertyPlugin(name), app, "")); err != nil {
			return err
		}
		if err := os.RemoveAll(p.Layout.Data(name, app)); err != nil {
			return err
		}
	}
	return os.RemoveAll(filepath.Dir(p.envFile(app)))
}

func appReport(p *Proc, app string) []field {
	_, err := os.Stat(p.lockPath(app))
	return []field{
		{"app-created-at", p.prop("apps", app, "created-at")},
		{"app-deploy-source", p.prop("apps", app, "deploy-source")},
		{"app-deploy-source-metadata", p.prop("apps", app, "deploy-source-metadata")},
		{"app-dir", p.Layout.App(app)},
		{"app-locked", strconv.FormatBool(err == nil)},
	}
}

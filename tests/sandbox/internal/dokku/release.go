package dokku

// deploy starts an image's containers by way of the app's scheduler.
func (p *Proc) deploy(app, tag, process string) error {
	if err := p.verifyApp(app); err != nil {
		return err
	}
	return p.trigger("scheduler-deploy", p.scheduler(app), app, tag, process)
}

// releaseAndDeploy is the second half of every deploy: what follows the build.
func releaseAndDeploy(p *Proc, args []string) error {
	app, tag, source := arg(args, 0), arg(args, 1), arg(args, 2)
	if tag == "" {
		tag = "latest"
	}
	if source == "" {
		source = "deploy"
	}
	p.startBuild(app, source)
	err := p.releaseThenDeploy(app, tag)
	p.endBuild(app, err)
	return err
}

func (p *Proc) releaseThenDeploy(app, tag string) error {
	there, err := p.imageExists(appImage(app, tag))
	if err != nil {
		return p.fail("%v", err)
	}
	if !there {
		if tag != "latest" {
			return p.fail("App image (%s) not found", appImage(app, tag))
		}
		return nil
	}
	p.info1("Releasing %s...", app)
	if err := p.trigger("builder-release", "dockerfile", app, tag); err != nil {
		return err
	}
	if p.propComputed("ps", app, "skip-deploy", "") == "true" {
		p.info1("Skipping deployment")
		return nil
	}
	p.info1("Deploying %s via the %s scheduler...", app, p.scheduler(app))
	if err := p.deploy(app, tag, ""); err != nil {
		return err
	}
	p.info2("Application deployed:")
	for _, url := range lines(p.ask("domains-urls", app, "urls")) {
		p.verbose("%s", url)
	}
	p.print("")
	return nil
}

// receive builds an app from a folder, releases and deploys it.
func (p *Proc) receive(app, builder, dir string) error {
	if err := p.cleanup(app, false); err != nil {
		return err
	}
	if err := p.trigger("builder-set-property", app, "detected", builder); err != nil {
		return err
	}
	if err := p.buildOrRetag(app, builder, dir); err != nil {
		return err
	}
	return p.trigger("release-and-deploy", app)
}

// buildOrRetag builds, and on failure leaves latest where it was.
func (p *Proc) buildOrRetag(app, builder, dir string) error {
	name := appImage(app, "")
	released, err := p.docker("image", "ls", "--filter", "label=com.dokku.image-stage=release",
		"--filter", "label=com.dokku.app-name="+app, "--format", "{{.ID}}")
	if err != nil {
		return p.fail("%v", err)
	}
	if p.trigger("builder-build", builder, app, dir) == nil {
		return nil
	}
	if ids := lines(released); len(ids) > 0 {
		p.warn("Retagging old image %s as %s", words(ids), name)
		_, _ = p.docker("image", "tag", ids[0], name)
	} else {
		p.warn("Removing invalid image tag %s", name)
		_, _ = p.docker("image", "remove", "--force", "--no-prune", name)
	}
	return p.fail("App build failed")
}

package dokku

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func nginxPlugin() plugin {
	return plugin{
		about: "Manage the nginx proxy",
		help: []string{
			"nginx:access-logs <app> [-t], Show the nginx access logs for an application",
			"nginx:error-logs <app> [-t], Show the nginx error logs for an application",
			"nginx:report [<app>] [<flag>], Displays a nginx report for one or more apps",
			"nginx:set <app> <property> (<value>), Set or clear an nginx property for an app",
			"nginx:show-config <app>, Display app nginx config",
			"nginx:validate-config [<app>] [--clean], Validates and optionally cleans up invalid nginx configurations",
		},
		hooks: map[string]Hook{
			"core-post-deploy": func(p *Proc, args []string) error {
				if p.proxyType(arg(args, 0)) != "nginx" {
					return nil
				}
				return p.trigger("proxy-build-config", arg(args, 0))
			},
			"core-post-extract":             nginxExtract,
			"post-create":                   nginxPostCreate,
			"post-delete":                   nginxPostDelete,
			"post-domains-update":           nginxRebuild,
			"post-proxy-ports-update":       nginxRebuild,
			"proxy-build-config":            proxyBuildConfig,
			"proxy-clear-config":            proxyClearConfig,
			"proxy-disable":                 nginxRebuild,
			"proxy-enable":                  nginxRebuild,
			"scheduler-post-deploy-process": nginxAfterProcess,
			"nginx-control":                 nginxControl, // called by the shell library
		},
		subcommands: map[string]Hook{
			"access-logs":     nginxLogs("access"),
			"error-logs":      nginxLogs("error"),
			"reload":          func(p *Proc, _ []string) error { return p.reloadNginx() },
			"report":          reportCommand("nginx", nginxReport),
			"set":             setCommand("nginx", nginxProperties, nginxProperties),
			"show-config":     nginxShow,
			"show-conf":       nginxShow,
			"start":           func(p *Proc, _ []string) error { return p.StartNginx() },
			"stop":            func(p *Proc, _ []string) error { return p.StopNginx() },
			"validate":        func(p *Proc, args []string) error { return p.validateNginx(arg(args, 1)) },
			"validate-config": func(p *Proc, args []string) error { return p.validateNginx(arg(args, 1)) },
		},
	}
}

// nginxArgs are what makes a real nginx the sandbox's.
func (l Layout) nginxArgs() []string {
	return []string{"-p", l.Nginx() + "/", "-c", filepath.Join(l.Nginx(), "nginx.conf"),
		"-e", filepath.Join(l.Log(), "nginx", "error.log")}
}

// NginxBinary finds the machine's nginx, past the sandbox's own stand-in.
func (l Layout) NginxBinary() (string, error) {
	dirs := append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin", "/usr/local/nginx/sbin")
	for _, dir := range dirs {
		if dir == l.Bin() {
			continue
		}
		file := filepath.Join(dir, "nginx")
		target, err := filepath.EvalSymlinks(file)
		if err != nil || filepath.Base(target) == "graduate-sandbox" {
			continue
		}
		if info, err := os.Stat(target); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", errors.New("nginx is not installed")
}

// Nginx is the stand-in for `nginx`: the real one with the sandbox's settings.
func Nginx(p *Proc, args []string) error {
	binary, err := p.Layout.NginxBinary()
	if err != nil {
		return p.fail("%v", err)
	}
	return p.run(binary, append(p.Layout.nginxArgs(), args...)...)
}

// WriteNginx writes the main configuration.
func (l Layout) WriteNginx(settings Settings) error {
	for _, dir := range []string{l.Nginx(), filepath.Join(l.Log(), "nginx")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	text, err := mainConfig(l, settings)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(l.Nginx(), "nginx.conf"), []byte(text), 0o644)
}

func (l Layout) nginxPid() int {
	pid, _ := strconv.Atoi(firstLine(filepath.Join(l.Run(), "nginx.pid")))
	if pid > 0 && syscall.Kill(pid, 0) == nil {
		return pid
	}
	return 0
}

// StartNginx starts nginx if it does not run.
func (p *Proc) StartNginx() error {
	if p.Layout.nginxPid() != 0 {
		return nil
	}
	binary, err := p.Layout.NginxBinary()
	if err != nil {
		return p.fail("%v", err)
	}
	// Its workers live on, so they must not hold on to our streams.
	cmd := exec.Command(binary, p.Layout.nginxArgs()...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Run(); err != nil {
		return p.fail("nginx does not start, see %s: %v", filepath.Join(p.Layout.Log(), "nginx", "error.log"), err)
	}
	return nil
}

// StopNginx stops nginx and waits until it is gone.
func (p *Proc) StopNginx() error {
	pid := p.Layout.nginxPid()
	if pid == 0 {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return err
	}
	for range 100 {
		if syscall.Kill(pid, 0) != nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// reloadNginx lets nginx read its files again, or starts it.
func (p *Proc) reloadNginx() error {
	if pid := p.Layout.nginxPid(); pid != 0 {
		return syscall.Kill(pid, syscall.SIGHUP)
	}
	return p.StartNginx()
}

// testNginx tests the configuration of all apps together.
func (p *Proc) testNginx() (string, error) {
	binary, err := p.Layout.NginxBinary()
	if err != nil {
		return "", err
	}
	out, err := exec.Command(binary, append(p.Layout.nginxArgs(), "-t")...).CombinedOutput()
	return string(out), err
}

// validateNginx tests the whole configuration. If it is broken, it looks for the
// apps that break it and shows theirs; --clean moves those out of the way.
func (p *Proc) validateNginx(flag string) error {
	out, err := p.testNginx()
	if err == nil {
		return nil
	}
	for _, app := range p.apps() {
		file := filepath.Join(p.Layout.App(app), "nginx.conf")
		data, readErr := os.ReadFile(file)
		if readErr != nil || !strings.Contains(out, p.Layout.App(app)+"/") {
			continue
		}
		p.warn("Failed to validate nginx config for %s. Contents below...", app)
		_, _ = p.Out.Write(data)
		if flag == "--clean" {
			p.warn("Removing invalid nginx file: %s", file)
			if err := os.Remove(file); err != nil {
				return err
			}
		}
	}
	if out, err = p.testNginx(); err == nil {
		return nil
	}
	_, _ = fmt.Fprint(p.Err, out)
	return Exit{1}
}

// nginxControl is what the shell library calls.
func nginxControl(p *Proc, args []string) error {
	switch arg(args, 0) {
	case "reload":
		return p.reloadNginx()
	case "start":
		return p.StartNginx()
	case "stop":
		return p.StopNginx()
	case "restart":
		if err := p.StopNginx(); err != nil {
			return err
		}
		return p.StartNginx()
	case "validate":
		return p.validateNginx(arg(args, 1))
	case "location":
		binary, err := p.Layout.NginxBinary()
		p.print(binary)
		return err
	}
	return p.fail("nginx: unknown command %s", arg(args, 0))
}

func (p *Proc) sigilFile(app string) string {
	return p.Layout.Data("nginx-vhosts", "app-"+app, "nginx.conf.sigil")
}

func nginxExtract(p *Proc, args []string) error {
	app := arg(args, 0)
	data := p.sourceFile(app, arg(args, 1), p.propComputed("nginx", app, "nginx-conf-sigil-path", "nginx.conf.sigil"))
	if len(data) > 0 {
		p.warn("The sandbox does not render nginx.conf.sigil, using its own template")
	}
	return p.stage(p.sigilFile(app), data)
}

func nginxPostCreate(p *Proc, args []string) error {
	app := arg(args, 0)
	if err := os.MkdirAll(filepath.Dir(p.propPath("nginx", app, "x")), 0o755); err != nil {
		return err
	}
	if p.proxyType(app) != "nginx" {
		return nil
	}
	return p.buildNginx(app)
}

func nginxPostDelete(p *Proc, args []string) error {
	app := arg(args, 0)
	if err := os.RemoveAll(filepath.Dir(p.sigilFile(app))); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(p.Layout.App(app), "nginx.conf")); err != nil && !os.IsNotExist(err) {
		return err
	}
	return p.reloadNginx()
}

func nginxRebuild(p *Proc, args []string) error {
	if p.proxyType(arg(args, 0)) != "nginx" {
		return nil
	}
	return p.buildNginx(arg(args, 0))
}

// nginxAfterProcess makes the new web containers live before the other process
// types start.
func nginxAfterProcess(p *Proc, args []string) error {
	app := arg(args, 0)
	if arg(args, 1) != "web" || p.proxyType(app) != "nginx" {
		return nil
	}
	p.info2("Triggering early nginx proxy rebuild")
	return p.trigger("proxy-build-config", app)
}

func proxyBuildConfig(p *Proc, args []string) error {
	app := arg(args, 0)
	if p.proxyType(app) != "nginx" {
		return nil
	}
	if !p.hasNetworkConfig(app) {
		return p.buildNginx(app)
	}
	if err := p.trigger("network-build-config", app); err != nil {
		return err
	}
	if err := p.buildNginx(app); err != nil {
		return err
	}
	return p.commitStaged(p.sigilFile(app))
}

func proxyClearConfig(p *Proc, args []string) error {
	apps := []string{arg(args, 0)}
	if apps[0] == "--all" {
		apps = p.apps()
	}
	for _, app := range apps {
		if err := p.trigger("network-clear-config", app); err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(p.Layout.App(app), "nginx.conf")); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return p.reloadNginx()
}

func nginxShow(p *Proc, args []string) error {
	app := arg(args, 1)
	if err := p.verifyApp(app); err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(p.Layout.App(app), "nginx.conf"))
	if err != nil {
		return p.fail("No nginx.conf exists for %s", app)
	}
	_, err = p.Out.Write(data)
	return err
}

func nginxLogs(kind string) Hook {
	return func(p *Proc, args []string) error {
		app := arg(args, 1)
		if err := p.verifyApp(app); err != nil {
			return err
		}
		call := []string{"-n", "20", p.nginxLogPath(app, kind)}
		if contains(args, "-t") {
			call = append([]string{"-F"}, call...)
		}
		return p.run("tail", call...)
	}
}

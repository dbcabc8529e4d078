package dokku

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// NginxConf is the path of an app's nginx configuration.
func (h *Host) NginxConf(app string) string { return filepath.Join(h.appDir(app), "nginx.conf") }

// Proxied tells whether nginx serves the app.
func (h *Host) Proxied(app string) bool {
	return h.property("proxy", app, "disabled") != "true" && h.computed("proxy", app, "type", "nginx") == "nginx"
}

// nginxFunctions runs one of the functions that Dokku's own deploys use: they know how nginx is tested and
// reloaded on this machine, and which of it sudo permits.
func (h *Host) nginxFunctions(ctx context.Context, app, line string) error {
	script := `set -eo pipefail
source "$PLUGIN_CORE_AVAILABLE_PATH/common/functions"
source "$PLUGIN_AVAILABLE_PATH/nginx-vhosts/functions"
APP=$1
` + line
	_, err := command{name: "bash", args: []string{"-c", script, "graduate", app}}.run(ctx)
	return err
}

// TestNginx tests the whole configuration of nginx, other apps' included.
func (h *Host) TestNginx(ctx context.Context, app string) error {
	if err := h.nginxFunctions(ctx, app, "validate_nginx"); err != nil {
		return fmt.Errorf("nginx does not accept its configuration (dokku nginx:validate-config shows where): %w", err)
	}
	return nil
}

// ReloadNginx reloads nginx once.
func (h *Host) ReloadNginx(ctx context.Context, app string) error {
	return h.nginxFunctions(ctx, app, "fn-nginx-vhosts-nginx-init-cmd reload >/dev/null")
}

// placeholder stands for the candidates' addresses while Dokku renders: should the file be loaded by somebody's
// reload, nobody listens there.
const placeholder = "127.255.255.254"

// RenderNginx has Dokku render the configuration that the app will have, for apps without one that could be
// changed (never deployed before, other ports). Dokku takes the address from the property static-web-listener
// and believes that the app is deployed; our nginx-pre-reload takes the file away before nginx is reloaded, and
// stops there. What the app had is put back in any case.
func (h *Host) RenderNginx(ctx context.Context, r *graduate.Run, a *graduate.App) (conf []byte, err error) {
	to := h.staged(r, a, "nginx.conf")
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for path, value := range map[string]string{
		h.propertyFile("network", a.Target, "static-web-listener"): placeholder,
		h.propertyFile("common", a.Target, "deployed"):             "true",
	} {
		undo, err := override(path, value)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, undo()) }()
	}
	undo, err := keep(h.NginxConf(a.Target))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, undo()) }()
	_, failure := h.trigger(ctx, append(h.env(r, a), EnvRender+"=1"), nil, "proxy-build-config", a.Target)
	conf, err = os.ReadFile(to)
	if err != nil {
		return nil, errors.Join(errors.New("dokku did not render its nginx configuration"), failure)
	}
	return conf, nil
}

// RenderTarget is where the rendered configuration of an app belongs; ok is false unless that run is under way
// and has staged the app.
func (h *Host) RenderTarget(run, app string) (path string, ok bool) {
	if !runID.MatchString(run) || graduate.ValidName(app) != nil {
		return "", false
	}
	r := &graduate.Run{ID: run, Dir: h.RunDir(run)}
	a := &graduate.App{Target: app}
	if !exists(h.staged(r, a, "processes.json")) || !h.Alive(run) {
		return "", false
	}
	return h.staged(r, a, "nginx.conf"), true
}

// override writes a value to a property's file and returns what puts back the one before.
func override(path, value string) (undo func() error, err error) {
	undo, err = keep(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return undo, renameio.WriteFile(path, []byte(value), 0o600, renameio.WithExistingPermissions())
}

// keep returns what puts a file back as it is now.
func keep(path string) (undo func() error, err error) {
	before, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return func() error {
			if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		}, nil
	}
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return func() error { return replaceFile(path, before, info.Mode().Perm()) }, nil
}

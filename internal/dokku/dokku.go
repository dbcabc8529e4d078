// Package dokku is the only place that knows Dokku's files, triggers and commands. It serves the ports of
// internal/graduate on one machine with Dokku's docker-local scheduler and decides nothing.
//
// Facts about Dokku are those of 0.38; each is named where it is used, with its trigger or file.
package dokku

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Host is the Dokku on this machine, as its environment describes it (the `dokku` command exports these).
type Host struct {
	// Root holds a folder per app: a bare git repository, ENV, CONTAINER.*, IP.*, PORT.*, nginx.conf.
	Root string
	// Lib holds data/PLUGIN/APP and config/PLUGIN/APP.
	Lib string
	// Plugins holds the enabled plugins.
	Plugins string
	// Docker is the command of the Docker client.
	Docker string
	// NginxShape says why the switch cannot change an app's nginx configuration, HookScript why a host hook's script
	// cannot be run: other packages know. Where they are nil, a survey does not tell.
	NginxShape func(conf, app string) error
	// NginxRoom says why nginx cannot send the app's requests to a waiting room, Page why a maintenance page cannot be
	// shown; nil as NginxShape.
	NginxRoom  func(conf, app string) error
	HookScript func(name string) error
	Page       func(name string) error

	engine  engine
	machine machine

	mu    sync.Mutex
	locks []deployLock
	// begun is the run whose held deploys this process has begun.
	begun string
	// removed are the IDs of containers that were removed, and of their images.
	removed []string
}

var _ graduate.Platform = (*Host)(nil)

// FromEnv reads where Dokku is from the environment that it gives to plugins.
func FromEnv() *Host {
	lib := cmp.Or(os.Getenv("DOKKU_LIB_ROOT"), "/var/lib/dokku")
	return &Host{
		Root:    cmp.Or(os.Getenv("DOKKU_ROOT"), "/home/dokku"),
		Lib:     lib,
		Plugins: cmp.Or(os.Getenv("PLUGIN_ENABLED_PATH"), filepath.Join(lib, "plugins", "enabled")),
		Docker:  cmp.Or(os.Getenv("DOCKER_BIN"), "docker"),
		engine:  engine{socket: engineSocket()},
		machine: thisMachine,
	}
}

// DataDir is where this plugin keeps groups and runs.
func (h *Host) DataDir() string { return filepath.Join(h.Lib, "data", "graduate") }

// appDir is the app's folder.
func (h *Host) appDir(app string) string { return filepath.Join(h.Root, app) }

// dataDir is where a plugin keeps an app's files.
func (h *Host) dataDir(plugin, app string) string { return filepath.Join(h.Lib, "data", plugin, app) }

// Exists tells whether there is an app of that name.
func (h *Host) Exists(app string) bool {
	info, err := os.Stat(h.appDir(app))
	return err == nil && info.IsDir() && graduate.ValidName(app) == nil
}

// property reads a property as Dokku's core plugins store it: one file per key, possibly with a line end.
func (h *Host) property(plugin, app, key string) string {
	data, err := os.ReadFile(h.propertyFile(plugin, app, key))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

func (h *Host) propertyFile(plugin, app, key string) string {
	return filepath.Join(h.Lib, "config", plugin, app, key)
}

// computed reads a property of an app, else the global one, else the default.
func (h *Host) computed(plugin, app, key, byDefault string) string {
	return cmp.Or(h.property(plugin, app, key), h.property(plugin, "--global", key), byDefault)
}

// pid is the DOKKU_PID of a run: Dokku names an app's staged files after it (app.json.$DOKKU_PID). It is no
// number, so that no process can ever have the same.
func pid(r *graduate.Run) string { return "graduate-" + r.ID }

package dokku

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// Version is the Dokku that the sandbox behaves like.
const Version = "0.38.27"

// LabelKey marks every container of a sandbox, so that stopping one sandbox
// touches nobody else's containers.
const LabelKey = "com.dokku.sandbox"

// Layout is where a sandbox keeps its parts.
type Layout struct{ Dir string }

// Settings are chosen when a sandbox is started and kept in its folder.
type Settings struct {
	HTTPPort int    `json:"http_port"`
	ID       string `json:"id"`
}

// Bin holds the programs: dokku, plugn, the ssh stand-in.
func (l Layout) Bin() string { return filepath.Join(l.Dir, "bin") }

// Binary is the one program behind all the names.
func (l Layout) Binary() string { return filepath.Join(l.Bin(), "graduate-sandbox") }

// Root is DOKKU_ROOT.
func (l Layout) Root() string { return filepath.Join(l.Dir, "home") }

// Lib is DOKKU_LIB_ROOT.
func (l Layout) Lib() string { return filepath.Join(l.Dir, "lib") }

// Log holds the logs of nginx and Dokku.
func (l Layout) Log() string { return filepath.Join(l.Dir, "log") }

// Nginx holds nginx's main file and its scratch folders.
func (l Layout) Nginx() string { return filepath.Join(l.Dir, "nginx") }

// Run holds process ids.
func (l Layout) Run() string { return filepath.Join(l.Dir, "run") }

// Plugins is PLUGIN_PATH.
func (l Layout) Plugins() string { return filepath.Join(l.Lib(), "plugins") }

// CorePlugins is PLUGIN_CORE_PATH.
func (l Layout) CorePlugins() string { return filepath.Join(l.Lib(), "core-plugins") }

// App is the folder of an app: its repository and its state files.
func (l Layout) App(app string) string { return filepath.Join(l.Root(), app) }

// Data is a path below the data folder of a plugin.
func (l Layout) Data(plugin string, parts ...string) string {
	return filepath.Join(append([]string{l.Lib(), "data", plugin}, parts...)...)
}

func (l Layout) settingsFile() string { return filepath.Join(l.Dir, "sandbox.json") }

// NewSettings makes the settings of the sandbox in this folder.
func (l Layout) NewSettings(port int) Settings {
	sum := sha256.Sum256([]byte(l.Dir))
	return Settings{HTTPPort: port, ID: hex.EncodeToString(sum[:6])}
}

// Save writes the settings.
func (l Layout) Save(settings Settings) error {
	data, err := json.MarshalIndent(settings, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(l.settingsFile(), append(data, '\n'), 0o644)
}

// Load reads the settings.
func (l Layout) Load() (Settings, error) {
	var settings Settings
	data, err := os.ReadFile(l.settingsFile())
	if err != nil {
		return settings, fmt.Errorf("%s is no sandbox: %w", l.Dir, err)
	}
	return settings, json.Unmarshal(data, &settings)
}

// Exports is what a shell or a test needs to work in the sandbox.
func (l Layout) Exports() map[string]string {
	env := map[string]string{}
	l.setEnv(env)
	for _, own := range []string{"DOKKU_PID", "NAME", "SSH_NAME", "SSH_USER"} {
		delete(env, own)
	}
	env["GIT_SSH_COMMAND"] = filepath.Join(l.Bin(), "sandbox-ssh")
	return env
}

// setEnv puts in what Dokku's start script exports. The folders of the sandbox
// win over what is there: a shell that has another sandbox's environment must
// not reach it through this one's dokku.
func (l Layout) setEnv(env map[string]string) {
	set := func(key, value string) { env[key] = value }
	offer := func(key, value string) {
		if env[key] == "" {
			env[key] = value
		}
	}
	set("DOKKU_ROOT", l.Root())
	set("DOKKU_HOST_ROOT", l.Root())
	set("DOKKU_LIB_ROOT", l.Lib())
	set("PLUGIN_PATH", l.Plugins())
	set("PLUGIN_AVAILABLE_PATH", filepath.Join(l.Plugins(), "available"))
	set("PLUGIN_ENABLED_PATH", filepath.Join(l.Plugins(), "enabled"))
	set("PLUGIN_CORE_PATH", l.CorePlugins())
	set("PLUGIN_CORE_AVAILABLE_PATH", filepath.Join(l.CorePlugins(), "available"))
	set("PLUGIN_CORE_ENABLED_PATH", filepath.Join(l.CorePlugins(), "enabled"))
	set("DOKKU_LOGS_DIR", filepath.Join(l.Log(), "dokku"))
	set("DOKKU_LOGS_HOST_DIR", filepath.Join(l.Log(), "dokku"))
	set("DOKKU_EVENTS_LOGFILE", filepath.Join(l.Log(), "dokku", "events.log"))
	set("DOKKU_API_VERSION", "1")
	set("DOKKU_NOT_IMPLEMENTED_EXIT", "10")
	set("DOKKU_VALID_EXIT", "0")
	set("DOKKU_CONTAINER_LABEL", "dokku")
	set("DOKKU_GLOBAL_BUILD_ARGS", globalLabels)
	set("DOKKU_GLOBAL_RUN_ARGS", globalLabels)
	set("DOKKU_SANDBOX_DIR", l.Dir)
	// The plugin under test keeps its host hooks here, where they belong to the sandbox's own user.
	set("GRADUATE_SANDBOX", "1")
	set("GRADUATE_HOOKS_DIR", filepath.Join(l.Dir, "hooks"))
	offer("DOKKU_PID", strconv.Itoa(os.Getpid()))
	offer("DOCKER_BIN", "docker")
	name, group := currentUser()
	set("DOKKU_SYSTEM_USER", name)
	set("DOKKU_SYSTEM_GROUP", group)
	offer("SSH_USER", name)
	offer("NAME", "default")
	offer("SSH_NAME", env["NAME"])
	set("PATH", withFirst(l.Bin(), env["PATH"], os.Getenv("PATH")))
}

const globalLabels = "--label=org.label-schema.schema-version=1.0 --label=org.label-schema.vendor=dokku --label=dokku"

// withFirst puts dir before the first of the paths that is not empty.
func withFirst(dir string, paths ...string) string {
	for _, path := range paths {
		if path == "" {
			continue
		}
		if parts := filepath.SplitList(path); parts[0] == dir {
			return path
		}
		return dir + string(filepath.ListSeparator) + path
	}
	return dir
}

// currentUser names the user and group that the sandbox runs as.
func currentUser() (name, group string) {
	name, group = "root", "root"
	current, err := user.Current()
	if err != nil {
		return name, group
	}
	name = current.Username
	if found, err := user.LookupGroupId(current.Gid); err == nil {
		group = found.Name
	}
	return name, group
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// guest is a third-party plugin, file by file.
var guest = map[string]string{
	"plugin.toml": "[plugin]\ndescription = \"a guest\"\nversion = \"0.1.0\"\n[plugin.config]\n",
	"commands": `#!/usr/bin/env bash
case "$1" in
help) echo "    guest, A guest";;
guest:help) echo "the guest's help";;
*) exit "$DOKKU_NOT_IMPLEMENTED_EXIT";;
esac`,
	"install":   "#!/usr/bin/env bash\necho installed",
	"update":    "#!/usr/bin/env bash\necho updated",
	"uninstall": "#!/usr/bin/env bash\necho \"gone: $*\"",
	"user-auth": `#!/usr/bin/env bash
[[ "$3 $4" != "ps:stop $GUARDED" ]]`,
	"check-deploy": `#!/usr/bin/env bash
source "$PLUGIN_CORE_AVAILABLE_PATH/common/functions"
source "$PLUGIN_AVAILABLE_PATH/config/functions"
echo "asked: type=$3 index=$6 tag=$(get_running_image_tag "$1") greeting=$(config_get "$1" GREETING) scheduler=$(get_app_scheduler "$1")"
exit "${VERDICT:-0}"`,
	"deployed-app-image-tag": `#!/usr/bin/env bash
echo -n "$OTHER_TAG"`,
	"docker-args-run":   "#!/usr/bin/env bash\ncat\necho -n \" --env=FROM_GUEST='two  words'\"",
	"subcommands/shout": "#!/usr/bin/env bash\necho \"$*\" loud\nexit 4",
}

// plugin makes a repository of the guest and returns its URL.
func (b *box) plugin() string {
	b.t.Helper()
	dir := b.t.TempDir()
	for name, text := range guest {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text+"\n"), 0o755); err != nil {
			b.t.Fatal(err)
		}
	}
	b.must(exec.Command("git", "-C", dir, "init", "-q"))
	b.must(exec.Command("git", "-C", dir, "add", "."))
	b.must(exec.Command("git", "-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.test", "commit", "-qm", "guest"))
	return "file://" + dir
}

// says fails the test unless text is part of what was printed.
func says(t *testing.T, out, text string) {
	t.Helper()
	if !strings.Contains(out, text) {
		t.Errorf("%q is not in the output:\n%s", text, out)
	}
}

func TestPluginCommands(t *testing.T) {
	b := newBox(t)
	says(t, b.dokku("plugin:install", b.plugin(), "--name", "guest"), "installed")
	says(t, b.dokku("plugin:list"), "a guest")
	says(t, b.fails(4, "guest:shout", "a", "b"), "guest:shout a b loud")
	says(t, b.dokku("guest:help"), "the guest's help")
	says(t, b.dokku("help"), "guest  A guest")
	says(t, b.fails(1, "nobody:knows"), "`nobody:knows` is not a dokku command.")
	b.env = append(b.env, "GUARDED=portal")
	says(t, b.fails(1, "ps:stop", "portal"), "Access denied")
	says(t, b.fails(20, "ps:stop", "missing"), "App missing does not exist")
	says(t, b.dokku("plugin:update", "guest"), "updated")
	says(t, b.dokku("plugin:uninstall", "guest"), "gone: guest")
	b.fails(1, "plugin:installed", "guest")
	says(t, b.fails(1, "plugin:uninstall", "apps"), "Cannot uninstall a core plugin")
}

// TestPluginInDeploy shows that a plugin that sorts last has its say after
// Dokku's own checks, gets its caller's environment, and that its no leaves the
// running version alone.
func TestPluginInDeploy(t *testing.T) {
	b := newBox(t)
	binary := b.buildApp()
	app := b.prefix + "web"
	b.dokku("apps:create", app)
	b.dokku("config:set", "--no-restart", app, "GREETING=hello there")
	b.dokku("git:from-image", app, b.image(binary, "v1"))
	b.serves(app, "v1")
	b.dokku("plugin:install", b.plugin(), "--name", "zz-guest")
	b.must(exec.Command("docker", "tag", b.image(binary, "v2"), "dokku/"+app+":next"))

	before := b.state(app)
	refused := b.command("plugn", "trigger", "scheduler-deploy", "docker-local", app, "next", "web")
	refused.Env = append(refused.Env, "VERDICT=3", "OTHER_TAG=next")
	out, err := refused.CombinedOutput()
	if err == nil {
		t.Fatalf("a refused candidate was deployed:\n%s", out)
	}
	says(t, string(out), "All checks successful (web.1)")
	says(t, string(out), "asked: type=web index=1 tag=next greeting=hello there scheduler=docker-local")
	if after := b.state(app); after != before {
		t.Errorf("the refused deploy has changed\n%s\nto\n%s", before, after)
	}
	b.serves(app, "v1")

	b.fails(7, "run", app, "/app/app", "exit", "7")
	says(t, b.dokku("run", "-e", "MORE=yes", app, "/app/app", "env", "MORE"), "yes")
	says(t, b.dokku("run", app, "/app/app", "env", "FROM_GUEST"), "two  words")
	b.dokku("git:from-image", app, b.prefix+"lab/a:v2")
	b.serves(app, "v2")
	b.goneAfterStop()
}

// state is what must not move under a refused deploy.
func (b *box) state(app string) string {
	b.t.Helper()
	var out strings.Builder
	files, _ := filepath.Glob(filepath.Join(b.dir, "home", app, "*.web.1"))
	for _, file := range append(files, filepath.Join(b.dir, "home", app, "nginx.conf")) {
		data, err := os.ReadFile(file)
		if err != nil {
			b.t.Fatal(err)
		}
		out.Write(data)
	}
	return out.String()
}

// goneAfterStop stops the sandbox and looks for anything that is left of it.
func (b *box) goneAfterStop() {
	b.t.Helper()
	b.must(exec.Command(b.bin, "stop", b.dir))
	if fileExists(b.dir) {
		b.t.Errorf("%s is still there", b.dir)
	}
	for _, call := range [][]string{
		{"container", "ls", "--all", "--format", "{{.Names}}", "--filter", "name=" + b.prefix},
		{"image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "dokku/" + b.prefix + "*"},
	} {
		if left := b.must(exec.Command("docker", call...)); left != "" {
			b.t.Errorf("docker %s: left over: %s", call[0], left)
		}
	}
	programs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range programs {
		data, _ := os.ReadFile(file)
		if strings.Contains(string(data), b.dir) {
			b.t.Errorf("a process is left over: %q", data)
		}
	}
}

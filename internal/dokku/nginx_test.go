package dokku

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRenderingPutsBackWhatItChanges(t *testing.T) {
	for _, c := range []struct {
		name, trigger, want string
		prepare             func(f *fixture)
	}{
		{"where there was nothing", render, "rendered for 127.255.255.254, deployed true", func(*fixture) {}},
		{"where there was all of it", render, "rendered for 127.255.255.254, deployed true", func(f *fixture) {
			f.write("lib/config/network/portal/static-web-listener", "10.0.0.1")
			f.write("lib/config/common/portal/deployed", "false")
			f.write("home/portal/nginx.conf", "of today")
		}},
		{"where Dokku does not", "printf broken >" + `"$CONF"; exit 1`, "", func(f *fixture) { f.write("home/portal/nginx.conf", "of today") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.write("home/portal/ENV", "")
			f.write("lib/config/network/portal/keep", "")
			f.write("lib/config/common/portal/keep", "")
			c.prepare(f)
			f.write(f.staging("nginx.conf"), "of an earlier try")
			t.Setenv("LIB", f.Lib)
			t.Setenv("CONF", f.NginxConf("portal"))
			t.Setenv("TO", f.staged(f.run, f.app, "nginx.conf"))
			f.write("bin/trigger-proxy-build-config", c.trigger)
			if exists(f.NginxConf("portal")) {
				require.NoError(t, os.Chmod(f.NginxConf("portal"), 0o600))
			}
			before := f.tree("home", "lib/config")
			conf, err := f.RenderNginx(t.Context(), f.run, f.app)
			if c.want == "" {
				require.ErrorContains(t, err, "dokku did not render its nginx configuration")
			} else {
				require.NoError(t, err)
				require.Equal(t, c.want, string(conf))
			}
			require.Equal(t, before, f.tree("home", "lib/config"))
			require.Equal(t, "trigger proxy-build-config portal\n", f.read("bin/triggers"))
		})
	}
}

// render is what Dokku and our nginx-pre-reload do together.
const render = `printf 'rendered for %s, deployed %s' "$(cat "$LIB/config/network/portal/static-web-listener")" "$(cat "$LIB/config/common/portal/deployed")" >"$CONF"
[ -n "$GRADUATE_RENDER" ] && mv "$CONF" "$TO"; exit 1`

func TestRenderTargetIsOfALivingRunOnly(t *testing.T) {
	f := newFixture(t)
	f.write(f.staging("processes.json"), "[]")
	_, ok := f.RenderTarget(f.run.ID, "portal")
	require.False(t, ok, "it has no coordinator")
	lock, err := f.LockRun(f.run.ID)
	require.NoError(t, err)
	defer lock.Close()
	path, ok := f.RenderTarget(f.run.ID, "portal")
	require.True(t, ok)
	require.Equal(t, filepath.Join(f.dir, f.staging("nginx.conf")), path)
	for _, c := range [][2]string{{f.run.ID, "ws"}, {f.run.ID, "../portal"}, {f.run.ID, ""}, {"../" + f.run.ID, "portal"}, {"", "portal"}, {"x", "portal"}} {
		_, ok := f.RenderTarget(c[0], c[1])
		require.False(t, ok, "%q", c)
	}
}

func TestNginxIsAskedThroughDokkusFunctions(t *testing.T) {
	f := newFixture(t)
	f.write("core/common/functions", "")
	f.write("available/nginx-vhosts/functions", `validate_nginx() { echo "test $APP" >>"$NOTES"; [ ! -f "$NOTES.broken" ] || { echo "unknown directive" >&2; return 1; }; }
fn-nginx-vhosts-nginx-init-cmd() { echo "$1 $APP" >>"$NOTES"; }`)
	t.Setenv("PLUGIN_CORE_AVAILABLE_PATH", filepath.Join(f.dir, "core"))
	t.Setenv("PLUGIN_AVAILABLE_PATH", filepath.Join(f.dir, "available"))
	t.Setenv("NOTES", filepath.Join(f.dir, "notes"))
	require.NoError(t, f.TestNginx(t.Context(), "portal"))
	require.NoError(t, f.ReloadNginx(t.Context(), "portal"))
	require.Equal(t, "test portal\nreload portal\n", f.read("notes"))
	f.write("notes.broken", "")
	err := f.TestNginx(t.Context(), "portal")
	require.ErrorContains(t, err, "nginx does not accept its configuration (dokku nginx:validate-config shows where)")
	require.ErrorContains(t, err, "unknown directive")
	require.NoError(t, os.RemoveAll(filepath.Join(f.dir, "available")))
	require.Error(t, f.ReloadNginx(t.Context(), "portal"))
}

func TestKeepKeepsTheMode(t *testing.T) {
	f := newFixture(t)
	f.write("home/portal/nginx.conf", "of today")
	undo, err := keep(f.NginxConf("portal"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(f.NginxConf("portal"))) // as our nginx-pre-reload does
	require.NoError(t, undo())
	info, err := os.Stat(f.NginxConf("portal"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode().Perm())
}

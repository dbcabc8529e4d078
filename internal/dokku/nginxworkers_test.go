package dokku

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// realNginx starts an nginx whose configuration includes that of the fixture's apps, and whose one server answers after
// the application behind it has; it returns a function that reloads it.
func realNginx(t *testing.T, f *fixture) func() {
	binary, err := exec.LookPath("nginx")
	if err != nil {
		if binary, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			t.Skip("nginx is not installed")
		}
	}
	dir := t.TempDir()
	f.write("home/portal/nginx.conf", "server { listen unix:"+dir+"/web.sock; location / { return 200; } }\n")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte("worker_processes 2;\npid "+dir+"/pid;\nerror_log "+dir+"/error.log;\n"+
		"events {}\nhttp {\naccess_log off;\nclient_body_temp_path "+dir+";\nproxy_temp_path "+dir+";\nfastcgi_temp_path "+dir+";\nuwsgi_temp_path "+dir+";\nscgi_temp_path "+dir+";\ninclude "+f.Root+"/*/nginx.conf;\n}\n"), 0o644))
	nginx := func(args ...string) {
		out, err := exec.Command(binary, append([]string{"-p", dir, "-e", dir + "/error.log", "-c", dir + "/nginx.conf"}, args...)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	nginx()
	t.Cleanup(func() { nginx("-s", "stop") })
	return func() { nginx("-s", "reload") }
}

func TestTheWorkersOfTheNginxThatServesUs(t *testing.T) {
	f := newFixture(t)
	reload := realNginx(t, f)
	var workers []graduate.Proc
	require.Eventually(t, func() bool { workers = f.nginxWorkers(); return len(workers) == 2 }, 10*time.Second, 10*time.Millisecond)
	other := newFixture(t)
	for _, p := range other.nginxWorkers() { // where there is no other nginx, this one is taken for its own
		require.True(t, isAlive(p))
	}
	ended := f.AwaitNginxWorkers(0)
	brief, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	ended(brief)
	require.Error(t, brief.Err(), "who takes requests is awaited, however long that is")
	ended = f.AwaitNginxWorkers(time.Minute)
	reload()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ended(ctx)
	require.NoError(t, ctx.Err(), "the workers of before have ended")
	for _, p := range workers {
		require.False(t, isAlive(p))
	}
	require.NoError(t, awaitLeaving(t.Context(), workers, hurried))
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, awaitLeaving(short, f.nginxWorkers(), hurried), "nginx has not taken its new configuration")
}

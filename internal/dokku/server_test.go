package dokku

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

const containerID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// kernel makes a machine of files below the fixture's folder.
func (f *fixture) kernel(files map[string]string) machine {
	for name, text := range files {
		f.write("kernel/"+name, text)
	}
	return machine{filepath.Join(f.dir, "kernel/proc"), filepath.Join(f.dir, "kernel/cgroup")}
}

func TestMemoryInUse(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"version 2", map[string]string{
			"proc/7/cgroup": "0::/system.slice/docker-" + containerID + ".scope\n", "cgroup/system.slice/docker-" + containerID + ".scope/memory.current": "1000\n",
			"cgroup/system.slice/docker-" + containerID + ".scope/memory.stat": "anon 1\ninactive_file 300\n",
		}, 700},
		{"version 1", map[string]string{
			"proc/7/cgroup": "3:cpuset:/docker/" + containerID + "\n2:cpu,memory:/docker/" + containerID + "\n", "cgroup/memory/docker/" + containerID + "/memory.usage_in_bytes": "1000",
			"cgroup/memory/docker/" + containerID + "/memory.stat": "inactive_file 1\ntotal_inactive_file 400\n",
		}, 600},
		{"both at once, the controller in version 1", map[string]string{
			"proc/7/cgroup": "2:memory:/docker/" + containerID + "\n0::/docker/" + containerID + "\n", "cgroup/memory/docker/" + containerID + "/memory.usage_in_bytes": "1000",
		}, 1000},
		{"a parent of its own", map[string]string{"proc/7/cgroup": "0::/shop/" + containerID + "\n", "cgroup/shop/" + containerID + "/memory.current": "5"}, 5},
		{"a process that is another here", map[string]string{"proc/7/cgroup": "0::/user.slice\n", "cgroup/user.slice/memory.current": "9", "cgroup/docker/" + containerID + "/memory.current": "5"}, 5},
		{"a process that is not seen", map[string]string{"cgroup/memory/system.slice/docker-" + containerID + ".scope/memory.usage_in_bytes": "5"}, 5},
		{"nothing", nil, -1},
		{"no number", map[string]string{"cgroup/docker/" + containerID + "/memory.current": "x"}, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			container := dockerContainer{ID: containerID}
			container.State.Pid = 7
			used, ok := newFixture(t).kernel(c.files).memory(container)
			require.Equal(t, c.want >= 0, ok)
			require.Equal(t, max(c.want, 0), used)
		})
	}
}

func TestMemoryFree(t *testing.T) {
	meminfo := "MemTotal:  9 kB\nMemFree: 1 kB\nMemAvailable:       4 kB\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"of the machine", map[string]string{"proc/meminfo": meminfo}, 4096},
		{"with swap", map[string]string{"proc/meminfo": meminfo + "SwapTotal: 9 kB\nSwapFree: 2 kB\n"}, 6144},
		{"within a limit, version 2", map[string]string{"proc/meminfo": meminfo, "cgroup/memory.max": "3000", "cgroup/memory.current": "2500", "cgroup/memory.stat": "inactive_file 100\n"}, 600},
		{"within a limit, version 1", map[string]string{"proc/meminfo": meminfo, "cgroup/memory/memory.limit_in_bytes": "3000", "cgroup/memory/memory.usage_in_bytes": "2500"}, 500},
		{"within a limit of all containers", map[string]string{"proc/meminfo": meminfo, "cgroup/docker/memory.max": "3000", "cgroup/docker/memory.current": "9000"}, 0},
		{"no limit, version 2", map[string]string{"proc/meminfo": meminfo, "cgroup/memory.max": "max", "cgroup/memory.current": "2500"}, 4096},
		{"no limit, version 1", map[string]string{"proc/meminfo": meminfo, "cgroup/memory/memory.limit_in_bytes": "9223372036854771712", "cgroup/memory/memory.usage_in_bytes": "2500"}, 4096},
		{"an old kernel", map[string]string{"proc/meminfo": "MemFree: 1 kB\n"}, -1},
		{"nothing", nil, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, newFixture(t).kernel(c.files).free())
		})
	}
	require.Positive(t, thisMachine.free())
}

func TestServer(t *testing.T) {
	f := newFixture(t)
	g := &graduate.Group{Name: "shop", Hooks: []graduate.Hook{{Host: "good"}, {Host: "bad"}, {Role: "site"}}}
	f.engine.socket = fakeEngine(t, map[string]string{"GET /info": `{"DockerRootDir": "` + f.dir + `"}`})
	f.machine = thisMachine
	s, err := f.Server(t.Context(), g)
	require.NoError(t, err)
	require.Positive(t, s.DiskFree)
	require.Positive(t, s.MemoryFree)
	require.Empty(t, s.Running)
	require.Empty(t, s.Hosts)
	f.HookScript = func(name string) error {
		if name == "bad" {
			return errors.New("it is not there")
		}
		return nil
	}
	f.write("lib/data/graduate/runs/"+f.run.ID+"/record.json", `{"group": "shop", "status": "running"}`)
	s, err = f.Server(t.Context(), g)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"bad": "it is not there"}, s.Hosts)
	require.Empty(t, s.Running, "its coordinator has died")
	lock, err := f.LockRun(f.run.ID)
	require.NoError(t, err)
	require.NotNil(t, lock)
	s, err = f.Server(t.Context(), g)
	require.NoError(t, err)
	require.Equal(t, f.run.ID, s.Running)
	s, err = f.Server(t.Context(), &graduate.Group{Name: "other"})
	require.NoError(t, err)
	require.Empty(t, s.Running)
}

func TestServerWhoseDockerIsElsewhere(t *testing.T) {
	f := newFixture(t)
	f.engine.socket = fakeEngine(t, map[string]string{"GET /info": `{"DockerRootDir": "/no/such/folder"}`})
	f.machine = f.kernel(nil)
	s, err := f.Server(t.Context(), &graduate.Group{})
	require.NoError(t, err)
	require.Equal(t, graduate.Server{MemoryFree: -1, DiskFree: -1}, s)
	f.engine = engine{}
	f.write("bin/fails", "info")
	_, err = f.Server(t.Context(), &graduate.Group{})
	require.ErrorContains(t, err, "Docker does not answer (")
	require.NoError(t, os.Remove(filepath.Join(f.dir, "bin/fails")))
}

func TestAMaintenancePageIsLookedAt(t *testing.T) {
	f := newFixture(t)
	f.engine.socket = fakeEngine(t, map[string]string{"GET /info": "{}"})
	f.machine = thisMachine
	for _, c := range []struct {
		quiesce *graduate.Quiesce
		want    string
	}{{nil, ""}, {&graduate.Quiesce{}, ""}, {&graduate.Quiesce{Page: "soon.html"}, ""}, {&graduate.Quiesce{Page: "gone.html"}, "gone.html is not there"}} {
		f.Page = func(name string) error {
			if name == "soon.html" {
				return nil
			}
			return errors.New(name + " is not there")
		}
		s, err := f.Server(t.Context(), &graduate.Group{Settings: graduate.Settings{Quiesce: c.quiesce}})
		require.NoError(t, err)
		require.Equal(t, c.want, s.Page)
	}
}

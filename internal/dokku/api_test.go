package dokku

import (
	"archive/tar"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// fakeEngine serves Docker's API at a socket: answers by "METHOD PATH"; what it does not know it has not.
func fakeEngine(t testing.TB, answers map[string]string) string {
	return engineThat(t, func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.Method+" "+r.URL.Path]
		switch {
		case r.URL.Path == "/_ping":
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		case answer == "fails":
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"message": "no room"}`)
		default:
			fmt.Fprint(w, answer)
		}
	})
}

// engineThat answers in another way.
func engineThat(t testing.TB, answer http.HandlerFunc) string {
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	server := &http.Server{Handler: answer}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return socket
}

func TestSurveyOverTheSocket(t *testing.T) {
	f, want := running(t)
	f.engine.socket = fakeEngine(t, map[string]string{
		"GET /images/dokku/portal:latest/json": `{"Id": "sha256:1", "Size": 3, "Config": {"Labels": {"` + artifactLabel + `": "sha256:dev"}}, "RootFS": {"Layers": ["l"]}}`,
		"GET /images/sha256:1/history":         `[{"CreatedBy": "x", "Size": 3}]`,
		"GET /containers/c1/json":              `{"Id": "c1", "Image": "sha256:1", "State": {"Running": true}, "Config": {"Env": ["A=1"]}}`,
		"GET /containers/c2/json":              `{"Id": "c2", "Image": "sha256:1", "State": {"Running": true}, "Config": {"Env": ["A=1"]}}`,
	})
	want.Around.Version = graduate.ImageFacts{ID: "sha256:1", Size: 3, Layers: []graduate.Layer{{ID: "l", Size: 3}}}
	got, err := f.Facts(t.Context(), "portal")
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Empty(t, f.read("bin/calls"), "the client is not started")

	f.write("home/portal/CONTAINER.web.2", "gone")
	got, err = f.Facts(t.Context(), "portal")
	require.NoError(t, err)
	require.True(t, got.Missing)
}

func TestADockerThatFails(t *testing.T) {
	f, _ := running(t)
	f.engine.socket = fakeEngine(t, map[string]string{"GET /images/dokku/portal:latest/json": "fails"})
	_, err := f.Facts(t.Context(), "portal")
	require.EqualError(t, err, "Docker does not answer (docker: 500 Internal Server Error: no room); start it and try again")

	f, _ = running(t)
	f.engine.socket = filepath.Join(t.TempDir(), "none")
	_, err = f.Facts(t.Context(), "portal")
	require.NoError(t, err)
	require.Contains(t, f.read("bin/calls"), "version", "where there is no socket, the client is asked")
}

func TestTheSocketIsThatOfTheClient(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	for _, name := range []string{"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_BIN"} {
		t.Setenv(name, "")
	}
	require.Equal(t, "/var/run/docker.sock", engineSocket())
	t.Setenv("DOCKER_BIN", "/usr/bin/podman")
	require.Empty(t, engineSocket())
	t.Setenv("DOCKER_BIN", "/usr/bin/docker")
	t.Setenv("DOCKER_HOST", "unix:///run/user/1/docker.sock")
	require.Equal(t, "/run/user/1/docker.sock", engineSocket())
	t.Setenv("DOCKER_HOST", "tcp://127.0.0.1:2375")
	require.Empty(t, engineSocket())
	t.Setenv("DOCKER_HOST", "")
	require.NoError(t, os.Mkdir(filepath.Join(home, ".docker"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(home, ".docker", "config.json"), []byte(`{"currentContext": "far"}`), 0o600))
	require.Empty(t, engineSocket())
	t.Setenv("DOCKER_CONTEXT", "far")
	require.Empty(t, engineSocket())
}

// lookEngine is a Docker with one image, whose files are given with their modes, or as links "-> TARGET".
type lookEngine struct {
	mu      sync.Mutex
	files   map[string]string
	image   string
	left    string
	removed []string
}

func (e *lookEngine) serve(t *testing.T, f *fixture) {
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	server := &http.Server{Handler: http.HandlerFunc(e.answer)}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	f.engine.socket = socket
}

func (e *lookEngine) answer(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	file := r.URL.Query().Get("path")
	text, there := e.files[file]
	switch r.Method + " " + r.URL.Path {
	case "GET /images/img/json":
		fmt.Fprint(w, `{"Id": "sha256:1", "Config": {`+e.image+`}}`)
	case "POST /containers/create":
		fmt.Fprint(w, `{"Id": "c1"}`)
	case "GET /containers/json":
		fmt.Fprint(w, "["+e.left+"]")
	case "HEAD /containers/c1/archive":
		if !there {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		stat := map[string]any{"mode": fs.FileMode(0o755)}
		switch target, link := strings.CutPrefix(text, "-> "); {
		case link:
			stat = map[string]any{"mode": fs.ModeSymlink | 0o777, "linkTarget": target}
		case text == "dir":
			stat["mode"] = fs.ModeDir | 0o755
		case text == "text":
			stat["mode"] = fs.FileMode(0o644)
		}
		data, _ := json.Marshal(stat)
		w.Header().Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString(data))
	case "GET /containers/c1/archive":
		if !there {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		archive := tar.NewWriter(w)
		_ = archive.WriteHeader(&tar.Header{Name: "f", Mode: 0o644, Size: int64(len(text))})
		_, _ = archive.Write([]byte(text))
		_ = archive.Close()
	default:
		if id, ok := strings.CutPrefix(r.URL.Path, "/containers/"); ok && r.Method == http.MethodDelete && r.URL.Query().Get("v") == "1" {
			e.removed = append(e.removed, id)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
	}
}

func TestHasCommand(t *testing.T) {
	path := `"Env": ["A=b", "PATH=/bin:tools"], "WorkingDir": "/app"`
	files := map[string]string{
		"/bin/sh": "x", "/app/tools/own": "x", "/bin/data": "text", "/bin/dir": "dir", "/app/bin/rails": "x",
		"/bin/python": "-> /bin/python3", "/bin/python3": "-> sh", "/bin/lost": "-> /gone", "/bin/loop": "-> loop", "/usr/bin/far": "x",
		"/app/Procfile": "worker: bin/rails work\n",
	}
	for _, c := range []struct {
		name, command, image string
		has, known           bool
	}{
		{"in the PATH", "sh", path, true, true},
		{"in a relative folder of the PATH", "own", path, true, true},
		{"not in the PATH", "far", path, false, true},
		{"in the PATH that Docker gives", "far", "", true, true},
		{"absolute", "/usr/bin/far", path, true, true},
		{"relative", "bin/rails", path, true, true},
		{"relative, elsewhere", "bin/rails", "", false, true},
		{"not executable", "data", path, false, true},
		{"a folder", "dir", path, false, true},
		{"behind two links", "python", path, true, true},
		{"behind a link to nothing", "lost", path, false, true},
		{"a link to itself", "loop", path, false, true},
		{"a process type", "worker", path, false, false},
		{"behind an entry point", "sh", path + `, "Entrypoint": ["/cnb/lifecycle/launcher"]`, false, false},
		{"behind tini", "sh", path + `, "Entrypoint": ["/usr/bin/tini", "--"]`, true, true},
		{"nothing", "", path, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, e := newFixture(t), &lookEngine{files: files, image: c.image}
			e.serve(t, f)
			has, known := f.HasCommand(t.Context(), "img", []string{c.command, "arg"})
			require.Equal(t, []bool{c.has, c.known}, []bool{has, known})
			if c.command != "" && !strings.Contains(c.image, "launcher") {
				require.Equal(t, []string{"c1"}, e.removed)
			}
		})
	}
}

func TestHasCommandOfABuildpack(t *testing.T) {
	f, e := newFixture(t), &lookEngine{files: map[string]string{"/exec": "x", "/bin/sh": "x"}}
	e.left = fmt.Sprintf(`{"Id": "old", "Created": %d}, {"Id": "new", "Created": %d}`, time.Now().Add(-time.Hour).Unix(), time.Now().Unix())
	e.serve(t, f)
	has, known := f.HasCommand(t.Context(), "img", []string{"sh"})
	require.True(t, has && known)
	require.Equal(t, []string{"old", "c1"}, e.removed, "what a dead process has left goes as well, and not what another one uses")
	_, known = f.HasCommand(t.Context(), "img", []string{"rails"})
	require.False(t, known, "/exec sets another PATH")
	_, known = f.HasCommand(t.Context(), "another", []string{"sh"})
	require.False(t, known)
}

func TestHasCommandByTheClient(t *testing.T) {
	f := newFixture(t)
	f.write("bin/tags", "img:1 sha256:1\n")
	f.write("bin/image/bin/sh", "")
	require.NoError(t, os.Chmod(filepath.Join(f.dir, "bin/image/bin/sh"), 0o755))
	f.write("bin/image/Procfile", "worker: x\n")
	for command, want := range map[string][]bool{"sh": {true, true}, "nope": {false, true}, "worker": {false, false}} {
		has, known := f.HasCommand(t.Context(), "img:1", []string{command})
		require.Equal(t, want, []bool{has, known}, command)
	}
	require.Equal(t, 3, strings.Count(f.read("bin/calls"), "container rm --force --volumes c0"))
}

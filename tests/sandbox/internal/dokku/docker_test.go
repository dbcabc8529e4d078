package dokku

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// saying is a docker that knows one image and whose other commands say something and fail, or answer.
func saying(t *testing.T, script string) *Proc {
	t.Helper()
	p := newTestProc(t)
	docker := filepath.Join(t.TempDir(), "docker")
	text := "#!/bin/sh\ncase \"$1 $2\" in \"image inspect\") echo '[{\"Id\":\"sha256:1\",\"Config\":{\"WorkingDir\":\"/app\"}}]'; exit 0;; esac\n" + script
	if err := os.WriteFile(docker, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	p.Env["DOCKER_BIN"] = docker
	return p
}

// A busy machine's docker that fails once must not make a deploy without the files of its image.
func TestAnImageWithoutAFileIsToldFromADockerThatFails(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"no such file", `case "$1 $2" in "container create") echo c1;; "cp "*) echo "Error response from daemon: Could not find the file $2 in container" >&2; exit 1;; esac`, ""},
		{"no container", `case "$1 $2" in "container create") echo "Error response from daemon: busy" >&2; exit 1;; esac`, "busy"},
		{"no copy", `case "$1 $2" in "container create") echo c1;; "cp "*) echo "Error: broken pipe" >&2; exit 1;; esac`, "broken pipe"},
		{"no archive", `case "$1 $2" in "container create") echo c1;; esac`, "EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := saying(t, c.script)
			for range 2 { // a failure is not kept as an answer
				files, err := p.filesOf("portal", "image:v1")
				if c.want == "" && (err != nil || len(files) != 0) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
					t.Fatalf("files %v, error %v; expected %q", files, err, c.want)
				}
			}
		})
	}
}

func TestAContainerThatIsGoneIsToldFromADockerThatFails(t *testing.T) {
	gone := saying(t, `echo '[]'; echo 'Error: No such container: c1' >&2; exit 1`)
	if found, err := gone.inspectAll("c1"); err != nil || len(found) != 0 {
		t.Fatalf("%v, %v", found, err)
	}
	if _, err := gone.inspect("c1"); err != errNoContainer {
		t.Fatal(err)
	}
	busy := saying(t, `echo '[]'; echo 'Error: No such container: c1' >&2; echo 'Cannot connect to the Docker daemon' >&2; exit 1`)
	if _, err := busy.inspectAll("c1", "c2"); err == nil || !strings.Contains(err.Error(), "Cannot connect") {
		t.Fatal(err)
	}
	if busy.retireContainer("portal", "c1") {
		t.Fatal("it is retired without having been looked at")
	}
}

func TestAnImageThatDoesNotExistIsToldFromADockerThatFails(t *testing.T) {
	for complaint, fails := range map[string]bool{"Error response from daemon: No such image: x": false, "Cannot connect to the Docker daemon": true} {
		p := newTestProc(t)
		docker := filepath.Join(t.TempDir(), "docker")
		if err := os.WriteFile(docker, []byte("#!/bin/sh\necho '"+complaint+"' >&2; exit 1\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		p.Env["DOCKER_BIN"] = docker
		if there, err := p.imageExists("x"); there || (err != nil) != fails {
			t.Fatalf("%s: %v, %v", complaint, there, err)
		}
	}
}

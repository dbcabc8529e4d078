package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// box is a running sandbox and the apps' images for it.
type box struct {
	t      *testing.T
	dir    string
	bin    string
	prefix string // of the names of apps and images, so that tests do not meet
	port   int
	env    []string
}

const (
	procfile = "web: /app/app web\nworker: /app/app worker\n"
	appJSON  = `{"healthchecks":{"web":[{"type":"startup","name":"web up","path":"/healthz","attempts":2,"wait":1}]}}`
)

// newBox starts a sandbox that is stopped when the test ends, and skips the test
// where the machine lacks what a sandbox is made of.
func newBox(t *testing.T) *box {
	t.Helper()
	if out, err := exec.Command("docker", "info", "--format", "{{.ServerVersion}}").CombinedOutput(); err != nil {
		t.Skipf("needs a Docker that this user may use: %v: %s", err, out)
	}
	if _, err := exec.LookPath("nginx"); err != nil {
		if _, err := os.Stat("/usr/sbin/nginx"); err != nil {
			t.Skip("needs nginx: it is neither in PATH nor in /usr/sbin")
		}
	}
	scratch := t.TempDir()
	b := &box{t: t, dir: filepath.Join(scratch, "sandbox"), bin: filepath.Join(scratch, "graduate-sandbox"),
		prefix: fmt.Sprintf("sbx%d", time.Now().UnixNano()%1e9)}
	b.must(exec.Command("go", "build", "-o", b.bin, "."))
	b.must(exec.Command(b.bin, "start", b.dir))
	t.Cleanup(func() { b.must(exec.Command(b.bin, "stop", b.dir)) })
	b.readEnv()
	return b
}

// readEnv takes over what `graduate-sandbox env` prints, by way of a shell.
func (b *box) readEnv() {
	b.t.Helper()
	script := fmt.Sprintf(`eval "$(%q env %q)" && env -0`, b.bin, b.dir)
	out, err := exec.Command("bash", "-c", script).Output()
	if err != nil {
		b.t.Fatal(err)
	}
	b.env = strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	data, err := os.ReadFile(filepath.Join(b.dir, "sandbox.json"))
	if err != nil {
		b.t.Fatal(err)
	}
	var settings struct {
		Port int `json:"http_port"`
	}
	if err := json.Unmarshal(data, &settings); err != nil {
		b.t.Fatal(err)
	}
	b.port = settings.Port
}

// must runs a program that has to succeed.
func (b *box) must(cmd *exec.Cmd) string {
	b.t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out)
}

// command prepares a program of the sandbox: dokku, plugn or git.
func (b *box) command(name string, args ...string) *exec.Cmd {
	if own := filepath.Join(b.dir, "bin", name); fileExists(own) {
		name = own
	}
	cmd := exec.Command(name, args...)
	cmd.Env = append([]string{}, b.env...)
	return cmd
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// dokku runs a dokku command that has to succeed and returns what it printed.
func (b *box) dokku(args ...string) string {
	b.t.Helper()
	return b.must(b.command("dokku", args...))
}

// fails runs a dokku command that has to end with the given code.
func (b *box) fails(code int, args ...string) string {
	b.t.Helper()
	cmd := b.command("dokku", args...)
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code {
		b.t.Fatalf("dokku %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	return string(out)
}

// buildApp builds the program that the tests deploy.
func (b *box) buildApp() []byte {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), "app")
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", file, "./testdata/app")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	b.must(cmd)
	data, err := os.ReadFile(file)
	if err != nil {
		b.t.Fatal(err)
	}
	return data
}

// image makes an image of the app under the given version, which is its tag.
func (b *box) image(app []byte, version string) string {
	b.t.Helper()
	var layer bytes.Buffer
	writer := tar.NewWriter(&layer)
	for name, data := range map[string][]byte{
		"app/app": app, "app/VERSION": []byte(version), "app/Procfile": []byte(procfile), "app/app.json": []byte(appJSON),
	} {
		header := &tar.Header{Name: name, Mode: 0o755, Size: int64(len(data))}
		if err := writer.WriteHeader(header); err != nil {
			b.t.Fatal(err)
		}
		if _, err := writer.Write(data); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		b.t.Fatal(err)
	}
	tag := b.prefix + "lab/a:" + version
	cmd := exec.Command("docker", "import", "--change", "WORKDIR /app", "--change", `CMD ["/app/app","web"]`, "-", tag)
	cmd.Stdin = &layer
	b.must(cmd)
	b.t.Cleanup(func() { _ = exec.Command("docker", "image", "rm", "--force", tag).Run() })
	return tag
}

// get asks an app by way of the sandbox's nginx.
func (b *box) get(app, path string) string {
	b.t.Helper()
	request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", b.port, path), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	request.Host = app + "." + domain
	answer, err := (&http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	body, _ := io.ReadAll(answer.Body)
	return fmt.Sprintf("%d %s", answer.StatusCode, body)
}

// serves waits for a version to answer: a reload of nginx takes a moment.
func (b *box) serves(app, version string) {
	b.t.Helper()
	var got string
	for range 60 {
		if got = b.get(app, "/"); strings.Contains(got, "version="+version+" ") {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.t.Errorf("%s answers %q, want version %s", app, got, version)
}

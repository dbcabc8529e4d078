package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The recordings in testdata/skeleton are of a real Dokku 0.38.27. For each, the
// same command is run in the sandbox, and what it calls has to be the same.
//
// The rule of comparison: the same triggers with the same arguments, at the same
// depth, in the same order, stopped at the same place. Left out on both sides
// are triggers that no recording has (they only read, or are a matter of Dokku's
// inside), `ports-configure`, which the sandbox asks for less often, and
// repetitions of `deployed-app-image-tag` without another call in between.
func TestTriggersAreThoseOfDokku(t *testing.T) {
	b := newBox(t)
	binary := b.buildApp()
	app := b.prefix + "a"
	images := map[string]string{}
	for _, version := range []string{"v1", "v2", "v3", "v4", "badweb", "badworker"} {
		images[version] = b.image(binary, version)
	}
	b.dokku("apps:create", app)
	b.must(b.command(filepath.Join(b.dir, "lib/core-plugins/available/common/prop"), "set", "checks", "--global", "default-wait", "1"))

	record := func(name, serves string, cmd *exec.Cmd, fails bool) {
		t.Helper()
		if !t.Run(name, func(t *testing.T) { b.compare(t, name, app, cmd, fails) }) {
			t.FailNow()
		}
		if serves != "" {
			b.serves(app, serves)
		}
	}
	deploy := func(version string) *exec.Cmd { return b.command("dokku", "git:from-image", app, images[version]) }
	record("a-first-deploy-from-image-web1", "v1", deploy("v1"), false)
	record("b-second-deploy-from-image-web1", "v2", deploy("v2"), false)
	b.dokku("ps:scale", "--skip-deploy", app, "web=2", "worker=1")
	record("c-deploy-from-image-web2-worker1", "v3", deploy("v3"), false)
	b.must(exec.Command("docker", "tag", images["v4"], "dokku/"+app+":graduate-1"))
	record("d-release-and-deploy-tag", "v4", b.command("plugn", "trigger", "release-and-deploy", app, "graduate-1"), false)
	record("g1-ps-restart", "v3", b.command("dokku", "ps:restart", app), false)
	record("g2-ps-scale", "v3", b.command("dokku", "ps:scale", app, "web=1", "worker=1"), false)
	record("g3-ps-stop", "", b.command("dokku", "ps:stop", app), false)
	record("g4-ps-start", "v3", b.command("dokku", "ps:start", app), false)
	record("e-deploy-web-check-fails", "v3", deploy("badweb"), true)
	record("f-deploy-worker-fails", "badworker", deploy("badworker"), true)
}

// TestPushIsThatOfDokku is the same for git push.
func TestPushIsThatOfDokku(t *testing.T) {
	b := newBox(t)
	app := b.prefix + "push1"
	work := t.TempDir()
	for name, data := range map[string]string{
		"Dockerfile": "FROM scratch\nWORKDIR /app\nCOPY app VERSION Procfile app.json /app/\nCMD [\"/app/app\",\"web\"]\n",
		"Procfile":   procfile, "app.json": appJSON, "app": string(b.buildApp()),
	} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(data), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	git := func(args ...string) *exec.Cmd {
		identity := []string{"-C", work, "-c", "user.name=t", "-c", "user.email=t@example.test"}
		return b.command("git", append(identity, args...)...)
	}
	b.must(git("init", "-q", "-b", "master"))
	b.pushVersion(t, git, work, app, "h1-git-push-first", "g1")
	b.pushVersion(t, git, work, app, "h2-git-push-second", "g2")
}

func (b *box) pushVersion(t *testing.T, git func(...string) *exec.Cmd, work, app, recording, version string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(work, "VERSION"), []byte(version), 0o644); err != nil {
		t.Fatal(err)
	}
	b.must(git("add", "."))
	b.must(git("commit", "-q", "-m", version))
	if !t.Run(recording, func(t *testing.T) {
		b.compare(t, recording, app, git("push", "dokku@sandbox:"+app, "master"), false)
	}) {
		t.FailNow()
	}
	b.serves(app, version)
}

// compare runs a command with a trace and compares that with a recording.
func (b *box) compare(t *testing.T, name, app string, cmd *exec.Cmd, fails bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trace")
	cmd.Env = append(cmd.Env, "SANDBOX_TRACE="+file)
	out, err := cmd.CombinedOutput()
	if (err != nil) != fails {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	golden, err := os.ReadFile(filepath.Join("testdata", "skeleton", name+".tsv"))
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := comparable(readGolden(string(golden)))
	got := comparable(b.readTrace(string(recorded), app))
	if diff := difference(want, got); diff != "" {
		t.Errorf("%s: - Dokku, + sandbox:\n%s\noutput:\n%s", name, diff, out)
	}
}

// call is one trigger call: depth, name, arguments and whether it was stopped.
type call struct {
	depth, name, args, stopped string
}

func readGolden(text string) []call {
	var calls []call
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		fields := strings.Split(line+"\t\t\t", "\t")
		if strings.HasPrefix(line, "#") || fields[0] == "depth" {
			continue
		}
		calls = append(calls, call{fields[0], fields[1], fields[2], fields[3]})
	}
	return calls
}

// readTrace reads the sandbox's trace and puts the recordings' names in place of
// what is different each time.
func (b *box) readTrace(text, app string) []call {
	var calls []call
	position := map[string]int{}
	ids := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		fields := strings.Split(line, "\t")
		if fields[0] == "fail" {
			calls[position[fields[1]]].stopped = "stopped"
			continue
		}
		position[fields[1]] = len(calls)
		args := neutral(strings.ReplaceAll(fields[4], `"`+b.prefix, `"`), ids)
		args = strings.ReplaceAll(args, "dokku/"+app, "dokku/"+strings.TrimPrefix(app, b.prefix))
		if strings.HasPrefix(fields[3], "builds-record") {
			args = buildID.ReplaceAllString(args, `$1"BUILD" "PID"`)
		}
		calls = append(calls, call{depth: fields[2], name: fields[3], args: args})
	}
	return calls
}

var (
	containerID = regexp.MustCompile(`"[0-9a-f]{64}"`)
	revision    = regexp.MustCompile(`"[0-9a-f]{40}"`)
	address     = regexp.MustCompile(`"\d+\.\d+\.\d+\.\d+"`)
	scratchDir  = regexp.MustCompile(`"[^"]*/dokku-\d+-(\w+)\.[^"]*"`)
	buildID     = regexp.MustCompile(`^("[^"]*" )"[^"]*" "\d+"`)
)

func neutral(args string, ids map[string]string) string {
	args = containerID.ReplaceAllStringFunc(args, func(id string) string {
		if ids[id] == "" {
			ids[id] = fmt.Sprintf(`"CID%d"`, len(ids)+1)
		}
		return ids[id]
	})
	args = revision.ReplaceAllString(args, `"REV"`)
	args = address.ReplaceAllString(args, `"IP"`)
	return scratchDir.ReplaceAllString(args, `"TMP:$1"`)
}

// comparable leaves out what the rule of comparison leaves out.
func comparable(calls []call) []string {
	recorded := recordedTriggers()
	var lines []string
	for _, call := range calls {
		line := strings.TrimSpace(strings.Join([]string{call.depth, call.name, call.args, call.stopped}, " "))
		repeated := call.name == "deployed-app-image-tag" && len(lines) > 0 && lines[len(lines)-1] == line
		if !recorded[call.name] || repeated {
			continue
		}
		lines = append(lines, line)
	}
	return lines
}

// recordedTriggers are the triggers that stand in any of the recordings.
func recordedTriggers() map[string]bool {
	names := map[string]bool{}
	files, _ := filepath.Glob(filepath.Join("testdata", "skeleton", "*.tsv"))
	for _, file := range files {
		data, _ := os.ReadFile(file)
		for _, call := range readGolden(string(data)) {
			names[call.name] = true
		}
	}
	delete(names, "ports-configure")
	return names
}

// difference shows where two lists part; nothing if they are equal.
func difference(want, got []string) string {
	if strings.Join(want, "\n") == strings.Join(got, "\n") {
		return ""
	}
	first := 0
	for first < len(want) && first < len(got) && want[first] == got[first] {
		first++
	}
	var out strings.Builder
	show := func(sign string, lines []string) {
		for _, line := range lines[min(first, len(lines)):min(first+12, len(lines))] {
			_, _ = fmt.Fprintln(&out, sign, line)
		}
	}
	_, _ = fmt.Fprintf(&out, "the first %d calls are equal, then:\n", first)
	show("-", want)
	show("+", got)
	return out.String()
}

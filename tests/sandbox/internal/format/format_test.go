package format

import (
	"errors"
	"reflect"
	"testing"
)

func TestEnvRoundTrip(t *testing.T) {
	env := map[string]string{
		"A": "a b", "NUMBER": "42", "ZERO": "007", "QUOTE": `it's "so" now`,
		"DOLLAR": "$HOME!`x`", "LINES": "one\ntwo", "BACK": `a\nb`, "EMPTY": "",
	}
	text := FormatEnv(env)
	got, err := ParseEnv(text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, env) {
		t.Errorf("read back %q, want %q\nfile:\n%s", got, env, text)
	}
}

// What Dokku 0.38.27 writes for a value in quotes, and what it reads of it.
func TestEnvOfAValueInQuotes(t *testing.T) {
	text := FormatEnv(map[string]string{"A": `"x"`})
	if text != `A="\"x\""` {
		t.Errorf("written as %s", text)
	}
	if got, err := ParseEnv(text); err != nil || got["A"] != `"x\` {
		t.Errorf("read back %q, %v", got["A"], err)
	}
}

func TestParseEnvHandWritten(t *testing.T) {
	got, err := ParseEnv("# a comment\n\nexport A='x y'\nB=plain\r\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"A": "x y", "B": "plain"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := ParseEnv("non-sense\n"); err == nil {
		t.Error("a line that is none was accepted")
	}
}

func TestParseProcfile(t *testing.T) {
	got, err := ParseProcfile("# app\nweb: /app/app web\n\nworker:/app/app worker --x\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []Process{{"web", "/app/app web"}, {"worker", "/app/app worker --x"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, bad := range []string{"", "web /app", "web: a\nweb: b"} {
		if _, err := ParseProcfile(bad); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}

func TestExpandCommand(t *testing.T) {
	got := ExpandCommand("serve -p $PORT -x ${MODE}$NONE", "5000", map[string]string{"MODE": "fast"})
	if want := "serve -p 5000 -x fast"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSplitWords(t *testing.T) {
	got, err := SplitWords(` --label="a b" -e 'X=y z' -v /a\ b:/c "" --env=D `)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"--label=a b", "-e", "X=y z", "-v", "/a b:/c", "", "--env=D"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := SplitWords(`"open`); !errors.Is(err, ErrUnclosedQuote) {
		t.Errorf("got %v, want ErrUnclosedQuote", err)
	}
}

func TestAppJSON(t *testing.T) {
	app, err := ParseAppJSON([]byte(`{
		"formation": {"web": {"quantity": 2, "max_parallel": 3}, "worker": {"max_parallel": 0}},
		"healthchecks": {"web": [{"type": "startup", "path": "/up"}, {"type": "liveness", "path": "/live"}],
		                 "worker": [{"type": "liveness", "uptime": 3}]},
		"scripts": {"dokku": {"predeploy": "pre"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if app.Parallelism("web") != 3 || app.Parallelism("worker") != 1 || app.Parallelism("none") != 1 {
		t.Error("wrong parallelism")
	}
	if checks := app.StartupChecks("web", 10); len(checks) != 1 || checks[0].Path != "/up" {
		t.Errorf("web: %+v", checks)
	}
	if checks := app.StartupChecks("worker", 10); len(checks) != 1 || checks[0].Uptime != 10 {
		t.Errorf("worker: %+v", checks)
	}
	if _, err := ParseAppJSON([]byte("{")); err == nil {
		t.Error("accepted a broken file")
	}
	if _, err := ParseAppJSON(nil); err != nil {
		t.Errorf("refused an empty file: %v", err)
	}
}

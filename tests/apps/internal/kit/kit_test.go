package kit

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestBehaviours(t *testing.T) {
	b := parseBehaviours("check-fails,boot-delay=3s worker-crashes")
	if !b.Has("check-fails") || !b.Has("worker-crashes") || b.Has("web-exits") {
		t.Errorf("parsed %v", b)
	}
	if d := b.Duration("boot-delay", time.Minute); d != 3*time.Second {
		t.Errorf("boot-delay = %v", d)
	}
	if d := b.Duration("worker-crashes", time.Second); d != time.Second {
		t.Errorf("worker-crashes = %v, want the fallback", d)
	}
}

func TestFirstLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "version")
	if got := firstLine(path, "dev"); got != "dev" {
		t.Errorf("missing file gives %q", got)
	}
	if err := os.WriteFile(path, []byte(" v7 \nmore\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := firstLine(path, "dev"); got != "v7" {
		t.Errorf("got %q", got)
	}
}

func TestHealthzNeverReachesTheApp(t *testing.T) {
	reached := false
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true })
	for behaviour, want := range map[string]int{"": 200, "check-fails": 500} {
		a := &App{Version: "v2", Behaviours: parseBehaviours(behaviour)}
		rec := httptest.NewRecorder()
		a.checked(next).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/healthz", nil))
		if rec.Code != want || rec.Header().Get("X-Version") != "v2" || reached {
			t.Errorf("behaviour %q: status %d, reached %v", behaviour, rec.Code, reached)
		}
	}
}

package kit

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// drainTime is how long running requests may take after SIGTERM.
const drainTime = 30 * time.Second

// Serve answers HTTP on $PORT until SIGTERM, then lets running requests finish. It returns the
// exit code. Behaviours: boot-delay=3s (listens late), web-exits (ends at once with exit code 1),
// check-fails (/healthz answers 500), ignores-term.
func (a *App) Serve(handler http.Handler) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if a.Behaviours.Has("ignores-term") {
		ctx = context.WithoutCancel(ctx)
	}
	if a.Behaviours.Has("web-exits") {
		a.Log("exits at its start, as its image asks for")
		return 1
	}
	select {
	case <-time.After(a.Behaviours.Duration("boot-delay", 0)):
	case <-ctx.Done():
		return 0
	}
	server := &http.Server{
		Addr:              net.JoinHostPort("", Getenv("PORT", "5000")),
		Handler:           a.logged(a.checked(handler)),
		ReadHeaderTimeout: time.Minute,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	a.Log("listens address=%s dyno=%s", server.Addr, os.Getenv("DYNO"))
	select {
	case err := <-failed:
		a.Log("cannot serve: %v", err)
		return 1
	case <-ctx.Done():
	}
	a.Log("SIGTERM: finishes its running requests")
	drain, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := server.Shutdown(drain); err != nil && !errors.Is(err, http.ErrServerClosed) {
		a.Log("did not finish all requests: %v", err)
		return 1
	}
	a.Log("ends")
	return 0
}

// checked answers /healthz itself, so that the check never touches the database, and marks every
// answer with the version.
func (a *App) checked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Version", a.Version)
		if r.URL.Path != "/healthz" {
			next.ServeHTTP(w, r)
			return
		}
		if a.Behaviours.Has("check-fails") {
			http.Error(w, "not healthy, as the image asks for", http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status and passes it on.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap gives http.ResponseController the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// logged writes a line per request. proxied=true marks those that came through the proxy, so a log
// proves who asked a candidate before it was live.
func (a *App) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(sw, r)
		a.Log("request method=%s path=%s status=%d ms=%d proxied=%t", r.Method, r.URL.Path,
			sw.status, time.Since(begin).Milliseconds(), r.Header.Get("X-Forwarded-For") != "")
	})
}

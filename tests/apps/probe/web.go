package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dokku-graduate/dokku-graduate/tests/apps/internal/kit"
)

// routes are the pages of the web process: what it is, one config value, a slow answer.
func routes(app *kit.App) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, "version=%s dyno=%s host=%s git_rev=%s\n",
			app.Version, os.Getenv("DYNO"), app.Host, os.Getenv("GIT_REV"))
	})
	mux.HandleFunc("/env", func(w http.ResponseWriter, r *http.Request) {
		value, ok := os.LookupEnv(r.URL.Query().Get("key"))
		if !ok {
			http.Error(w, "not set", http.StatusNotFound)
			return
		}
		_, _ = fmt.Fprintln(w, value)
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		ms, _ := strconv.Atoi(r.URL.Query().Get("ms"))
		select {
		case <-time.After(time.Duration(ms) * time.Millisecond):
			_, _ = fmt.Fprintf(w, "version=%s after %d ms\n", app.Version, ms)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/request", describe)
	mux.HandleFunc("/socket", func(w http.ResponseWriter, r *http.Request) { socket(app, w, r) })
	return mux
}

// describe answers with all that came: method, address, headers, and how much of a body with which digest.
func describe(w http.ResponseWriter, r *http.Request) {
	digest := sha256.New()
	n, err := io.Copy(digest, r.Body)
	if err != nil {
		http.Error(w, "the body is cut: "+err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = fmt.Fprintf(w, "%s %s %s\nHost: %s\nbody: %d bytes, %x\n", r.Method, r.RequestURI, r.Proto, r.Host, n, digest.Sum(nil))
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		_, _ = fmt.Fprintf(w, "%s: %s\n", name, strings.Join(r.Header[name], " | "))
	}
}

// socket switches to another protocol, as a WebSocket does, and gives each line back behind the version.
func socket(app *kit.App, w http.ResponseWriter, r *http.Request) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: %s\r\nConnection: Upgrade\r\nX-Version: %s\r\n\r\n", r.Header.Get("Upgrade"), app.Version)
	lines := bufio.NewScanner(buffered)
	for lines.Scan() {
		_, _ = fmt.Fprintf(conn, "%s %s\n", app.Version, lines.Text())
	}
}

package main

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
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
	return mux
}

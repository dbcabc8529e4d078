// Command webservices is the consumer API of the demo: each request places an order in the table
// that it shares with portal.
//
//	webservices web       serve HTTP on $PORT; GET / needs the schema of this version
//	webservices worker    place an order every 20 ms
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/dokku-graduate/dokku-graduate/tests/apps/internal/kit"
	"github.com/dokku-graduate/dokku-graduate/tests/apps/internal/store"
)

func main() {
	os.Exit(run(kit.Load("webservices"), os.Args[1:]))
}

// run serves the web process and returns the exit code.
func run(app *kit.App, args []string) int {
	if len(args) > 0 && args[0] != "web" && args[0] != "worker" {
		fmt.Fprintf(os.Stderr, "webservices: unknown process %q; it has web and worker\n", args[0])
		return 2
	}
	data, err := store.Open(app.Name, app.Version)
	if err != nil {
		app.Log("cannot start: %v", err)
		return 1
	}
	defer func() { _ = data.Close() }()
	if len(args) > 0 && args[0] == "worker" {
		return worker(app, data)
	}
	return app.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := data.Order(r.Context(), "an order of "+app.Version)
		if err != nil {
			http.Error(w, "the order was not taken: "+err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = fmt.Fprintf(w, "app=%s version=%s host=%s order=%d\n", app.Name, app.Version, app.Host, id)
	}))
}

// orderEvery is the time between two orders of the worker.
const orderEvery = 20 * time.Millisecond

// worker writes to the table all the time, until SIGTERM.
func worker(app *kit.App, data *store.Store) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	tick := time.NewTicker(orderEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if _, err := data.Order(ctx, "an order of the worker of "+app.Version); err != nil && ctx.Err() == nil {
				app.Log("the worker's order was not taken: %v", err)
			}
		case <-ctx.Done():
			return 0
		}
	}
}

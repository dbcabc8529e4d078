// Command webservices is the consumer API of the demo: each request places an order in the table
// that it shares with portal.
//
//	webservices web    serve HTTP on $PORT; GET / needs the schema of this version
package main

import (
	"fmt"
	"net/http"
	"os"

	"github.com/dokku-graduate/dokku-graduate/tests/apps/internal/kit"
	"github.com/dokku-graduate/dokku-graduate/tests/apps/internal/store"
)

func main() {
	os.Exit(run(kit.Load("webservices"), os.Args[1:]))
}

// run serves the web process and returns the exit code.
func run(app *kit.App, args []string) int {
	if len(args) > 0 && args[0] != "web" {
		fmt.Fprintf(os.Stderr, "webservices: unknown process %q; it has web\n", args[0])
		return 2
	}
	data, err := store.Open(app.Version)
	if err != nil {
		app.Log("cannot start: %v", err)
		return 1
	}
	defer func() { _ = data.Close() }()
	return app.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := data.Order(r.Context(), "an order of "+app.Version)
		if err != nil {
			http.Error(w, "the order was not taken: "+err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = fmt.Fprintf(w, "app=%s version=%s host=%s order=%d\n", app.Name, app.Version, app.Host, id)
	}))
}

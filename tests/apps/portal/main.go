// Command portal is the admin site of the demo: it shows the orders and owns the schema.
//
//	portal web        serve HTTP on $PORT; GET / needs the schema of this version
//	portal migrate    bring the schema of DATABASE_URL to this version; exit 3 where that fails
//	portal revert     take that back
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/dokku-graduate/dokku-graduate/tests/apps/internal/kit"
	"github.com/dokku-graduate/dokku-graduate/tests/apps/internal/store"
)

// migrationFailed is the exit code of a migration that changed nothing.
const migrationFailed = 3

func main() {
	os.Exit(run(kit.Load("portal"), os.Args[1:]))
}

// run dispatches on the process type and returns the exit code.
func run(app *kit.App, args []string) int {
	data, err := store.Open(app.Name, app.Version)
	if err != nil {
		app.Log("cannot start: %v", err)
		return 1
	}
	defer func() { _ = data.Close() }()
	switch {
	case len(args) == 0, args[0] == "web":
		return app.Serve(page(app, data))
	case args[0] == "migrate":
		return migrate(app, data)
	case args[0] == "revert":
		if err := data.Revert(context.Background()); err != nil {
			app.Log("the migration is not taken back: %v", err)
			return migrationFailed
		}
		return 0
	}
	fmt.Fprintf(os.Stderr, "portal: unknown process %q; it has web, migrate and revert\n", args[0])
	return 2
}

// page shows how many of the latest orders this version can read.
func page(app *kit.App, data *store.Store) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := data.Recent(r.Context())
		if err != nil {
			http.Error(w, "the orders cannot be read: "+err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = fmt.Fprintf(w, "app=%s version=%s host=%s recent_orders=%d\n", app.Name, app.Version, app.Host, n)
	})
}

// migrate adds what this version needs. Behaviour migrate-strict also adds a rule that old orders
// may break, as the data of production does in the demo; migrate-breaks leaves nothing to earlier
// versions; migrate-busy=3s goes on for that time after its change; migrate-fails fails at its end.
func migrate(app *kit.App, data *store.Store) int {
	added, err := data.Migrate(context.Background(), store.Change{
		Strict: app.Behaviours.Has("migrate-strict"), Breaking: app.Behaviours.Has("migrate-breaks"),
		Busy: app.Behaviours.Duration("migrate-busy", 0),
	})
	if err == nil && app.Behaviours.Has("migrate-fails") {
		app.Log("the migration fails after its change, as its image asks for")
		return migrationFailed
	}
	if err != nil {
		app.Log("the migration failed, nothing is changed: %v", err)
		return migrationFailed
	}
	app.Log("migrated, new generations of the schema: %v", added)
	return 0
}

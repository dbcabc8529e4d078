// Command probe is the sample app of the end-to-end tests: one binary that is the web process, the
// worker and the tasks of an app, and that goes wrong in the ways that its image asks for.
//
//	probe web                     serve HTTP on $PORT (5000)
//	probe worker                  log a line per second
//	probe task NAME [--exit N] [--sleep SECONDS] [--print-env]
//	probe get URL                 print an answer, exit 1 unless it is a 200 (for smoke tests)
package main

import (
	"fmt"
	"os"

	"github.com/dokku-graduate/dokku-graduate/tests/apps/internal/kit"
)

func main() {
	os.Exit(run(kit.Load("probe"), os.Args[1:]))
}

// run dispatches on the process type and returns the exit code.
func run(app *kit.App, args []string) int {
	if len(args) == 0 {
		args = []string{"web"}
	}
	switch args[0] {
	case "web":
		return app.Serve(routes(app))
	case "worker":
		return worker(app)
	case "task":
		return task(app, args[1:])
	case "get":
		return get(args[1:])
	}
	fmt.Fprintf(os.Stderr, "probe: unknown process %q; it has web, worker, task and get\n", args[0])
	return 2
}

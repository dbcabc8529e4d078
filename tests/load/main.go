// Command load asks web sites at a steady rate, notes every answer, and tells afterwards what
// failed, which version answered when, and whether one answered that was not released yet.
//
//	load start --out DIR [--every 10ms] [--for 5m] [--timeout 30s] NAME[@HOST]=URL...
//	load report DIR [--since TIME] [--until TIME] [--new-version V [--released-after TIME]]
//	                [--unreleased V]...
//
// start runs until --for is over or SIGTERM or SIGINT comes, then prints the report; every answer
// is a line of DIR/responses.tsv. report can also be asked while start still runs. Both print
// "name: value" lines. A TIME is RFC 3339 or nanoseconds since 1970.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run dispatches on the verb and returns the exit code.
func run(args []string, out, errs io.Writer) int {
	verbs := map[string]func([]string, io.Writer) error{"start": start, "report": report}
	if len(args) == 0 || verbs[args[0]] == nil {
		_, _ = fmt.Fprintln(errs, "usage: load start --out DIR NAME[@HOST]=URL... | load report DIR [flags]")
		return 2
	}
	if err := verbs[args[0]](args[1:], out); err != nil {
		_, _ = fmt.Fprintf(errs, " !     load %s: %v\n", args[0], err)
		return 1
	}
	return 0
}

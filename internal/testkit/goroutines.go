// Package testkit is what the tests of the core share: fakes of the ports in internal/graduate/ports.go, with a
// trace of every call in its order. Only tests import it.
package testkit

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// NoGoroutines fails a test that leaves goroutines behind which run code of a package ("internal/hold").
func NoGoroutines(t testing.TB, pkg string) {
	t.Helper()
	t.Cleanup(func() {
		var left []string
		// The end of a goroutine is no event that could be waited for.
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if left = running(pkg); len(left) == 0 {
				return
			}
		}
		t.Errorf("%d goroutines of %s are left:\n%s", len(left), pkg, strings.Join(left, "\n\n"))
	})
}

// running lists the stacks of the goroutines that run code of a package, the tests' own apart.
func running(pkg string) []string {
	buffer := make([]byte, 1<<20)
	buffer = buffer[:runtime.Stack(buffer, true)]
	var found []string
	for _, stack := range strings.Split(string(buffer), "\n\n") {
		if strings.Contains(stack, pkg+".") && !strings.Contains(stack, "testing.tRunner(") {
			found = append(found, stack)
		}
	}
	return found
}

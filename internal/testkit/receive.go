package testkit

import (
	"testing"
	"time"
)

// Receive takes a value from a channel; a test fails, rather than hangs, where none comes.
func Receive[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		panic("not reached")
	}
}

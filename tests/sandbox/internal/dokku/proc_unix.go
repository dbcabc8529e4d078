package dokku

import (
	"os/exec"
	"syscall"
)

// signalExit is the exit code of a program that was ended by a signal.
func signalExit(exited *exec.ExitError) int {
	if status, ok := exited.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return 1
}

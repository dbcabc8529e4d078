package dokku

import (
	"os"
	"os/exec"
	"syscall"
	"unsafe"
)

// signalExit is the exit code of a program that was ended by a signal.
func signalExit(exited *exec.ExitError) int {
	if status, ok := exited.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return 1
}

// isTerminal asks the kernel for the settings that only a terminal has.
func isTerminal(file *os.File) bool {
	var settings syscall.Termios
	_, _, failed := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), syscall.TCGETS, uintptr(unsafe.Pointer(&settings)))
	return failed == 0
}

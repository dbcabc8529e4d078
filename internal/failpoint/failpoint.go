// Package failpoint lets the crash test (tests/crash) end the coordinator at a named moment, as a power cut would.
// Nothing happens where the environment names none; whoever calls Dokku over SSH cannot set its environment.
package failpoint

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

const (
	// env names the moment: before:state:release, torn:app:staged, promote/tag. "#2" behind it is its second
	// occurrence in the process; "stop:" in front of it stops the process instead, for who kills others then.
	env = "GRADUATE_FAILPOINT"
	// seen is a file that gets each moment that a process came to, as "PID MOMENT#N".
	seen = "GRADUATE_FAILPOINT_SEEN"
)

var (
	mu     sync.Mutex
	counts = map[string]int{}
)

// Hit ends or stops this process where the environment names this moment.
func Hit(moment string) {
	if Reached(moment) {
		Act()
	}
}

// Reached tells whether the environment names this moment, for who has to leave something half-done before Act.
func Reached(moment string) bool {
	name, log := os.Getenv(env), os.Getenv(seen)
	if name == "" && log == "" {
		return false
	}
	mu.Lock()
	defer mu.Unlock()
	counts[moment]++
	numbered := fmt.Sprintf("%s#%d", moment, counts[moment])
	note(log, numbered)
	wanted := strings.TrimPrefix(name, "stop:")
	return (wanted == moment && counts[moment] == 1 || wanted == numbered) && first(log)
}

// note appends a moment to the file that the environment names.
func note(path, moment string) {
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return
	}
	_, _ = fmt.Fprintf(file, "%d %s\n", os.Getpid(), moment)
	_ = file.Close()
}

// first tells whether no other process came to the moment before: what the coordinator starts has its environment.
func first(path string) bool {
	if path == "" {
		return true
	}
	file, err := os.OpenFile(path+".hit", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return false
	}
	_, _ = fmt.Fprintf(file, "%d\n", os.Getpid())
	return file.Close() == nil
}

// Act ends this process by SIGKILL, or stops it.
func Act() {
	if strings.HasPrefix(os.Getenv(env), "stop:") {
		// To this very thread: a signal to the process may stop it some instructions later.
		runtime.LockOSThread()
		_, _, _ = syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(os.Getpid()), uintptr(syscall.Gettid()), uintptr(syscall.SIGSTOP))
		runtime.UnlockOSThread()
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal is on its way
}

// Package failpoint lets the crash tests end the coordinator at a named moment, as a power cut would. Nothing
// happens where the environment names none; whoever calls Dokku over SSH cannot set its environment.
package failpoint

import (
	"os"
	"syscall"
)

// env names the moment: before or after which record of the journal, as in "before:state:release".
const env = "GRADUATE_FAILPOINT"

// Hit ends this process by SIGKILL where the environment names this moment.
func Hit(moment string) {
	if os.Getenv(env) == moment {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way
	}
}

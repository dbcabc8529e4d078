package trigger

import (
	"fmt"
	"os"
	"os/exec"
)

// restoreWait bounds how long pre-restore waits: as long as an abort may take without its hooks.
const restoreWait = "5m"

// PreRestore completes graduations that the machine's stop has cut off, before Dokku starts the apps at boot
// (pre-restore). Where only Docker was restarted the coordinator lives and turns its run back: that is awaited, as its
// targets are closed until then and would stay down. It is a process of its own: a trigger never holds an engine.
// Dokku goes on in any case.
func PreRestore([]string) int {
	self, err := os.Executable()
	if err != nil {
		return 0
	}
	cmd := exec.Command(self, "graduate:recover", "--unattended", "--wait", restoreWait)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, " !     Not every graduation is over: dokku graduate:status shows them, dokku graduate:recover completes what is left")
	}
	return 0
}

package trigger

import (
	"fmt"
	"os"
	"os/exec"
)

// PreRestore completes graduations that the machine's stop has cut off, before Dokku starts the apps at boot
// (pre-restore). It is a process of its own: a trigger never holds an engine. Dokku goes on in any case.
func PreRestore([]string) int {
	self, err := os.Executable()
	if err != nil {
		return 0
	}
	cmd := exec.Command(self, "graduate:recover", "--unattended")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, " !     dokku graduate:recover has to be run again")
	}
	return 0
}

// Command with-daemon runs a command against a Docker daemon of its own, and takes that away again.
//
//	with-daemon COMMAND [ARGUMENT...]
//
// The command's exit code is its own; 125 where the daemon does not start. Where there can be none (only root can have
// one), it says so, and the command uses the machine's. The daemon's containers reach this machine and nothing beyond it;
// OUTER_DOCKER_HOST is the DOCKER_HOST of before, for what must. Ctrl-C and SIGTERM are passed on, and the command's end awaited.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/dokku-graduate/dokku-graduate/tests/daemon"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, " !     usage: with-daemon COMMAND [ARGUMENT...]")
		os.Exit(125)
	}
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, " !     with-daemon:", err)
		os.Exit(125)
	}
	os.Exit(code)
}

func run(words []string) (int, error) {
	daemon.Sweep(filepath.Join(os.TempDir(), "graduate-daemon.*"))
	dir, err := os.MkdirTemp("", "graduate-daemon.")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	signals := make(chan os.Signal, 1) // from here on a signal ends the command, and the daemon after that
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if d, err := daemon.New(dir); err != nil {
		fmt.Fprintln(os.Stderr, "       There is no Docker daemon of its own for this, the machine's has to do:", err)
	} else {
		defer d.Remove()
		cmd.Env = append(os.Environ(), "DOCKER_HOST="+d.Host(), "OUTER_DOCKER_HOST="+os.Getenv("DOCKER_HOST"))
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() {
		for received := range signals {
			_ = cmd.Process.Signal(received)
		}
	}()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	return cmd.ProcessState.ExitCode(), nil
}

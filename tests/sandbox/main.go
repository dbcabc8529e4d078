// Command graduate-sandbox is a small Dokku in one folder, for tests and demos.
//
//	graduate-sandbox start DIR [--http-port N]
//	eval "$(graduate-sandbox env DIR)"
//	dokku apps:create portal
//	graduate-sandbox stop DIR
//
// The same binary is, under other names within DIR, the programs of that Dokku:
// dokku, plugn, every core trigger, and the ssh that `git push` goes through.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/tests/sandbox/internal/dokku"
)

func main() {
	err := run(os.Args)
	if err != nil {
		var exit dokku.Exit
		if !errors.As(err, &exit) { // the others have been said where they arose
			fmt.Fprintln(os.Stderr, " !     "+err.Error())
		}
	}
	os.Exit(dokku.ExitCode(err))
}

// run chooses the program by the name that it was called under.
func run(args []string) error {
	name := filepath.Base(args[0])
	if name == "graduate-sandbox" && (len(args) < 2 || args[1] != "retire-later") {
		return control(args[1:])
	}
	layout, err := ownLayout()
	if err != nil {
		return err
	}
	proc := dokku.NewProc(layout)
	switch name {
	case "dokku":
		// As the shell that Dokku is: a Ctrl-C is for the command that it waits for.
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
		return dokku.Main(proc, args[1:])
	case "plugn":
		return dokku.Plugn(proc, args[1:])
	case "nginx":
		return dokku.Nginx(proc, args[1:])
	case "sandbox-ssh":
		return overSSH(proc, args[1:])
	case "graduate-sandbox":
		return dokku.RetireLater(proc, args[2:])
	}
	return dokku.RunLink(proc, args[0], args[1:])
}

// ownLayout is the sandbox that this binary lies in.
func ownLayout() (dokku.Layout, error) {
	binary, err := os.Executable()
	if err != nil {
		return dokku.Layout{}, err
	}
	binary, err = filepath.EvalSymlinks(binary)
	if err != nil {
		return dokku.Layout{}, err
	}
	return dokku.Layout{Dir: filepath.Dir(filepath.Dir(binary))}, nil
}

const usage = `Usage: graduate-sandbox COMMAND DIR

  start DIR [--http-port N]   make a sandbox in DIR and start its nginx
  env DIR                     print the environment to eval in a shell
  run-cron DIR                do what Dokku's cron does every five minutes
  stop DIR                    remove the sandbox with all that belongs to it`

// control is the program under its own name.
func control(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("%s", usage)
	}
	dir, err := filepath.Abs(args[1])
	if err != nil {
		return err
	}
	switch args[0] {
	case "start":
		return start(dir, args[2:])
	case "stop":
		return stop(dir)
	case "env":
		return printEnv(dir)
	case "run-cron":
		layout, err := layoutOf(dir)
		if err != nil {
			return err
		}
		return dokku.Main(dokku.NewProc(layout), []string{"ps:retire"})
	}
	return fmt.Errorf("unknown command %s\n%s", args[0], usage)
}

// overSSH stands in for ssh: it runs the command of `ssh HOST COMMAND` as the
// server's dokku would, splitting it once more into words.
func overSSH(proc *dokku.Proc, args []string) error {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		takesValue := len(args[0]) == 2 && strings.ContainsAny(args[0][1:], "oplicFEb")
		args = args[1:]
		if takesValue && len(args) > 0 {
			args = args[1:]
		}
	}
	if len(args) < 2 {
		return fmt.Errorf("sandbox-ssh: no command")
	}
	args = args[1:] // the host
	if args[0] == "--" {
		args = args[1:]
	}
	command, err := dokku.SplitCommand(strings.Join(args, " "))
	if err != nil {
		return err
	}
	return dokku.Main(proc, command)
}

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/tests/sandbox/internal/dokku"
)

// domain is the one below which every app of a sandbox has its name.
const domain = "sandbox.test"

// layoutOf opens the sandbox in a folder.
func layoutOf(dir string) (dokku.Layout, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return dokku.Layout{}, err
	}
	layout := dokku.Layout{Dir: real}
	_, err = layout.Load()
	return layout, err
}

// start makes a sandbox in dir, or starts the nginx of the one that is there.
func start(dir string, flags []string) error {
	port, err := portFlag(flags)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if layout, err := layoutOf(dir); err == nil {
		return dokku.NewProc(layout).StartNginx()
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	if port == 0 {
		port = dokku.FreePort()
	}
	layout := dokku.Layout{Dir: dir}
	settings := layout.NewSettings(port)
	if err := build(layout, settings); err != nil {
		return err
	}
	if err := dokku.NewProc(layout).StartNginx(); err != nil {
		return err
	}
	fmt.Printf("-----> Sandbox in %s, http://APP.%s:%d\n", dir, domain, port)
	return nil
}

func portFlag(flags []string) (int, error) {
	for i, flag := range flags {
		value, inline := strings.CutPrefix(flag, "--http-port=")
		switch {
		case inline:
		case flag == "--http-port" && i+1 < len(flags):
			value = flags[i+1]
		default:
			continue
		}
		return strconv.Atoi(value)
	}
	return 0, nil
}

// build writes all that a new sandbox consists of. The settings come last: a
// folder is a sandbox once they are there.
func build(layout dokku.Layout, settings dokku.Settings) error {
	for _, dir := range []string{
		layout.Bin(), layout.Root(), layout.Run(), filepath.Join(layout.Log(), "dokku"),
		filepath.Join(layout.Lib(), "config"), layout.Data("scheduler-docker-local"),
	} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := copyBinary(layout.Binary()); err != nil {
		return err
	}
	for _, name := range []string{"dokku", "plugn", "nginx", "sandbox-ssh"} {
		if err := os.Symlink("graduate-sandbox", filepath.Join(layout.Bin(), name)); err != nil {
			return err
		}
	}
	if err := layout.InstallCore(); err != nil {
		return err
	}
	for file, text := range map[string]string{
		filepath.Join(layout.Lib(), "STABLE_VERSION"): dokku.Version + "\n",
		filepath.Join(layout.Root(), "VHOST"):         domain + "\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := layout.WriteNginx(settings); err != nil {
		return err
	}
	return layout.Save(settings)
}

// copyBinary puts this program into the sandbox, which thereby stays the same
// when the original is built anew.
func copyBinary(target string) error {
	source, err := os.Executable()
	if err != nil {
		return err
	}
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// printEnv prints the environment of a sandbox for a shell.
func printEnv(dir string) error {
	layout, err := layoutOf(dir)
	if err != nil {
		return err
	}
	exports := layout.Exports()
	var names []string
	for name := range exports {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Printf("export %s=%s\n", name, dokku.Quote(exports[name]))
	}
	return nil
}

// stop removes a sandbox: its processes, containers, images and its folder.
func stop(dir string) error {
	layout, err := layoutOf(dir)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	proc := dokku.NewProc(layout)
	if err := errors.Join(proc.StopNginx(), proc.EndBackground(), proc.RemoveContainers(), proc.RemoveAppImages()); err != nil {
		return err
	}
	return os.RemoveAll(layout.Dir)
}

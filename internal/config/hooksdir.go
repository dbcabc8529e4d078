package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// defaultHooksDir is where the server's administrator puts host hooks.
const defaultHooksDir = "/etc/dokku-graduate/hooks"

// othersMayWrite are the permission bits that make a file somebody else's.
const othersMayWrite = 0o022

// HooksDir is the folder of the host hooks. GRADUATE_HOOKS_DIR moves it; who calls dokku over SSH
// cannot set the environment.
func HooksDir() string {
	if dir := os.Getenv("GRADUATE_HOOKS_DIR"); dir != "" {
		return filepath.Clean(dir)
	}
	return defaultHooksDir
}

// CheckHostHook is the path of a host hook that may be run: a regular, executable file that nobody but
// the server's administrator can have put there, in a folder of which the same is true. Call it again
// right before running the hook.
func CheckHostHook(name string) (string, error) {
	if err := validHostName(name); err != nil {
		return "", graduate.Errorf(graduate.Invalid, "%w", err)
	}
	dir := HooksDir()
	if err := checkHooksDir(dir); err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", graduate.Errorf(graduate.NotFound, "host script %s does not exist: the server's administrator puts it into %s", name, dir)
	}
	if err != nil {
		return "", graduate.Errorf(graduate.Internal, "host script %s cannot be looked at: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return "", graduate.Errorf(graduate.Refused, "host script %s is not a regular file; a link is not followed", path)
	}
	if err := checkOwner(path, info); err != nil {
		return "", err
	}
	if info.Mode()&0o111 == 0 || unix.Access(path, unix.X_OK) != nil {
		return "", graduate.Errorf(graduate.Refused, "host script %s is not executable for the user that runs dokku; as root: chmod 755 %s", path, path)
	}
	return path, nil
}

// checkHooksDir makes sure that nobody else can put a file, or another folder, in place.
func checkHooksDir(dir string) error {
	if !filepath.IsAbs(dir) {
		return graduate.Errorf(graduate.Invalid, "the hooks folder must be an absolute path, not %s", dir)
	}
	real, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return graduate.Errorf(graduate.NotFound, "there is no folder for host scripts; as root: mkdir -p -m 755 %s", dir)
	}
	if err != nil {
		return graduate.Errorf(graduate.Internal, "the hooks folder cannot be looked at: %w", err)
	}
	if real != dir {
		return graduate.Errorf(graduate.Refused, "the hooks folder %s is reached through a link; name it as %s", dir, real)
	}
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Lstat(at)
		if err != nil {
			return graduate.Errorf(graduate.Internal, "the hooks folder cannot be looked at: %w", err)
		}
		if at == dir && !info.IsDir() {
			return graduate.Errorf(graduate.Refused, "%s is not a folder", dir)
		}
		if err := checkOwner(at, info); err != nil {
			return err
		}
		// A sandbox stands in somebody's home or in /tmp, and only its own folder is its own.
		if at == "/" || inSandbox() {
			return nil
		}
	}
}

// checkOwner makes sure that root, or in a sandbox the user who runs it, is the only one who can write.
func checkOwner(path string, info fs.FileInfo) error {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return graduate.Errorf(graduate.Internal, "the owner of %s is not known on this system", path)
	}
	if stat.Uid != 0 && !(inSandbox() && int(stat.Uid) == os.Getuid()) {
		return graduate.Errorf(graduate.Refused, "%s must belong to root; as root: chown root %s", path, path)
	}
	if info.Mode().Perm()&othersMayWrite != 0 {
		return graduate.Errorf(graduate.Refused, "%s must not be writable for group or others; as root: chmod go-w %s", path, path)
	}
	return nil
}

// inSandbox tells whether this is a sandbox, whose "root" is the user who runs it.
func inSandbox() bool { return os.Getenv("GRADUATE_SANDBOX") == "1" }

package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// hooksDir is a hooks folder with a good script "smoke", in a sandbox.
func hooksDir(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "hooks")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "smoke"), []byte("#!/bin/sh\n"), 0o755))
	t.Setenv("GRADUATE_HOOKS_DIR", dir)
	t.Setenv("GRADUATE_SANDBOX", "1")
	return dir
}

func TestHooksDirIsTheAdministrators(t *testing.T) {
	t.Setenv("GRADUATE_HOOKS_DIR", "")
	require.Equal(t, "/etc/dokku-graduate/hooks", HooksDir())
	t.Setenv("GRADUATE_HOOKS_DIR", "/srv/hooks/")
	require.Equal(t, "/srv/hooks", HooksDir())
}

func TestCheckHostHookAcceptsAnExecutable(t *testing.T) {
	dir := hooksDir(t)
	path, err := CheckHostHook("smoke")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "smoke"), path)
}

func TestCheckHostHookRefuses(t *testing.T) {
	smoke := func(dir string) string { return filepath.Join(dir, "smoke") }
	for _, c := range []struct {
		name, hook string
		prepare    func(t *testing.T, dir string)
		want       string
		code       graduate.Code
	}{
		{"a path", "../smoke", nil, "plain name", graduate.Invalid},
		{"an absolute path", "/bin/sh", nil, "plain name", graduate.Invalid},
		{"dots", "..", nil, "plain name", graduate.Invalid},
		{"a hidden file", ".smoke", nil, `may not begin with "."`, graduate.Invalid},
		{"an option", "-smoke", nil, `may not begin with "-"`, graduate.Invalid},
		{"nothing", "", nil, "needs a name", graduate.Invalid},
		{"a space", "a b", nil, "visible ASCII", graduate.Invalid},
		{"a missing file", "other", nil, "does not exist: the server's administrator puts it into", graduate.NotFound},
		{"a missing folder", "smoke", func(t *testing.T, dir string) { require.NoError(t, os.RemoveAll(dir)) }, "there is no folder for host scripts", graduate.NotFound},
		{"a link", "link", func(t *testing.T, dir string) {
			require.NoError(t, os.Symlink("/bin/true", filepath.Join(dir, "link")))
		}, "a link is not followed", graduate.Refused},
		{"a folder", "sub", func(t *testing.T, dir string) { require.NoError(t, os.Mkdir(filepath.Join(dir, "sub"), 0o755)) }, "not a regular file", graduate.Refused},
		{"what is not executable", "smoke", func(t *testing.T, dir string) { require.NoError(t, os.Chmod(smoke(dir), 0o644)) }, "not executable", graduate.Refused},
		{"what the group may write", "smoke", func(t *testing.T, dir string) { require.NoError(t, os.Chmod(smoke(dir), 0o775)) }, "must not be writable", graduate.Refused},
		{"what others may write", "smoke", func(t *testing.T, dir string) { require.NoError(t, os.Chmod(smoke(dir), 0o757)) }, "must not be writable", graduate.Refused},
		{"a folder that others may write", "smoke", func(t *testing.T, dir string) { require.NoError(t, os.Chmod(dir, 0o1777)) }, "must not be writable", graduate.Refused},
		{"somebody else's file", "smoke", func(t *testing.T, dir string) { chown(t, smoke(dir)) }, "must belong to root", graduate.Refused},
		{"somebody else's folder", "smoke", func(t *testing.T, dir string) { chown(t, dir) }, "must belong to root", graduate.Refused},
		{"a folder behind a link", "smoke", func(t *testing.T, dir string) {
			require.NoError(t, os.Symlink(dir, dir+"-link"))
			t.Setenv("GRADUATE_HOOKS_DIR", dir+"-link")
		}, "is reached through a link", graduate.Refused},
		{"a folder that is a file", "smoke", func(t *testing.T, dir string) { t.Setenv("GRADUATE_HOOKS_DIR", smoke(dir)) }, "is not a folder", graduate.Refused},
		{"a relative folder", "smoke", func(t *testing.T, dir string) { t.Setenv("GRADUATE_HOOKS_DIR", "hooks") }, "absolute path", graduate.Invalid},
		{"a folder in one that others may write", "smoke", func(t *testing.T, dir string) { t.Setenv("GRADUATE_SANDBOX", "") }, "must ", graduate.Refused},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := hooksDir(t)
			if c.prepare != nil {
				c.prepare(t, dir)
			}
			path, err := CheckHostHook(c.hook)
			require.Empty(t, path)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
			requireCode(t, c.code, err)
		})
	}
}

// chown gives a file to a user who is neither root nor the one who runs the tests.
func chown(t *testing.T, path string) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a file away")
	}
	require.NoError(t, os.Chown(path, 65534, -1))
}

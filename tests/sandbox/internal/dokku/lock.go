package dokku

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

var errLocked = errors.New("locked")

// lockFile takes a file's lock without waiting for it. The lock goes with the
// process; the returned function lets it go before that.
func lockFile(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		_ = file.Close()
		return nil, errLocked
	}
	return func() { _ = file.Close() }, nil
}

// withDeployLock runs a deploy under the app's deploy lock. As in Dokku, what
// counts is the lock on the file, not that the file exists.
func (p *Proc) withDeployLock(app string, deploy func() error) error {
	p.needBuildID()
	path := p.lockPath(app)
	unlock, err := lockFile(path)
	if err != nil {
		p.warn("%s currently has a deploy lock in place. Exiting...", app)
		return errors.Join(errLocked, p.fail("Run 'apps:unlock' to release the existing deploy lock"))
	}
	_ = os.WriteFile(path, []byte(p.Env["DOKKU_BUILD_ID"]+"\n"), 0o644)
	err = deploy()
	p.endBuild(app, err)
	unlock()
	_ = os.Remove(path)
	return err
}

package dokku

import (
	"os"
	"path/filepath"
)

// A staged file is one that a new version of an app brings along. While its
// deploy runs it is kept beside the current one, with the deploy's DOKKU_PID as
// its ending; that the new version has no such file is marked by ".missing".
// When the deploy has succeeded, the staged state becomes the current one.

func (p *Proc) stagedName(path string) string { return path + "." + p.Env["DOKKU_PID"] }

// stage puts data beside the current file; no data marks the file as missing.
func (p *Proc) stage(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	removeGlob(path + ".*")
	name := p.stagedName(path)
	if data == nil {
		name += ".missing"
	}
	return os.WriteFile(name, data, 0o644)
}

// effective is the file that counts now: the staged one, or the current one, or
// none.
func (p *Proc) effective(path string) (string, bool) {
	staged := p.stagedName(path)
	switch {
	case exists(staged + ".missing"):
		return "", false
	case exists(staged):
		return staged, true
	default:
		return path, exists(path)
	}
}

// commitStaged makes the staged state the current one.
func (p *Proc) commitStaged(path string) error {
	staged := p.stagedName(path)
	if exists(staged) {
		return os.Rename(staged, path)
	}
	if !exists(staged + ".missing") {
		return nil
	}
	if err := os.Remove(staged + ".missing"); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// sourceFile reads a file of a new version: from the image that the app is
// deployed from, or else from the folder of its code.
func (p *Proc) sourceFile(app, dir, name string) ([]byte, error) {
	if image := p.ask("git-get-property", app, "source-image"); image != "" {
		files, err := p.filesOf(app, image)
		return files[name], err
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if data == nil {
		data = []byte{}
	}
	return data, err
}

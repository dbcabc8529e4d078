package dokku

import (
	"os"
	"path/filepath"
)

// certsPlugin keeps certificates where Dokku does, and serves none: the sandbox speaks http.
func certsPlugin() plugin {
	no := func(p *Proc, _ []string) error {
		p.print("false")
		return nil
	}
	return plugin{
		about: "Manage SSL (TLS) certs",
		help: []string{
			"certs:add <app> CRT KEY, Add an ssl endpoint to an app",
			"certs:remove <app>, Remove an SSL Endpoint from an app",
		},
		hooks:       map[string]Hook{"certs-exists": no, "certs-force": no},
		subcommands: map[string]Hook{"add": certsAdd, "remove": certsRemove},
	}
}

func certsAdd(p *Proc, args []string) error {
	app := arg(args, 1)
	if err := p.verifyApp(app); err != nil {
		return err
	}
	dir := filepath.Join(p.Layout.App(app), "tls")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	for i, name := range []string{"server.crt", "server.key"} {
		data, err := os.ReadFile(arg(args, i+2))
		if err != nil {
			return p.fail("CRT file specified not found, please check file paths")
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o640); err != nil {
			return err
		}
	}
	return nil
}

func certsRemove(p *Proc, args []string) error {
	app := arg(args, 1)
	if err := p.verifyApp(app); err != nil {
		return err
	}
	dir := filepath.Join(p.Layout.App(app), "tls")
	if !isDir(dir) {
		return p.fail("An app-specific SSL endpoint is not defined")
	}
	p.info1("Removing SSL endpoint from %s", app)
	return os.RemoveAll(dir)
}

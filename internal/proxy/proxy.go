// Package proxy switches all apps of a graduation to their candidates in one step of nginx.
//
// Prepare replaces the server lines of each app's upstreams by an include below one symbolic link, which leads
// to the present addresses: whoever reloads nginx now changes nothing. Switch turns the link over to the new
// addresses and reloads once. So the files of several apps can never be loaded half old, half new, whatever
// other reloads happen on the server. Then the lines are written out, as Dokku itself will write them.
package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/failpoint"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Host is what the switch needs of the machine.
type Host interface {
	// NginxConf is the path of an app's configuration.
	NginxConf(app string) string
	// Proxied tells whether nginx serves the app.
	Proxied(app string) bool
	// RoomSocket is the n-th socket of a run's waiting room, which nginx's workers can reach and nobody else can replace.
	RoomSocket(r *graduate.Run, n int) string
	// RenderNginx renders the configuration of an app that has none which could be changed.
	RenderNginx(ctx context.Context, r *graduate.Run, a *graduate.App) ([]byte, error)
	// TestNginx tests the whole configuration; app says whose settings apply.
	TestNginx(ctx context.Context, app string) error
	// ReloadNginx tells nginx to reload its configuration.
	ReloadNginx(ctx context.Context, app string) error
	// ReloadAndAwait reloads nginx and returns when it has taken its configuration: none of its workers takes requests by
	// the one before. It fails where one still does.
	ReloadAndAwait(ctx context.Context, app string) error
	// ReloadAndDrain reloads nginx and returns when requests that its workers were answering have come to their end, or
	// drain is over; left is how many workers still have some. It fails where one still takes new requests.
	ReloadAndDrain(ctx context.Context, app string, drain time.Duration) (left int, err error)
}

// Nginx is the proxy of one machine.
type Nginx struct {
	Host Host
	// Emit tells of apps whose switch is left to Dokku.
	Emit graduate.Emit
}

var _ graduate.Proxy = (*Nginx)(nil)

// change is what happens to one app's file.
type change struct {
	App string `json:"app"`
	// Before is the file before the run; absent tells that there was none.
	Before string `json:"before"`
	Absent bool   `json:"absent,omitempty"`
	// After is the file with the candidates' addresses.
	After string `json:"after"`
	// Doors are the ways into the waiting room, where requests of the app are to wait.
	Doors []graduate.Door `json:"doors,omitempty"`
}

// The sides that the link may lead to.
const (
	old  = "old"  // the present
	room = "room" // the waiting room
	next = "new"  // the candidates
)

func dir(r *graduate.Run) string  { return filepath.Join(r.Dir, "proxy") }
func plan(r *graduate.Run) string { return filepath.Join(dir(r), "changes.json") }
func link(r *graduate.Run) string { return filepath.Join(dir(r), "now") }

// Prepare writes every app's file with its includes, and tests the whole configuration.
func (n *Nginx) Prepare(ctx context.Context, r *graduate.Run, held []graduate.Candidate) error {
	if leads(r, room) { // it has been here before the requests were diverted, and the candidates are the same
		return n.test(ctx, r)
	}
	if err := n.Undo(ctx, r); err != nil { // of a Prepare before, whose includes are no present
		return err
	}
	for _, side := range []string{old, room, next} {
		if err := os.MkdirAll(filepath.Join(dir(r), side), 0o755); err != nil {
			return err
		}
	}
	if err := renameio.Symlink(old, link(r)); err != nil {
		return err
	}
	changes, files, err := n.all(ctx, r, held)
	if err != nil {
		return err
	}
	data, err := json.Marshal(changes)
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(plan(r), data, 0o600); err != nil {
		return err // before any file is touched: Undo goes by it
	}
	for _, c := range changes {
		failpoint.Hit("switch/include")
		if err := n.write(c.App, files[c.App]); err != nil {
			return err
		}
	}
	failpoint.Hit("switch/included")
	return n.test(ctx, r)
}

// all readies the changes of all apps, and the texts of their files with includes. Apps that stay as they are have one
// where requests are to wait: their old instances are the new ones.
func (n *Nginx) all(ctx context.Context, r *graduate.Run, held []graduate.Candidate) ([]change, map[string]string, error) {
	var changes []change
	files := map[string]string{}
	doors := 0
	for _, a := range r.Apps {
		hosts := webHosts(held, a.Target)
		if a.Skip == "" && len(hosts) == 0 || a.Skip != "" && !r.Quiesced() || !n.Host.Proxied(a.Target) {
			continue
		}
		make := n.app
		if a.Skip != "" {
			make = n.unchanged
		}
		c, text, err := make(ctx, r, a, hosts)
		if err != nil {
			return nil, nil, &graduate.StepError{Role: a.Role, App: a.Target, Err: err}
		}
		if c == nil {
			continue
		}
		if r.Quiesced() {
			if err := n.furnish(c, r, hosts, &doors); err != nil {
				return nil, nil, &graduate.StepError{Role: a.Role, App: a.Target, Err: err}
			}
		}
		changes = append(changes, *c)
		files[a.Target] = text
	}
	return changes, files, nil
}

// test tests the whole configuration, where there is something to switch.
func (n *Nginx) test(ctx context.Context, r *graduate.Run) error {
	changes, err := n.changes(r)
	if err != nil || len(changes) == 0 {
		return err
	}
	return n.Host.TestNginx(ctx, changes[0].App)
}

// app readies the change of one app; nil where the switch is left to Dokku.
func (n *Nginx) app(ctx context.Context, r *graduate.Run, a *graduate.App, hosts []string) (*change, string, error) {
	before, err := os.ReadFile(n.Host.NginxConf(a.Target))
	absent := errors.Is(err, fs.ErrNotExist)
	if err != nil && !absent {
		return nil, "", err
	}
	c := &change{App: a.Target, Before: string(before), Absent: absent}
	conf := c.Before
	found, err := blocks(conf, a.Target)
	if err != nil {
		rendered, err := n.Host.RenderNginx(ctx, r, a)
		if err != nil {
			return nil, "", err
		}
		conf = string(rendered)
		if found, err = blocks(conf, a.Target); err != nil {
			n.Emit(graduate.Event{Type: graduate.EventNotice, Role: a.Role, App: a.Target, Message: fmt.Sprintf(
				"%s goes live a little later than the others: its nginx.conf has a shape of its own (%v), so Dokku switches it", a.Target, err)})
			return nil, "", nil
		}
	}
	c.After = replace(conf, found, func(b block) string { return servers(b, hosts) })
	for _, b := range found {
		if err := os.WriteFile(include(r, old, b), []byte(present(b)), 0o644); err != nil {
			return nil, "", err
		}
		if err := os.WriteFile(include(r, next, b), []byte(servers(b, hosts)), 0o644); err != nil {
			return nil, "", err
		}
	}
	text := replace(conf, found, func(b block) string { return "  include " + include(r, "now", b) + ";\n" })
	return c, text, nil
}

// present is the server lines that stand for the present: none may lead to the candidates.
func present(b block) string {
	if strings.TrimSpace(b.servers) == "" {
		return servers(b, []string{"127.255.255.254"})
	}
	return b.servers
}

func include(r *graduate.Run, side string, b block) string {
	return filepath.Join(dir(r), side, b.name+".conf")
}

// Switch sends the requests of all apps to the candidates.
func (n *Nginx) Switch(ctx context.Context, r *graduate.Run) error {
	changes, err := n.changes(r)
	if err != nil || len(changes) == 0 {
		return err
	}
	if err := renameio.Symlink(next, link(r)); err != nil {
		return err
	}
	failpoint.Hit("switch/linked")
	reload := n.Host.ReloadNginx
	if wereDiverted(r) { // old instances end when nobody is sent to them any more
		reload = n.Host.ReloadAndAwait
	}
	errs := []error{reload(ctx, changes[0].App)}
	for _, c := range changes { // they say what the link leads to now, so that it is no matter whether nginx has taken that
		failpoint.Hit("switch/write")
		errs = append(errs, n.write(c.App, c.After))
	}
	failpoint.Hit("switch/written")
	return errors.Join(errs...)
}

// Settle removes the run's files. An app's file that still includes some of them, after a Switch that failed or beside an
// app that Dokku has not deployed since, gets its lines first: without them nginx would not accept any configuration.
func (n *Nginx) Settle(_ context.Context, r *graduate.Run) error {
	changes, err := n.changes(r)
	if err != nil {
		return err
	}
	for _, c := range changes {
		now, err := os.ReadFile(n.Host.NginxConf(c.App))
		if errors.Is(err, fs.ErrNotExist) {
			continue // the app is gone
		}
		if err == nil && strings.Contains(string(now), dir(r)+"/") {
			err = n.write(c.App, c.After)
		}
		if err != nil {
			return err
		}
	}
	return os.RemoveAll(dir(r))
}

// Undo puts every file back as it was. Nothing needs to be reloaded, as what nginx runs has the same addresses, unless
// requests were diverted.
func (n *Nginx) Undo(ctx context.Context, r *graduate.Run) error {
	changes, err := n.changes(r)
	if err != nil {
		return err
	}
	if err := n.bringBack(ctx, r, changes); err != nil {
		return err
	}
	var errs []error
	for _, c := range changes {
		failpoint.Hit("switch/undo")
		if c.Absent {
			if err := os.Remove(n.Host.NginxConf(c.App)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
			continue
		}
		errs = append(errs, n.write(c.App, c.Before))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return os.RemoveAll(dir(r))
}

// write replaces an app's file in one step, with the mode that it has.
func (n *Nginx) write(app, text string) error {
	return renameio.WriteFile(n.Host.NginxConf(app), []byte(text), 0o644, renameio.WithExistingPermissions())
}

// changes reads what Prepare has decided; there is none where it did not come so far.
func (n *Nginx) changes(r *graduate.Run) ([]change, error) {
	data, err := os.ReadFile(plan(r))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var changes []change
	return changes, json.Unmarshal(data, &changes)
}

// webHosts lists the hosts of an app's web candidates, by index.
func webHosts(held []graduate.Candidate, app string) []string {
	var hosts []string
	for _, c := range held {
		if c.App == app && c.Process == graduate.Web {
			hosts = append(hosts, c.IP)
		}
	}
	return hosts
}

package proxy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/failpoint"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// leads tells whether the link of a run leads to a side.
func leads(r *graduate.Run, side string) bool {
	target, err := os.Readlink(link(r))
	return err == nil && target == side
}

// unchanged readies the change of an app that stays as it is; nil where it has nothing that could be diverted.
func (n *Nginx) unchanged(_ context.Context, r *graduate.Run, a *graduate.App, _ []string) (*change, string, error) {
	conf, err := os.ReadFile(n.Host.NginxConf(a.Target))
	if err != nil {
		return nil, "", nil // it was never deployed
	}
	found, err := blocks(string(conf), a.Target)
	if err != nil {
		return nil, "", nil // it has no web process; another shape is what a plan tells of
	}
	for _, side := range []string{old, next} {
		for _, b := range found {
			if err := os.WriteFile(include(r, side, b), []byte(b.servers), 0o644); err != nil {
				return nil, "", err
			}
		}
	}
	text := replace(string(conf), found, func(b block) string { return "  include " + include(r, "now", b) + ";\n" })
	return &change{App: a.Target, Before: string(conf), After: string(conf)}, text, nil
}

// longestSocket is how long the path of a socket may be (unix(7)).
const longestSocket = 107

// furnish writes the server lines with which requests of the app wait, and gives it a door for each of its upstreams. An
// app without an upstream of its own before the run is not live: nobody can wait for it.
func (n *Nginx) furnish(c *change, r *graduate.Run, hosts []string, doors *int) error {
	now, err := blocks(c.Before, c.App)
	live := err == nil
	after, err := blocks(c.After, c.App)
	if err != nil {
		return err
	}
	for i, b := range after {
		if !live {
			present, err := os.ReadFile(include(r, old, b))
			if err == nil {
				err = os.WriteFile(include(r, room, b), present, 0o644)
			}
			if err != nil {
				return err
			}
			continue
		}
		d := graduate.Door{App: c.App, Socket: n.Host.RoomSocket(r, *doors), Old: now[i].addresses()}
		if len(d.Socket) > longestSocket {
			return fmt.Errorf("%s cannot be a socket: its path has more than %d bytes", d.Socket, longestSocket)
		}
		for _, host := range hosts {
			d.New = append(d.New, host+":"+b.port)
		}
		if len(hosts) == 0 {
			d.New = d.Old
		}
		if err := os.WriteFile(include(r, room, b), []byte(now[i].diverted(d.Socket)), 0o644); err != nil {
			return err
		}
		c.Doors = append(c.Doors, d)
		*doors++
	}
	return nil
}

// Doors are the ways into the waiting room for the requests of all apps.
func (n *Nginx) Doors(r *graduate.Run) ([]graduate.Door, error) {
	changes, err := n.changes(r)
	var doors []graduate.Door
	for _, c := range changes {
		doors = append(doors, c.Doors...)
	}
	return doors, err
}

// diverted is a file that is there from before the requests are diverted until it is known that they are not any more.
// The link does not tell: nginx may run by what it led to at its last reload, whoever made that.
func diverted(r *graduate.Run) string { return filepath.Join(dir(r), "diverted") }

// wereDiverted tells whether nginx may be sending requests to the waiting room.
func wereDiverted(r *graduate.Run) bool {
	_, err := os.Lstat(diverted(r))
	return !errors.Is(err, fs.ErrNotExist)
}

// Divert sends the requests of all apps to the waiting room. The configuration is tested with the link turned over: in
// between somebody else's reload may divert them a moment earlier, which is no harm, as the room is open.
func (n *Nginx) Divert(ctx context.Context, r *graduate.Run, drain time.Duration) (int, error) {
	changes, err := n.changes(r)
	if err != nil || len(changes) == 0 {
		return 0, err
	}
	if err := renameio.WriteFile(diverted(r), nil, 0o600); err != nil {
		return 0, err
	}
	if err := renameio.Symlink(room, link(r)); err != nil {
		return 0, err
	}
	failpoint.Hit("quiesce/linked")
	if err := n.test(ctx, r); err != nil {
		err = errors.Join(err, renameio.Symlink(old, link(r)))
		if ctx.Err() == nil { // nobody's reload has taken what nginx does not accept
			err = errors.Join(err, os.Remove(diverted(r)))
		}
		return 0, err
	}
	return n.Host.ReloadAndDrain(ctx, changes[0].App, drain)
}

// bringBack sends requests that were diverted to the old instances again. It returns when nginx has taken that: the files
// that it reads meanwhile must not change.
func (n *Nginx) bringBack(ctx context.Context, r *graduate.Run, changes []change) error {
	if !wereDiverted(r) || len(changes) == 0 {
		return nil
	}
	if err := renameio.Symlink(old, link(r)); err != nil {
		return err
	}
	failpoint.Hit("quiesce/back")
	if err := n.Host.ReloadAndAwait(ctx, changes[0].App); err != nil {
		return err
	}
	failpoint.Hit("quiesce/brought")
	return os.Remove(diverted(r))
}

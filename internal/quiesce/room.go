// Package quiesce is the waiting room: requests wait in it while the old instances are kept off the data, and go on to
// one side when that is over. It is a process of its own (Attend), so that requests that went through it end in their
// own time, and so that somebody is there to let the old instances go on when the coordinator is not (Keeper is the
// coordinator's hold on it).
//
// Nothing of a request is read here, let alone written: nginx has made it what the instance is to get. A connection waits
// with its bytes in the kernel and in nginx, and is then joined to one of an instance, byte for byte.
package quiesce

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Bounds are what a room gives to those who wait in it.
type Bounds struct {
	// Wait is how long each may wait, Most how many may at once.
	Wait time.Duration `json:"wait"`
	Most int           `json:"most"`
	// Page is the answer to who cannot wait any longer; empty for a small one.
	Page []byte `json:"page,omitempty"`
}

// Room is a waiting room with a door per upstream.
type Room struct {
	bounds Bounds

	mu      sync.Mutex
	doors   []*door
	waiting map[*net.UnixConn]time.Time // since when
	side    graduate.Side               // empty while they wait
	visits  graduate.Visits

	visitors sync.WaitGroup

	// folder is that of the sockets, locked; nil where there is no door.
	folder *os.File

	// proxy tells as whom the proxy runs, users what it has told.
	proxy func() []int
	known sync.Mutex
	users []int
}

// door is one socket of a room.
type door struct {
	graduate.Door
	listener *net.UnixListener
	next     map[graduate.Side]int // whose turn it is; guarded by the room's lock
	closed   chan struct{}         // nobody is let in any more
}

// Open opens a room with these doors, which are in one folder. Only users are let in as whom the proxy runs.
func Open(doors []graduate.Door, bounds Bounds, proxy func() []int) (*Room, error) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil {
		bounds.Most = min(bounds.Most, places(files.Cur))
	}
	r := &Room{bounds: bounds, waiting: map[*net.UnixConn]time.Time{}, proxy: proxy, users: proxy()}
	if err := r.open(doors); err != nil {
		for _, d := range r.doors {
			_ = d.listener.Close()
		}
		_ = r.folder.Close()
		return nil, err
	}
	for _, d := range r.doors {
		go r.letIn(d)
	}
	return r, nil
}

// places is for how many a process with so many file descriptors has room: each who goes on has two.
func places(files uint64) int {
	const others = 64 // sockets, pipes, and those who are being turned away
	return int(min((max(files, others)-others)/2, 1<<30))
}

// open opens the folder of a room and its doors.
func (r *Room) open(doors []graduate.Door) error {
	for _, d := range doors {
		if r.folder == nil {
			folder, err := openFolder(filepath.Dir(d.Socket))
			if err != nil {
				return err
			}
			r.folder = folder
		}
		opened, err := open(d)
		if err != nil {
			return err
		}
		r.doors = append(r.doors, opened)
	}
	return nil
}

// open listens at the socket of a door.
func open(d graduate.Door) (*door, error) {
	if err := os.Remove(d.Socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: d.Socket, Net: "unix"})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false) // close does it, before
	return &door{d, listener, map[graduate.Side]int{}, make(chan struct{})}, os.Chmod(d.Socket, 0o666)
}

// letIn takes connections until the door is closed.
func (r *Room) letIn(d *door) {
	defer close(d.closed)
	for {
		conn, err := d.listener.AcceptUnix()
		switch {
		case err == nil:
			r.visitors.Go(func() { r.visit(d, conn) })
		case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
			return
		default: // no file descriptor is free: the next one that ends frees some
			<-time.After(acceptPause)
		}
	}
}

// acceptPause is how long a door waits when the machine cannot give it a connection.
const acceptPause = 20 * time.Millisecond

// visit takes one connection through the room.
func (r *Room) visit(d *door, conn *net.UnixConn) {
	defer conn.Close()
	if !r.isProxy(conn) {
		return
	}
	if !r.sitDown(conn, time.Now()) {
		r.turnAway(conn)
		return
	}
	gone := hangUp(conn)
	switch side := r.standUp(conn, gone); {
	case gone:
	case side == "":
		r.turnAway(conn)
	case !r.join(d, side, conn):
		r.turnAway(conn)
	}
}

// sitDown takes a place in the room; ok is false where none is free. Who comes after the others were sent on needs none.
func (r *Room) sitDown(conn *net.UnixConn, now time.Time) (ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.side != "":
		_ = conn.SetReadDeadline(past)
		return true
	case len(r.waiting) >= r.bounds.Most:
		r.visits.TurnedAway++
		return false
	}
	r.waiting[conn] = now
	r.visits.Waited++
	_ = conn.SetReadDeadline(now.Add(r.bounds.Wait))
	return true
}

// past ends the wait of a connection.
var past = time.Unix(1, 0)

// standUp gives the place back and tells where the request goes: empty where it has waited for too long.
func (r *Room) standUp(conn *net.UnixConn, gone bool) graduate.Side {
	r.mu.Lock()
	defer r.mu.Unlock()
	if since, sat := r.waiting[conn]; sat {
		delete(r.waiting, conn)
		r.visits.Longest = max(r.visits.Longest, time.Since(since))
		if !gone && r.side == "" {
			r.visits.TurnedAway++
		}
	}
	_ = conn.SetReadDeadline(time.Time{})
	return r.side
}

// Pass sends all who wait, and all who still come, to one side.
func (r *Room) Pass(to graduate.Side) graduate.Visits {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.side = to
	for conn, since := range r.waiting {
		_ = conn.SetReadDeadline(past)
		r.visits.Longest = max(r.visits.Longest, time.Since(since))
	}
	return r.visits
}

// Close lets nobody in any more. A socket that is gone sends nginx to the next server of its upstream; who has connected
// by then is still let in, as not every request may be sent twice.
func (r *Room) Close() error {
	var errs []error
	for _, d := range r.doors {
		if err := os.Remove(d.Socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		errs = append(errs, d.listener.SetDeadline(time.Now().Add(lastCall)))
	}
	for _, d := range r.doors {
		<-d.closed
		errs = append(errs, d.listener.Close())
	}
	if r.folder != nil {
		if err := os.Remove(r.folder.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		_ = r.folder.Close()
	}
	return errors.Join(errs...)
}

// lastCall is how long a closed door still lets in who has connected already.
const lastCall = 200 * time.Millisecond

// Wait returns when every request that went through the room has come to its end.
func (r *Room) Wait() { r.visitors.Wait() }

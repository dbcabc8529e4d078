package dokku

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// roomsDir holds a folder of sockets for each waiting room; the install trigger makes it. It stands beside DataDir, which
// nobody may pass through. Only Dokku's user can write in data, and nginx's workers pass through it for Dokku's own error
// pages (data/nginx-vhosts/dokku-errors).
func (h *Host) roomsDir() string { return filepath.Join(h.Lib, "data", "graduate-rooms") }

// RoomSocket is the n-th socket of a run's waiting room.
func (h *Host) RoomSocket(r *graduate.Run, n int) string {
	return filepath.Join(h.roomsDir(), r.ID, fmt.Sprintf("%d.sock", n))
}

// removeRooms removes the folders of waiting rooms that were killed. A room that is there has its own locked, and removes
// it when nginx sends nobody to it any more.
func (h *Host) removeRooms(r *graduate.Run) error {
	if !r.Quiesced() {
		return nil
	}
	folders, _ := os.ReadDir(h.roomsDir())
	var errs []error
	for _, folder := range folders {
		id := folder.Name()
		if !runID.MatchString(id) || id != r.ID && h.Alive(id) { // a room may be about to lock it
			continue
		}
		path := filepath.Join(h.roomsDir(), id)
		lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
		if ok, err := lock.TryLock(); err != nil || !ok {
			continue // it is there, or has just gone
		}
		errs = append(errs, os.RemoveAll(path), lock.Close())
	}
	return errors.Join(errs...)
}

// NginxUsers are the users as whom the workers of nginx run.
func (h *Host) NginxUsers() []int {
	var users []int
	for _, p := range h.nginxWorkers() {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID))
		for line := range strings.Lines(string(status)) {
			fields := strings.Fields(line) // of Uid: real, effective, saved, of file systems (proc(5))
			if len(fields) < 3 || fields[0] != "Uid:" {
				continue
			}
			if uid, err := strconv.Atoi(fields[2]); err == nil && !slices.Contains(users, uid) {
				users = append(users, uid)
			}
		}
	}
	return users
}

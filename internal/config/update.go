package config

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

const (
	// lockName is the file whose flock guards every change; the kernel drops it with its process.
	lockName = "groups.lock"
	// lockWait bounds the wait for another command's change, which takes milliseconds.
	lockWait  = 30 * time.Second
	lockRetry = 10 * time.Millisecond
)

// Create stores a new group; one of that name may not exist.
func (s *Store) Create(g *graduate.Group) error {
	return s.locked(func() error {
		_, err := s.Load(g.Name)
		if err == nil {
			return graduate.Errorf(graduate.Conflict, "group %s exists already; dokku graduate:report %s shows it", g.Name, g.Name)
		}
		if graduate.CodeOf(err) != graduate.NotFound {
			return err
		}
		return s.write(g)
	})
}

// Update changes a group under the lock. Where change fails, or what it made is not valid, nothing is stored.
func (s *Store) Update(name string, change func(*graduate.Group) error) error {
	return s.locked(func() error {
		g, err := s.Load(name)
		if err != nil {
			return err
		}
		if err := change(g); err != nil {
			return err
		}
		if g.Name != name {
			return graduate.Errorf(graduate.Invalid, "group %s cannot be renamed", name)
		}
		return s.write(g)
	})
}

// Delete removes a group, a damaged one too.
func (s *Store) Delete(name string) error {
	if err := graduate.ValidName(name); err != nil {
		return graduate.Errorf(graduate.Invalid, "group %w", err)
	}
	return s.locked(func() error {
		err := os.Remove(s.file(name))
		if errors.Is(err, fs.ErrNotExist) {
			return s.unknown(name)
		}
		if err != nil {
			return graduate.Errorf(graduate.Internal, "group %s cannot be removed: %w", name, err)
		}
		return s.syncDir()
	})
}

// Check is a caller's own test of a change: what is wrong with the group after it. before is nil for a new group.
type Check func(before, after *graduate.Group) []Problem

// Apply stores the group of a YAML document, all or nothing, and says in words what changed: nothing
// where the group is the same already. Every error, the checks' included, names its line.
func (s *Store) Apply(data []byte, checks ...Check) (*graduate.Group, []string, error) {
	d, err := parse(data)
	if err != nil {
		return nil, nil, err
	}
	var changed []string
	err = s.locked(func() error {
		before, err := s.Load(d.group.Name)
		if err != nil && graduate.CodeOf(err) != graduate.NotFound {
			return err
		}
		for _, check := range checks {
			d.place(check(before, d.group))
		}
		groups, _ := s.All() // a damaged group must not stop the others
		d.place(claimed(d.group, groups))
		if err := d.err(); err != nil {
			return err
		}
		if changed = Changes(before, d.group); len(changed) == 0 {
			return nil
		}
		return s.write(d.group)
	})
	if err != nil {
		return nil, nil, err
	}
	return d.group, changed, nil
}

// RenameApp gives the place of one app to another, and tells which place that is; false where it has none.
func (s *Store) RenameApp(from, to string) (graduate.Place, bool, error) {
	return s.changePlace(from, func(role *graduate.Role, env string) { role.Apps[env] = to })
}

// RemoveApp empties the place of an app, and tells which place that is; false where it has none.
func (s *Store) RemoveApp(app string) (graduate.Place, bool, error) {
	return s.changePlace(app, func(role *graduate.Role, env string) { delete(role.Apps, env) })
}

// changePlace changes the place of an app, in whichever group it is.
func (s *Store) changePlace(app string, change func(role *graduate.Role, env string)) (place graduate.Place, found bool, err error) {
	// An app of no group, which is the usual case, needs no lock and makes no folder.
	if _, found, err = s.PlaceOf(app); !found {
		return graduate.Place{}, false, err
	}
	err = s.locked(func() error {
		if place, found, err = s.PlaceOf(app); !found {
			return err
		}
		g, err := s.Load(place.Group)
		if err != nil {
			return err
		}
		change(g.Role(place.Role), place.Environment)
		return s.write(g)
	})
	return place, found, err
}

// locked runs work while no other process changes a group.
func (s *Store) locked(work func() error) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return graduate.Errorf(graduate.Internal, "the folder of the groups cannot be made: %w", err)
	}
	lock := flock.New(filepath.Join(s.dir, lockName), flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	if _, err := lock.TryLockContext(ctx, lockRetry); errors.Is(err, context.DeadlineExceeded) {
		return graduate.Errorf(graduate.Conflict, "another command has been changing the groups for %s; try again", FormatDuration(lockWait))
	} else if err != nil {
		return graduate.Errorf(graduate.Internal, "the groups cannot be locked: %w", err)
	}
	defer func() { _ = lock.Unlock() }() // closing the file is what counts, and the kernel does that in any case
	return work()
}

// write stores a valid group whose apps are free: a temporary file, synced, renamed, and its folder synced.
func (s *Store) write(g *graduate.Group) error {
	normalize(g)
	if err := Validate(g); err != nil {
		return err
	}
	groups, _ := s.All() // a damaged group must not stop the others
	if err := asError(graduate.Conflict, claimed(g, groups)); err != nil {
		return err
	}
	data := Format(g)
	if back, err := Parse(data); err != nil || !bytes.Equal(Format(back), data) || len(Changes(g, back)) > 0 {
		return graduate.Errorf(graduate.Internal, "group %s cannot be written so that it reads back the same: %v", g.Name, err)
	}
	if err := renameio.WriteFile(s.file(g.Name), data, 0o600, renameio.WithTempDir(s.dir)); err != nil {
		return graduate.Errorf(graduate.Internal, "group %s cannot be written: %w", g.Name, err)
	}
	return s.syncDir()
}

// syncDir makes a rename or a removal last.
func (s *Store) syncDir() error {
	dir, err := os.Open(s.dir)
	if err != nil {
		return graduate.Errorf(graduate.Internal, "the folder of the groups cannot be synced: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

package quiesce

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// openFolder makes the folder of a room's sockets and locks it, by which others know that the room is there. The proxy's
// workers are a user of their own: they may pass through the folder, and not look around in it.
func openFolder(dir string) (*os.File, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	folder, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	err = ours(folder)
	if err == nil {
		err = folder.Chmod(0o711)
	}
	if err == nil {
		err = unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		_ = folder.Close()
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return folder, nil
}

// ours fails where a file belongs to another user.
func ours(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Geteuid() {
		return errors.New("it belongs to somebody else")
	}
	return nil
}

// isProxy tells whether a connection is one of the proxy's: anybody on the machine may connect to a socket whose path is
// known, and would take a place in the room, and then go past the proxy.
func (r *Room) isProxy(conn *net.UnixConn) bool {
	uid, err := peer(conn)
	if err != nil {
		return false
	}
	r.known.Lock()
	defer r.known.Unlock()
	if !slices.Contains(r.users, uid) {
		r.users = r.proxy() // it may run as another user since it was reloaded
	}
	return slices.Contains(r.users, uid)
}

// peer is the user who has connected.
func peer(conn *net.UnixConn) (uid int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var told *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { told, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err = errors.Join(err, failed); err != nil {
		return 0, err
	}
	return int(told.Uid), nil
}

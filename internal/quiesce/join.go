package quiesce

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

const (
	// dialTime bounds how long an instance may take to accept a connection: many who waited come at once.
	dialTime = 30 * time.Second
	// answerTime bounds how long the proxy may take to take an answer of the room itself.
	answerTime = 10 * time.Second
	// restTime bounds how long the rest of a request is read that the room has answered itself.
	restTime = 30 * time.Second
)

// hangUp waits until the proxy has hung up (its client is gone), without reading anything; it returns false when the
// connection's read deadline ends the wait.
func hangUp(conn *net.UnixConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return true
	}
	err = raw.Read(func(fd uintptr) bool {
		polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		_, err := unix.Poll(polled, 0)
		return err == nil && polled[0].Revents != 0
	})
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// join joins a connection to one of an instance of a side until both have ended. It returns false where no instance
// takes it.
func (r *Room) join(d *door, side graduate.Side, conn *net.UnixConn) bool {
	instance := r.dial(d, side)
	if instance == nil {
		return false
	}
	defer instance.Close()
	var request sync.WaitGroup
	request.Go(func() {
		_, _ = io.Copy(instance, conn)
		_ = instance.CloseWrite()
	})
	_, _ = io.Copy(conn, instance)
	// The answer is whole, or there is nobody any more who takes it: what is still sent is read by nobody either.
	_ = conn.Close()
	_ = instance.Close()
	request.Wait()
	return true
}

// dial connects to the instance of a side whose turn it is, else to one of the others.
func (r *Room) dial(d *door, side graduate.Side) *net.TCPConn {
	addresses := d.New
	if side == graduate.OldSide {
		addresses = d.Old
	}
	r.mu.Lock()
	first := d.next[side]
	d.next[side]++
	r.mu.Unlock()
	for i := range addresses {
		conn, err := net.DialTimeout("tcp", addresses[(first+i)%len(addresses)], dialTime)
		if err == nil {
			return conn.(*net.TCPConn)
		}
	}
	return nil
}

// smallPage is the answer to who cannot wait any longer, where the group has no page of its own.
const smallPage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Back in a moment</title></head>
<body><h1>Back in a moment</h1><p>This site is being updated. Please try again in a few seconds.</p></body></html>
`

// retryAfter is what a client is told to wait, in seconds.
const retryAfter = 5

// turnAway answers a request itself. It reads the rest of what nginx sends before it hangs up: nginx would take an end
// in the midst of a request for a failure, and ask the next server of its upstream.
func (r *Room) turnAway(conn *net.UnixConn) {
	page := r.bounds.Page
	if len(page) == 0 {
		page = []byte(smallPage)
	}
	_ = conn.SetDeadline(time.Now().Add(answerTime))
	head := fmt.Sprintf("HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n"+
		"Retry-After: %d\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n", len(page), retryAfter)
	if _, err := conn.Write(append([]byte(head), page...)); err != nil {
		return
	}
	_ = conn.CloseWrite()
	_ = conn.SetReadDeadline(time.Now().Add(restTime))
	_, _ = io.Copy(io.Discard, conn)
}

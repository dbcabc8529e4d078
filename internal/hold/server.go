package hold

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// helloTimeout bounds the time in which a connected deploy must say who it is.
const helloTimeout = 10 * time.Second

// Server is the coordinator's side of the barrier.
type Server struct {
	mu       sync.Mutex
	run      string
	listener net.Listener
	waiting  map[*waiter]struct{}
	changed  chan struct{} // closed and replaced whenever waiting changes
	released map[graduate.Key]bool
	lost     func(graduate.Candidate)
	arrived  func(graduate.Candidate)
	abort    func(by string)
	sealed   bool
	closed   bool
	// silent are the connections that have not yet said who they are, passing those that were told to go on and have
	// not said yet that they do.
	silent   map[net.Conn]struct{}
	passing  map[net.Conn]struct{}
	handlers sync.WaitGroup
}

// waiter is one held deploy.
type waiter struct {
	candidate graduate.Candidate
	verdict   chan verdict // buffered: who sends never waits
}

var _ graduate.Barrier = (*Server)(nil)

// NewServer makes a barrier; arrived is called for each candidate that is held.
func NewServer(arrived func(graduate.Candidate)) *Server {
	return &Server{
		waiting:  map[*waiter]struct{}{},
		silent:   map[net.Conn]struct{}{},
		passing:  map[net.Conn]struct{}{},
		changed:  make(chan struct{}),
		released: map[graduate.Key]bool{},
		lost:     func(graduate.Candidate) {},
		arrived:  arrived,
		abort:    func(string) {},
	}
}

// Open begins to listen at the run's socket, in a folder that only this user can enter.
func (s *Server) Open(r *graduate.Run) error {
	dir := filepath.Dir(r.Socket)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.Remove(r.Socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", r.Socket)
	if err != nil {
		return err
	}
	s.run, s.listener = r.ID, listener
	s.handlers.Go(s.accept)
	return nil
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		s.handlers.Go(func() { s.serve(conn) })
	}
}

// serve keeps one deploy until it gets its verdict or goes away.
func (s *Server) serve(conn net.Conn) {
	defer conn.Close()
	words := json.NewDecoder(conn)
	var a arrival
	_ = conn.SetReadDeadline(time.Now().Add(helloTimeout))
	if !s.listenTo(conn) {
		return
	}
	err := words.Decode(&a)
	s.hasSpoken(conn)
	if err != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	if a.Abort != "" {
		_ = json.NewEncoder(conn).Encode(s.turnBack(a))
		return
	}
	w := &waiter{a.Candidate, make(chan verdict, 1)}
	if !s.admit(a, w) {
		_ = json.NewEncoder(conn).Encode(verdict{protocolVersion, TurnBack, "this graduation does not wait for it"})
		return
	}
	gone := make(chan bool, 1)
	go func() { // ends with the connection
		var last passed
		gone <- words.Decode(&last) == nil && last.Passed
	}()
	select {
	case v := <-w.verdict:
		s.answer(conn, w, v, gone)
	case <-gone:
		s.leave(w)
	}
}

// answer gives a deploy its verdict. One that may go on is lost as well when it is killed before it has done so.
func (s *Server) answer(conn net.Conn, w *waiter, v verdict, gone <-chan bool) {
	if v.Action == Gone {
		return
	}
	s.mu.Lock()
	awaited := v.Action == GoOn && !s.closed
	if awaited {
		s.passing[conn] = struct{}{}
	}
	_ = json.NewEncoder(conn).Encode(v) // before anybody can close the connection of one that is passing
	s.mu.Unlock()
	if !awaited {
		return
	}
	passed := <-gone
	s.mu.Lock()
	delete(s.passing, conn)
	closed, lost := s.closed, s.lost
	s.mu.Unlock()
	if !passed && !closed {
		lost(w.candidate)
	}
}

// listenTo notes a connection that has not spoken yet, so that Close need not wait for it.
func (s *Server) listenTo(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.silent[conn] = struct{}{}
	return true
}

func (s *Server) hasSpoken(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.silent, conn)
}

// Seal says that the release point is passed.
func (s *Server) Seal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed = true
}

// turnBack answers a person who asks for an abort. Seal waits for it: nobody is told that a run turns back which then
// is released.
func (s *Server) turnBack(a arrival) verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case a.Version != protocolVersion || a.Run != s.run:
		return verdict{protocolVersion, GoOn, "this is the coordinator of another graduation"}
	case s.sealed || s.closed:
		return verdict{protocolVersion, GoOn, "it is past its release point"}
	}
	s.abort(a.Abort)
	return verdict{protocolVersion, TurnBack, ""}
}

// OnAbort sets what is called when a person asks for an abort.
func (s *Server) OnAbort(f func(by string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abort = f
}

// admit takes a deploy in, or lets it pass at once where its process type was released already.
func (s *Server) admit(a arrival, w *waiter) bool {
	s.mu.Lock()
	if s.closed || a.Version != protocolVersion || a.Run != s.run {
		s.mu.Unlock()
		return false
	}
	if s.released[graduate.Key{App: a.App, Process: a.Process}] {
		w.verdict <- verdict{protocolVersion, GoOn, ""}
		s.mu.Unlock()
		return true
	}
	s.mu.Unlock()
	s.arrived(w.candidate) // journaled before anybody counts it
	s.mu.Lock()
	switch key := (graduate.Key{App: a.App, Process: a.Process}); {
	case s.closed:
		w.verdict <- s.last()
	case s.released[key]:
		w.verdict <- verdict{protocolVersion, GoOn, ""}
	default:
		s.waiting[w] = struct{}{}
	}
	s.mu.Unlock()
	s.notify()
	return true
}

func (s *Server) leave(w *waiter) {
	s.mu.Lock()
	_, waited := s.waiting[w]
	delete(s.waiting, w)
	lost := s.lost
	s.mu.Unlock()
	if !waited { // its verdict has crossed its end
		if v := <-w.verdict; v.Action != GoOn {
			return
		}
	}
	lost(w.candidate) // first: it is a race against who waits for its check
	s.notify()
}

func (s *Server) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// OnLost sets what is called when a deploy goes away while it is held, or on its way out.
func (s *Server) OnLost(f func(graduate.Candidate)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = f
}

// Held lists the candidates that wait, by app, process type and index.
func (s *Server) Held() []graduate.Candidate {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held()
}

func (s *Server) held() []graduate.Candidate {
	out := make([]graduate.Candidate, 0, len(s.waiting))
	for w := range s.waiting {
		out = append(out, w.candidate)
	}
	slices.SortFunc(out, compare)
	return out
}

// Wait returns when as many candidates of each key wait as are wanted.
func (s *Server) Wait(ctx context.Context, want map[graduate.Key]int) error {
	for {
		s.mu.Lock()
		have := map[graduate.Key]int{}
		for w := range s.waiting {
			have[graduate.Key{App: w.candidate.App, Process: w.candidate.Process}]++
		}
		changed := s.changed
		s.mu.Unlock()
		if enough(have, want) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func enough(have, want map[graduate.Key]int) bool {
	for k, n := range want {
		if have[k] < n {
			return false
		}
	}
	return true
}

// Release lets the candidates of a process type go, and those that still arrive.
func (s *Server) Release(k graduate.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.released[k] = true
	for w := range s.waiting {
		if w.candidate.App == k.App && w.candidate.Process == k.Process {
			delete(s.waiting, w)
			w.verdict <- verdict{protocolVersion, GoOn, ""}
		}
	}
}

// last is the verdict of whoever still waits when the barrier ends: before the release point they turn back, after it
// they find the coordinator gone and decide from the journal.
func (s *Server) last() verdict {
	if s.sealed {
		return verdict{Action: Gone}
	}
	return verdict{protocolVersion, TurnBack, "the graduation was aborted"}
}

// Close ends the barrier for whoever still waits and removes the socket with its folder.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed || s.listener == nil {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	for w := range s.waiting {
		delete(s.waiting, w)
		w.verdict <- s.last()
	}
	for conn := range s.silent {
		_ = conn.Close()
	}
	for conn := range s.passing { // they have their verdict, and need nobody
		_ = conn.Close()
	}
	dir := filepath.Dir(s.listener.Addr().String())
	err := s.listener.Close()
	s.mu.Unlock()
	s.handlers.Wait()
	return errors.Join(err, os.RemoveAll(dir))
}

// compare orders candidates by app, process type and index.
func compare(a, b graduate.Candidate) int {
	return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Process, b.Process), cmp.Compare(a.Index, b.Index))
}

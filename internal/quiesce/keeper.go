package quiesce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Keeper opens rooms as processes of their own. It is the coordinator's end of the pipe by which a room knows that the
// coordinator lives.
type Keeper struct {
	// Command is the program of a run's room, which calls Attend, and its environment.
	Command func(r *graduate.Run) (path string, args, env []string)
	// Page reads a page of the hooks folder.
	Page func(name string) ([]byte, error)

	mu   sync.Mutex
	room *process
}

// process is the process of a room.
type process struct {
	cmd     *exec.Cmd
	orders  io.WriteCloser
	answers *json.Decoder
	// passed tells that the room may end: all have gone on.
	passed bool
}

var _ graduate.WaitingRoom = (*Keeper)(nil)

// Open starts the process of a run's room and returns when its doors are open.
func (k *Keeper) Open(_ context.Context, r *graduate.Run, doors []graduate.Door, lost func(error)) error {
	q := r.Settings.Quiesce
	o := opening{doors, Bounds{Wait: q.Wait(), Most: q.Room()}}
	if q.Page != "" {
		page, err := k.Page(q.Page)
		if err != nil {
			return err
		}
		o.Bounds.Page = page
	}
	p, err := k.start(r)
	if err != nil {
		return fmt.Errorf("the waiting room cannot be opened: %w", err)
	}
	var a answer
	if err := errors.Join(json.NewEncoder(p.orders).Encode(o), p.answers.Decode(&a)); err != nil || a.Error != "" {
		_ = p.orders.Close()
		return fmt.Errorf("the waiting room cannot be opened: %w", errors.Join(err, said(a), p.cmd.Wait()))
	}
	k.mu.Lock()
	k.room = p
	k.mu.Unlock()
	go func() {
		err := p.cmd.Wait()
		k.mu.Lock()
		passed := p.passed
		if k.room == p {
			k.room = nil
		}
		k.mu.Unlock()
		if !passed {
			for _, d := range doors { // nobody is there who would close them
				_ = os.Remove(d.Socket)
				_ = os.Remove(filepath.Dir(d.Socket))
			}
			lost(fmt.Errorf("the waiting room has ended (%v)", err))
		}
	}()
	return nil
}

func said(a answer) error {
	if a.Error == "" {
		return nil
	}
	return errors.New(a.Error)
}

// start starts the process. It is in a session of its own: neither Ctrl-C nor a lost line is for it.
func (k *Keeper) start(r *graduate.Run) (*process, error) {
	path, args, env := k.Command(r)
	cmd := exec.Command(path, args...)
	cmd.Env, cmd.Dir = env, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := os.MkdirAll(filepath.Dir(r.Log("waiting-room")), 0o700); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(r.Log("waiting-room"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stderr = log
	// Pipes of our own: those of exec.Cmd are closed by its Wait, with what may still be in them.
	orders, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	answers, out, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, orders.Close(), in.Close())
	}
	cmd.Stdin, cmd.Stdout = orders, out
	err = cmd.Start()
	_, _ = orders.Close(), out.Close()
	if err != nil {
		return nil, errors.Join(err, in.Close(), answers.Close())
	}
	return &process{cmd: cmd, orders: in, answers: json.NewDecoder(answers)}, nil
}

// Pass sends all who wait, and all who still come, to one side. The room ends by itself.
func (k *Keeper) Pass(_ context.Context, to graduate.Side) (graduate.Visits, error) {
	k.mu.Lock()
	p := k.room
	k.room = nil
	if p != nil {
		p.passed = true
	}
	k.mu.Unlock()
	if p == nil {
		return graduate.Visits{}, nil
	}
	defer p.orders.Close()
	var a answer
	if err := json.NewEncoder(p.orders).Encode(order{to}); err != nil {
		return a.Visits, fmt.Errorf("the waiting room does not listen: %w", err)
	}
	if err := p.answers.Decode(&a); err != nil {
		return a.Visits, fmt.Errorf("the waiting room does not answer: %w", err)
	}
	return a.Visits, said(a)
}

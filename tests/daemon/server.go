package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// server is a program that runs until it is told to end.
type server struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	socket string
}

// serve starts a program whose output goes to a file.
func serve(log, socket string, name string, words ...string) (*server, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	s := &server{cmd: exec.Command(name, words...), ended: make(chan struct{}), socket: socket}
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a Ctrl-C is not for it
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.ended)
	}()
	return s, nil
}

// await waits until the server answers.
func (s *server) await(answers func(socket string) error) error {
	deadline := time.After(rise)
	for {
		err := answers(s.socket)
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("%s ended: %s", s.cmd.Args[0], lastLine(read(s.log())))
		case <-deadline:
			return fmt.Errorf("%s does not answer within %v: %w", s.cmd.Args[0], rise, err)
		case <-time.After(20 * time.Millisecond): // a socket that does not exist yet tells nobody when it does
		}
	}
}

func (s *server) log() string { return strings.TrimSuffix(s.socket, ".sock") + ".log" }

// accepts tells whether somebody listens.
func accepts(socket string) error {
	connection, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	return connection.Close()
}

// pings tells whether a Docker daemon has loaded all containers and answers.
func pings(socket string) error {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: 5 * time.Second}
	answer, err := client.Get("http://docker/_ping")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

// kill ends a server, and waits until it is gone.
func (s *server) kill() {
	if s != nil {
		_ = syscall.Kill(s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.ended
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

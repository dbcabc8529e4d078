package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// openRequests bounds how many requests of a target wait for an answer at a time.
const openRequests = 2000

// flushEvery is how far behind the file may be.
const flushEvery = 200 * time.Millisecond

// target is one site that is asked.
type target struct {
	name string
	host string // the Host header
	url  string
}

// parseTarget reads NAME[@HOST]=URL.
func parseTarget(text string) (target, error) {
	names, address, found := strings.Cut(text, "=")
	name, host, _ := strings.Cut(names, "@")
	if _, err := url.ParseRequestURI(address); !found || name == "" || err != nil {
		return target{}, fmt.Errorf("%q is not NAME[@HOST]=URL", text)
	}
	return target{name: name, host: host, url: address}, nil
}

// start asks all targets until the time is over or a signal comes, then prints the report.
func start(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("load start", flag.ContinueOnError)
	dir := flags.String("out", "", "folder for the list of answers")
	every := flags.Duration("every", 10*time.Millisecond, "time between two requests to a target")
	length := flags.Duration("for", 10*time.Minute, "ends by itself after this time")
	timeout := flags.Duration("timeout", 30*time.Second, "how long a request may take")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" || flags.NArg() == 0 || *every <= 0 {
		return errors.New("needs --out DIR and at least one NAME[@HOST]=URL")
	}
	var targets []target
	for _, arg := range flags.Args() {
		t, err := parseTarget(arg)
		if err != nil {
			return err
		}
		targets = append(targets, t)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *length)
	defer cancel()
	if err := ask(ctx, *dir, targets, *every, *timeout); err != nil {
		return err
	}
	all, err := readResponses(*dir)
	if err != nil {
		return err
	}
	return analyse(all, question{}).write(out)
}

// ask sends the requests and writes the answers; it returns when all are in.
func ask(ctx context.Context, dir string, targets []target, every, timeout time.Duration) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(dir, responsesFile))
	if err != nil {
		return err
	}
	answers := make(chan response, 100)
	var senders sync.WaitGroup
	for i, t := range targets {
		// The targets take turns: their requests are spread over the interval.
		offset := every * time.Duration(i) / time.Duration(len(targets))
		senders.Go(func() { t.keepAsking(ctx, answers, offset, every, timeout) })
	}
	go func() {
		senders.Wait()
		close(answers)
	}()
	return errors.Join(writeAnswers(file, answers), file.Close())
}

// writeAnswers writes until the channel is closed, and flushes now and then.
func writeAnswers(file io.Writer, answers <-chan response) error {
	buffer := bufio.NewWriter(file)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	_, err := fmt.Fprintln(buffer, columns)
	for {
		select {
		case r, open := <-answers:
			if !open {
				return errors.Join(err, buffer.Flush())
			}
			if _, werr := fmt.Fprintln(buffer, r); err == nil {
				err = werr
			}
		case <-tick.C:
			if ferr := buffer.Flush(); err == nil {
				err = ferr
			}
		}
	}
}

// keepAsking sends a request per interval, every second one on a new connection, whether or not
// earlier ones have been answered.
func (t target) keepAsking(ctx context.Context, answers chan<- response, offset, every, timeout time.Duration) {
	clients := []*http.Client{client(timeout, false), client(timeout, true)}
	defer clients[0].CloseIdleConnections()
	open := make(chan struct{}, openRequests)
	var running sync.WaitGroup
	defer running.Wait()
	select {
	case <-time.After(offset):
	case <-ctx.Done():
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		open <- struct{}{}
		running.Go(func() {
			answers <- t.once(clients[n%2])
			<-open
		})
	}
}

// client keeps connections alive, or makes a new one for each request; it follows no redirects.
func client(timeout time.Duration, newConnections bool) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: timeout}).DialContext,
			DisableKeepAlives:   newConnections,
			MaxIdleConnsPerHost: 4,
			IdleConnTimeout:     time.Minute,
		},
	}
}

// once sends one request and reads its whole answer. A request that was sent is answered or
// failed: the end of the run does not cut it.
func (t target) once(c *http.Client) response {
	r := response{sent: time.Now(), target: t.name, version: "-"}
	r.status, r.version, r.err = t.fetch(c)
	r.done = time.Now()
	return r
}

// fetch is the request itself: status, version header and error.
func (t target) fetch(c *http.Client) (status int, version, problem string) {
	req, err := http.NewRequest(http.MethodGet, t.url, nil)
	if err != nil {
		return 0, "-", err.Error()
	}
	if t.host != "" {
		req.Host = t.host
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, "-", err.Error()
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		problem = err.Error()
	}
	if version = resp.Header.Get("X-Version"); version == "" {
		version = "-"
	}
	return resp.StatusCode, version, problem
}

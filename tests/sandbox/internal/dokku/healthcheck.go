package dokku

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/dokku-graduate/dokku-graduate/tests/sandbox/internal/format"
)

// candidate is a new container that has to pass its checks.
type candidate struct {
	id, process, ip, port string
	host                  string
}

// The values that hold where a check does not say otherwise, and how often a
// container that is not there yet is looked at.
const (
	checkAttempts = 3
	checkWait     = 5
	checkTimeout  = 5
	checkPoll     = 50 * time.Millisecond
)

// runChecks runs all checks side by side and returns how many failed.
func (p *Proc) runChecks(checks []format.Healthcheck, target candidate) int {
	p.info1("Executing %d healthchecks", len(checks))
	var mu sync.Mutex
	var group sync.WaitGroup
	failed := 0
	for _, check := range checks {
		withDefaults(&check)
		p.verbose("Running healthcheck %s", describe(check, target))
		group.Add(1)
		go func() {
			defer group.Done()
			err := p.runCheck(check, target)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				p.verbose("Healthcheck succeeded name='%s'", check.Name)
			case check.Warn:
				p.warn("Failure in name='%s': %v (warn only)", check.Name, err)
			default:
				failed++
				p.warn("Failure in name='%s': %v", check.Name, err)
			}
		}()
	}
	group.Wait()
	return failed
}

func withDefaults(check *format.Healthcheck) {
	if check.Attempts == 0 {
		check.Attempts = checkAttempts
	}
	if check.Wait == 0 {
		check.Wait = checkWait
	}
	if check.Timeout == 0 {
		check.Timeout = checkTimeout
	}
	if check.Name == "" {
		check.Name = "default"
	}
}

func describe(check format.Healthcheck, target candidate) string {
	switch {
	case check.Listening:
		return fmt.Sprintf("name='%s' attempts=%d port=%s retries=%d timeout=%d type='listening' wait=%d",
			check.Name, check.Attempts, target.port, check.Attempts-1, check.Timeout, check.Wait)
	case len(check.Command) > 0:
		return fmt.Sprintf("name='%s' attempts=%d command='%s' timeout=%d type='command' wait=%d",
			check.Name, check.Attempts, words(check.Command), check.Timeout, check.Wait)
	case check.Path != "":
		return fmt.Sprintf("name='%s' delay=%d path='%s' retries=%d timeout=%d type='path'",
			check.Name, check.InitialDelay, check.Path, check.Attempts-1, check.Timeout)
	default:
		return fmt.Sprintf("name='%s' type='uptime' uptime=%d", check.Name, check.Uptime)
	}
}

func (p *Proc) runCheck(check format.Healthcheck, target candidate) error {
	time.Sleep(time.Duration(check.InitialDelay) * time.Second)
	switch {
	case check.Listening:
		return retry(check, func(ctx context.Context) error { return dial(ctx, target) })
	case len(check.Command) > 0:
		return retry(check, func(context.Context) error { return p.runInside(check, target) })
	case check.Path != "":
		return retry(check, func(ctx context.Context) error { return request(ctx, check, target) })
	default:
		return p.staysUp(check, target)
	}
}

// retry tries a check until it passes or its attempts are used up. A container
// that does not listen yet is asked again soon within the same attempt, so that
// a quick start is noticed quickly.
func retry(check format.Healthcheck, try func(context.Context) error) error {
	var err error
	for attempt := 1; attempt <= check.Attempts; attempt++ {
		end := time.Now().Add(time.Duration(check.Wait) * time.Second)
		for {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(check.Timeout)*time.Second)
			err = try(ctx)
			cancel()
			if err == nil {
				return nil
			}
			if !errors.Is(err, syscall.ECONNREFUSED) || time.Now().After(end) {
				break
			}
			time.Sleep(checkPoll)
		}
		if attempt < check.Attempts {
			time.Sleep(time.Until(end))
		}
	}
	return err
}

func dial(ctx context.Context, target candidate) error {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(target.ip, target.port))
	if err != nil {
		return err
	}
	return connection.Close()
}

func request(ctx context.Context, check format.Healthcheck, target candidate) error {
	port := target.port
	if check.Port != 0 {
		port = fmt.Sprint(check.Port)
	}
	if port == "" {
		port = "5000"
	}
	url := "http://" + net.JoinHostPort(target.ip, port) + check.Path
	asked, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	asked.Host = target.host
	for _, header := range check.HTTPHeaders {
		asked.Header.Set(header.Name, header.Value)
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(asked)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return err
	}
	if answer.StatusCode < 200 || answer.StatusCode >= 400 {
		return fmt.Errorf("unexpected status code: %d", answer.StatusCode)
	}
	if !strings.Contains(string(body), check.Content) {
		return fmt.Errorf("unable to find expected content in response body: %s", check.Content)
	}
	return nil
}

// runInside runs a check's command in the container.
func (p *Proc) runInside(check format.Healthcheck, target candidate) error {
	_, err := p.docker(append([]string{"exec", target.id}, check.Command...)...)
	return err
}

// staysUp watches a container for the time of an uptime check. A container that
// ends or starts again has failed, however long is left.
func (p *Proc) staysUp(check format.Healthcheck, target candidate) error {
	end := time.Now().Add(time.Duration(check.Uptime) * time.Second)
	for {
		state, err := p.inspect(target.id)
		switch {
		case err != nil:
			return err
		case state.RestartCount > 0:
			return fmt.Errorf("container has restarted %d times", state.RestartCount)
		case !state.State.Running:
			return fmt.Errorf("container is not running, state=%s", state.State.Status)
		}
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		time.Sleep(min(left, 4*checkPoll))
	}
}

package hook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// bodyLimit is how much of an answer is looked at.
const bodyLimit = 1 << 20

// check asks the web containers of a role, or in a live hook the app's public address, until each has answered as
// wanted once.
func (n *Runner) check(ctx context.Context, r *graduate.Run, h graduate.Hook, s graduate.Situation, out io.Writer) error {
	a := r.AppOf(h.Role)
	if a == nil {
		return fmt.Errorf("there is no role %s in this graduation", h.Role)
	}
	var public graduate.Public
	err := fmt.Errorf("%s has no public address", a.Target)
	if n.Public != nil {
		public, err = n.Public(a.Target)
	}
	var bases []string
	if h.Kind == graduate.HookLive {
		if err != nil {
			return err
		}
		bases = []string{public.URL}
	} else {
		for _, t := range tell(r, h, s, n.Live).Apps {
			if t.Role == h.Role {
				bases = t.URLs
			}
		}
		public.Dial = "" // candidates are asked directly, by the name that the app is used to
	}
	if len(bases) == 0 {
		return fmt.Errorf("%s has no web container that could be asked", a.Target)
	}
	ctx, cancel := context.WithTimeout(ctx, h.HTTP.Deadline())
	defer cancel()
	for _, base := range bases {
		if err := await(ctx, client(public.Dial), *h.HTTP, base, public.URL, out); err != nil {
			return err
		}
	}
	return nil
}

// await asks one address until it answers as wanted.
func await(ctx context.Context, asks *http.Client, c graduate.HTTPCheck, base, public string, out io.Writer) error {
	defer asks.CloseIdleConnections()
	every := time.NewTicker(c.Interval())
	defer every.Stop()
	problem := errors.New("no answer")
	for {
		began := time.Now()
		err := ask(ctx, asks, c, base, public)
		if err == nil {
			_, _ = fmt.Fprintf(out, "GET %s: as wanted, in %s\n", base+c.Path, time.Since(began).Round(time.Millisecond))
			return nil
		}
		if ctx.Err() == nil { // the last request is cut off, and tells nothing
			problem = err
			_, _ = fmt.Fprintf(out, "GET %s: %v\n", base+c.Path, problem)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s did not answer as wanted within %s: %w", base+c.Path, c.Deadline(), problem)
		case <-every.C:
		}
	}
}

// ask makes one request and says what is not as wanted.
func ask(ctx context.Context, asks *http.Client, c graduate.HTTPCheck, base, public string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+c.Path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "dokku-graduate")
	if at, err := url.Parse(public); err == nil && at.Host != "" { // what the proxy would say, so that no app redirects or refuses
		request.Host = at.Host
		request.Header.Set("X-Forwarded-Proto", at.Scheme)
	}
	response, err := asks.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, bodyLimit))
	switch {
	case response.StatusCode != c.WantedStatus():
		return fmt.Errorf("status %d, not %d", response.StatusCode, c.WantedStatus())
	case err != nil:
		return err
	case !strings.Contains(string(body), c.Contains):
		return fmt.Errorf("status %d, without %q", response.StatusCode, c.Contains)
	default:
		return nil
	}
}

// client makes a client that connects to one place, whatever the address says, where one is given. Redirects are
// answers like others, and no certificate is looked at: it is the app that is checked, at its own machine's proxy.
func client(dial string) *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	if dial != "" {
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, dial)
		}
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

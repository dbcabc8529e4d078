package dokku

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// errAbsent tells that Docker does not have what it was asked for.
var errAbsent = errors.New("docker has no such thing")

// engine is Docker's own API over its unix socket: one connection for many questions, where each start of the client
// takes some 50 ms. Nothing but reading goes over it, the container through which HasCommand looks into an image, and what old
// instances are told in a quiesce.
type engine struct {
	socket string
	once   sync.Once
	client *http.Client
}

// engineSocket is the socket that the Docker client would use; empty where it would go another way.
func engineSocket() string {
	if os.Getenv("DOCKER_CONTEXT") != "" || filepath.Base(cmp.Or(os.Getenv("DOCKER_BIN"), "docker")) != "docker" {
		return ""
	}
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		socket, ok := strings.CutPrefix(host, "unix://")
		if !ok {
			return ""
		}
		return socket
	}
	home, _ := os.UserHomeDir()
	data, _ := os.ReadFile(filepath.Join(cmp.Or(os.Getenv("DOCKER_CONFIG"), filepath.Join(home, ".docker")), "config.json"))
	var file struct{ CurrentContext string }
	if err := json.Unmarshal(data, &file); err == nil && file.CurrentContext != "" && file.CurrentContext != "default" {
		return ""
	}
	return "/var/run/docker.sock"
}

// usable tells whether this user may connect to the socket; where not, the client is asked.
func (e *engine) usable(ctx context.Context) bool {
	e.once.Do(func() {
		if e.socket == "" {
			return
		}
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", e.socket)
		}
		conn, err := dial(ctx, "", "")
		if err != nil {
			return
		}
		_ = conn.Close()
		e.client = &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: sideBySide}}
	})
	return e.client != nil
}

// call asks one question. The answer's body is closed by whoever gets it.
func (e *engine) call(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(data)
	}
	address := url.URL{Scheme: "http", Host: "docker", Path: path, RawQuery: query.Encode()}
	request, err := http.NewRequestWithContext(ctx, method, address.String(), content)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := e.client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode < http.StatusBadRequest {
		return response, nil
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return nil, errAbsent
	}
	var failure struct{ Message string }
	_ = json.NewDecoder(response.Body).Decode(&failure)
	return nil, fmt.Errorf("docker: %s: %s", response.Status, failure.Message)
}

// get reads an answer in JSON.
func (e *engine) get(ctx context.Context, path string, query url.Values, into any) error {
	response, err := e.call(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(into)
}

package dokku

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

var (
	serverBlock  = regexp.MustCompile(`(?m)^[ \t]*server[ \t]*\{`)
	listenLine   = regexp.MustCompile(`(?m)^[ \t]*listen[ \t]+([^;]+);`)
	nameLine     = regexp.MustCompile(`(?m)^[ \t]*server_name[ \t]+([^;]+);`)
	accessLine   = regexp.MustCompile(`(?m)^[ \t]*access_log[ \t]+(/[^\s;]+)`)
	plainName    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
	loopback     = "127.0.0.1"
	standardPort = map[string]string{"http": "80", "https": "443"}
)

// Public reads from an app's nginx file how it is served; where it is served with TLS, that is its address.
func (h *Host) Public(app string) (graduate.Public, error) {
	data, err := os.ReadFile(h.NginxConf(app))
	if err != nil || !h.Proxied(app) {
		return graduate.Public{}, fmt.Errorf("%s has no public address: nginx does not serve it", app)
	}
	var found *graduate.Public
	for _, block := range serverBlock.Split(string(data), -1)[1:] {
		p := served(block)
		if p != nil && (found == nil || strings.HasPrefix(p.URL, "https:") && !strings.HasPrefix(found.URL, "https:")) {
			found = p
		}
	}
	if found == nil {
		return graduate.Public{}, fmt.Errorf("%s has no public address: its nginx file listens nowhere", app)
	}
	return *found, nil
}

// served is how one server block serves; nil where it does not say at which port.
func served(block string) *graduate.Public {
	host, port, scheme := loopback, "", "http"
	for _, line := range listenLine.FindAllStringSubmatch(block, -1) {
		words := strings.Fields(line[1])
		for _, word := range words[1:] {
			if word == "ssl" {
				scheme = "https"
			}
		}
		switch ip, n, err := net.SplitHostPort(words[0]); {
		case err == nil && net.ParseIP(ip) != nil && !net.ParseIP(ip).IsUnspecified():
			host, port = ip, n
		case err == nil:
			port = n
		case strings.Trim(words[0], "0123456789") == "":
			port = words[0]
		}
	}
	if port == "" {
		return nil
	}
	name := host
	if line := nameLine.FindStringSubmatch(block); line != nil {
		for _, word := range strings.Fields(line[1]) {
			if plainName.MatchString(word) { // neither a pattern nor a wildcard
				name = word
				break
			}
		}
	}
	url := scheme + "://" + name
	if port != standardPort[scheme] {
		url = scheme + "://" + net.JoinHostPort(name, port)
	}
	p := &graduate.Public{URL: url, Dial: net.JoinHostPort(host, port)}
	if line := accessLine.FindStringSubmatch(block); line != nil {
		p.AccessLog = line[1]
	}
	return p
}

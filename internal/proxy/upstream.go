package proxy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// upstreams finds `upstream NAME {` of an app's file: Dokku names them APP-PORT (its nginx.conf.sigil).
func upstreamPattern(app string) *regexp.Regexp {
	return regexp.MustCompile(`(?m)^[ \t]*upstream[ \t]+(` + regexp.QuoteMeta(app) + `-([0-9]+))[ \t]*\{([^{}]*)\}`)
}

var serverLine = regexp.MustCompile(`(?m)^[ \t]*server[ \t]+[^;{}]+;[ \t]*\n?`)

// serverWord finds each server of an upstream, wherever it stands in its line.
var serverWord = regexp.MustCompile(`(?:^|[\s;{])server[ \t]`)

// block is one upstream of an app's file.
type block struct {
	// name is APP-PORT, port its container port.
	name, port string
	// servers are its server lines as they stand.
	servers string
	// start and end are where the server lines stand in the file.
	start, end int
}

// Shape says why the switch cannot change an app's configuration, and leaves the app to Dokku's own step.
func Shape(conf, app string) error {
	_, err := blocks(conf, app)
	return err
}

// blocks finds an app's upstreams. Shapes in which the server lines do not stand together are unknown to us.
func blocks(conf, app string) ([]block, error) {
	var found []block
	for _, m := range upstreamPattern(app).FindAllStringSubmatchIndex(conf, -1) {
		b := block{name: conf[m[2]:m[3]], port: conf[m[4]:m[5]]}
		lines := serverLine.FindAllStringIndex(conf[m[6]:m[7]], -1)
		if len(lines) == 0 {
			return nil, fmt.Errorf("upstream %s has no servers", b.name)
		}
		for i := 1; i < len(lines); i++ {
			if strings.TrimSpace(conf[m[6]+lines[i-1][1]:m[6]+lines[i][0]]) != "" {
				return nil, fmt.Errorf("upstream %s has other lines between its servers", b.name)
			}
		}
		if len(lines) != len(serverWord.FindAllStringIndex(conf[m[6]:m[7]], -1)) {
			return nil, fmt.Errorf("upstream %s has several servers in one line", b.name)
		}
		b.start, b.end = m[6]+lines[0][0], m[6]+lines[len(lines)-1][1]
		b.servers = conf[b.start:b.end]
		found = append(found, b)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no upstream %s-PORT", app)
	}
	return found, nil
}

// method finds what makes an upstream choose its servers in a way that knows no backup (ngx_http_upstream_module).
var method = regexp.MustCompile(`(?m)(?:^|[;{])[ \t]*(hash|ip_hash|random)[ \t;]`)

// RoomShape says why the requests of an app cannot be sent to a waiting room.
func RoomShape(conf, app string) error {
	found, err := blocks(conf, app)
	if err != nil {
		return err
	}
	for i, m := range upstreamPattern(app).FindAllStringSubmatch(conf, -1) {
		if word := method.FindStringSubmatch(m[3]); word != nil {
			return fmt.Errorf("upstream %s has %s, which knows no backup server", found[i].name, word[1])
		}
	}
	return nil
}

// addresses are the servers of a block, as host:port.
func (b block) addresses() []string {
	var out []string
	for _, line := range serverLine.FindAllString(b.servers, -1) {
		out = append(out, strings.Fields(strings.Trim(strings.TrimSpace(line), ";"))[1])
	}
	return out
}

// diverted is the server lines of a block whose requests wait at a socket, with its servers behind it. However often
// nginx does not find anybody at the socket, it looks there first for the next request.
func (b block) diverted(socket string) string {
	out := "  server unix:" + socket + " max_fails=0;\n"
	for _, line := range serverLine.FindAllString(b.servers, -1) {
		line = strings.TrimRight(line, " \t\n")
		if !slices.Contains(strings.Fields(strings.TrimSuffix(line, ";")), "backup") {
			line = strings.TrimSuffix(line, ";") + " backup;"
		}
		out += line + "\n"
	}
	return out
}

// replace puts what text gives for each block in place of its server lines.
func replace(conf string, found []block, text func(block) string) string {
	var out strings.Builder
	last := 0
	for _, b := range found {
		out.WriteString(conf[last:b.start])
		out.WriteString(text(b))
		last = b.end
	}
	out.WriteString(conf[last:])
	return out.String()
}

// servers is the server lines of a block for some addresses (host without port), to the letter as Dokku's
// template has them: with an empty line between two.
func servers(b block, hosts []string) string {
	lines := make([]string, len(hosts))
	for i, host := range hosts {
		lines[i] = fmt.Sprintf("  server %s:%s;\n", host, b.port)
	}
	return strings.Join(lines, "\n")
}

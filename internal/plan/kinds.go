package plan

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The kinds of config values. They are all that a plan says of a value.
const (
	kindAbsent = "absent"
	kindEmpty  = "empty"
	kindQuoted = "quoted"
	kindNumber = "number"
	kindText   = "text"
	kindURL    = "a URL"
)

// schemes are what a plan may say of a URL. A scheme that is not among them is no scheme, but a part of somebody's value.
var schemes = []string{
	"amqp", "amqps", "clickhouse", "couchdb", "elasticsearch", "file", "ftp", "git", "http", "https", "ldap", "ldaps", "mariadb",
	"memcached", "mongodb", "mongodb+srv", "mqtt", "mysql", "mysql2", "nats", "postgis", "postgres", "postgresql", "redis", "rediss", "s3",
	"sftp", "smtp", "smtps", "sqlite", "sqlite3", "ssh", "tcp", "udp", "unix", "ws", "wss",
}

// kindOf is the kind of a config value.
func kindOf(value string) string {
	value = strings.TrimSpace(value)
	switch {
	case value == "":
		return kindEmpty
	case quoted(value):
		return kindQuoted
	}
	if scheme, _, ok := strings.Cut(value, "://"); ok && schemePattern.MatchString(scheme) {
		scheme = strings.ToLower(scheme)
		switch {
		case scheme == "postgresql": // two names of one thing
			return "a postgres URL"
		case !slices.Contains(schemes, scheme):
			return kindURL
		case strings.HasPrefix(scheme, "http"):
			return "an " + scheme + " URL"
		default:
			return "a " + scheme + " URL"
		}
	}
	if _, err := strconv.ParseFloat(value, 64); err == nil && numberPattern.MatchString(value) {
		return kindNumber
	}
	return kindText
}

var (
	schemePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*$`)
	numberPattern = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)
	// unexpandedPattern matches ${VAR}, and $VAR where it stands alone and in capitals: passwords have dollars, too.
	unexpandedPattern = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*(:?[-=?+][^}]*)?\}|(^|[^A-Za-z0-9_$\\])\$[A-Z_][A-Z0-9_]+($|[^A-Za-z0-9_])`)
)

// quoted tells whether literal quotes are around a value. Dokku writes a value in double quotes in a way in which it
// cannot read it back: the closing one comes as a backslash.
func quoted(value string) bool {
	value = strings.TrimSpace(value)
	if len(value) < 2 {
		return false
	}
	first, last := value[0], value[len(value)-1]
	return first == '\'' && last == first || first == '"' && (last == first || last == '\\')
}

// unexpanded tells whether a value names a variable.
func unexpanded(value string) bool { return unexpandedPattern.MatchString(value) }

// defaultPorts are the ports of URLs that name none.
var defaultPorts = map[string]string{
	"amqp": "5672", "amqps": "5671", "mariadb": "3306", "mongodb": "27017", "mysql": "3306", "mysql2": "3306", "postgis": "5432",
	"postgres": "5432", "postgresql": "5432", "redis": "6379", "rediss": "6379", "smtp": "25",
}

// address is host and port that a URL names; ok is false where it is none.
func address(value string) (host, port string, ok bool) {
	u, err := url.Parse(strings.TrimSpace(value))
	if err != nil || u.Hostname() == "" || strings.Contains(u.Host, ",") { // one of several hosts is no address
		return "", "", false
	}
	port = u.Port()
	if port == "" {
		port = defaultPorts[strings.ToLower(u.Scheme)]
	}
	return sameHost(u.Hostname()), port, true
}

// sameHost is one name for a host that has several.
func sameHost(host string) string {
	switch host = strings.ToLower(strings.TrimSpace(host)); host {
	case "127.0.0.1", "::1", "[::1]":
		return "localhost"
	default:
		return host
	}
}

// Package kit is what the sample apps of the tests have in common: the version and the behaviours
// that are baked into their image, a log line per request, and an end in good order on SIGTERM.
package kit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// App is one running sample app.
type App struct {
	Name       string     // portal, webservices, probe
	Version    string     // the release, from the file "version" beside the binary
	Host       string     // the container's host name
	Behaviours Behaviours // what this image does wrong on purpose
}

// Behaviours are what an image does on purpose, by name; the value is empty or an argument.
type Behaviours map[string]string

// logMu keeps log lines whole.
var logMu sync.Mutex

// Load reads the version and the behaviours from the files beside the binary.
func Load(name string) *App {
	dir := "."
	if exe, err := os.Executable(); err == nil {
		dir = filepath.Dir(exe)
	}
	host, _ := os.Hostname()
	return &App{
		Name:       name,
		Version:    firstLine(filepath.Join(dir, "version"), "dev"),
		Host:       host,
		Behaviours: parseBehaviours(firstLine(filepath.Join(dir, "behaviour"), "")),
	}
}

// firstLine is the first line of a small file, or fallback where there is none.
func firstLine(path, fallback string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return fallback
	}
	line, _, _ := strings.Cut(string(data), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return fallback
	}
	return line
}

// parseBehaviours reads "check-fails,boot-delay=3s".
func parseBehaviours(text string) Behaviours {
	found := Behaviours{}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		name, value, _ := strings.Cut(word, "=")
		found[name] = value
	}
	return found
}

// Has tells whether the image has the behaviour.
func (b Behaviours) Has(name string) bool {
	_, ok := b[name]
	return ok
}

// Duration is the argument of a behaviour as a time span, or fallback where it has none.
func (b Behaviours) Duration(name string, fallback time.Duration) time.Duration {
	if d, err := time.ParseDuration(b[name]); err == nil {
		return d
	}
	return fallback
}

// logTime has a fixed width, so that log lines can be compared and sorted as text.
const logTime = "2006-01-02T15:04:05.000000000Z07:00"

// Log writes one line: time, app, version, container, then what happened.
func (a *App) Log(format string, args ...any) {
	logMu.Lock()
	defer logMu.Unlock()
	fmt.Printf("%s app=%s version=%s host=%s %s\n", time.Now().UTC().Format(logTime),
		a.Name, a.Version, a.Host, fmt.Sprintf(format, args...))
}

// Getenv is an environment variable, or fallback where it is empty.
func Getenv(key, fallback string) string {
	if value := os.Getenv(key); value != "" {
		return value
	}
	return fallback
}

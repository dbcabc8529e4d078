package dokku

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// room says why requests of an app cannot wait (empty where they can, and where none come), and for how long nginx lets
// them.
func (h *Host) room(f *graduate.Facts) (why string, timeout time.Duration) {
	if h.NginxRoom == nil || !h.listens(f.App) {
		return "", 0
	}
	if !f.ProxyEnabled || f.Proxy != "nginx" {
		return "they do not come by nginx", 0
	}
	conf, err := os.ReadFile(h.NginxConf(f.App))
	if err != nil || len(bytes.TrimSpace(conf)) == 0 {
		return "", 0 // nginx does not serve it
	}
	if err := h.NginxRoom(string(conf), f.App); err != nil {
		return err.Error(), 0
	}
	return "", h.proxyTimeout(f.App)
}

// listens tells whether an app has web processes.
func (h *Host) listens(app string) bool {
	listeners, _ := filepath.Glob(filepath.Join(h.appDir(app), "IP.web.*"))
	return len(listeners) > 0
}

// nginxTimeout is Dokku's default for proxy-read-timeout and proxy-send-timeout.
const nginxTimeout = "60s"

// proxyTimeout is how long nginx waits for an answer of the app, or with the rest of a request; 0 where it cannot be told.
func (h *Host) proxyTimeout(app string) time.Duration {
	var least time.Duration
	for _, key := range []string{"proxy-read-timeout", "proxy-send-timeout"} {
		value := h.computed("nginx", app, key, nginxTimeout)
		if d := nginxTime(value); d > 0 && (least == 0 || d < least) {
			least = d
		}
	}
	return least
}

// nginxUnits are the units of nginx's times; no unit means seconds.
var nginxUnits = map[string]time.Duration{
	"ms": time.Millisecond, "": time.Second, "s": time.Second, "m": time.Minute, "h": time.Hour,
	"d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "M": 30 * 24 * time.Hour, "y": 365 * 24 * time.Hour,
}

// nginxPart is one part of a time such as "1h 30m".
var nginxPart = regexp.MustCompile(`^\s*([0-9]+)(ms|[smhdwMy]?)`)

// nginxTime reads a time as nginx does; 0 where it is none, or longer than can be told.
func nginxTime(value string) time.Duration {
	var sum time.Duration
	for value = strings.Trim(strings.TrimSpace(value), `"'`); value != ""; {
		part := nginxPart.FindStringSubmatch(value)
		if part == nil {
			return 0
		}
		n, err := strconv.Atoi(part[1])
		unit := nginxUnits[part[2]]
		if err != nil || int64(n) > int64((math.MaxInt64-sum)/unit) {
			return 0
		}
		sum += time.Duration(n) * unit
		value = value[len(part[0]):]
	}
	return sum
}

package dokku

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func TestWhyRequestsCannotWait(t *testing.T) {
	for _, c := range []struct {
		name    string
		files   map[string]string
		change  func(*graduate.Facts)
		why     string
		timeout time.Duration
	}{
		{"they can", nil, nil, "", time.Minute},
		{"no web process", map[string]string{"home/portal/IP.web.1": ""}, nil, "", time.Minute},
		{"another proxy", nil, func(f *graduate.Facts) { f.Proxy = "caddy" }, "they do not come by nginx", 0},
		{"no proxy", nil, func(f *graduate.Facts) { f.ProxyEnabled = false }, "they do not come by nginx", 0},
		{"another shape", map[string]string{"home/portal/nginx.conf": "mine"}, nil, "it is mine", 0},
		{"no file", map[string]string{"home/portal/nginx.conf": "\n"}, nil, "", 0},
		{"time-outs of its own", map[string]string{"lib/config/nginx/portal/proxy-read-timeout": "2m", "lib/config/nginx/portal/proxy-send-timeout": "90"}, nil, "", 90 * time.Second},
		{"a time-out in parts", map[string]string{"lib/config/nginx/portal/proxy-read-timeout": "1m 30s", "lib/config/nginx/portal/proxy-send-timeout": "1d"}, nil, "", 90 * time.Second},
		{"a time-out that nobody can read", map[string]string{"lib/config/nginx/portal/proxy-read-timeout": "soon", "lib/config/nginx/--global/proxy-send-timeout": "1500ms"}, nil, "", 1500 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.NginxRoom = func(conf, app string) error {
				if conf == "mine" && app == "portal" {
					return errors.New("it is mine")
				}
				return nil
			}
			f.write("home/portal/nginx.conf", "upstream")
			f.write("home/portal/IP.web.1", "10.0.0.1")
			for name, text := range c.files {
				f.write(name, text)
			}
			facts := &graduate.Facts{App: "portal", Proxy: "nginx", ProxyEnabled: true}
			if c.change != nil {
				c.change(facts)
			}
			why, timeout := f.room(facts)
			require.Equal(t, c.why, why)
			require.Equal(t, c.timeout, timeout)
		})
	}
	f := newFixture(t)
	f.NginxRoom = func(string, string) error { return errors.New("not asked") }
	why, timeout := f.room(&graduate.Facts{App: "portal"})
	require.Empty(t, why, "an app without web processes has no requests")
	require.Zero(t, timeout)
}

func TestTimesOfNginx(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"90": 90 * time.Second, "60s": time.Minute, "1500ms": 1500 * time.Millisecond, "1m 30s": 90 * time.Second, "1m30s": 90 * time.Second,
		"1d": 24 * time.Hour, "2w": 14 * 24 * time.Hour, "1M": 30 * 24 * time.Hour, "1y": 365 * 24 * time.Hour, "1h 30": time.Hour + 30*time.Second,
		`"1m 5s"`: 65 * time.Second, "1d 12h": 36 * time.Hour,
		"": 0, "soon": 0, "1.5s": 0, "10x": 0, "-5": 0, "0": 0, "9999y": 0, "99999999999999999999": 0, "292y 1y": 0,
	} {
		require.Equal(t, want, nginxTime(value), "%q", value)
	}
}

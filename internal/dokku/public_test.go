package dokku

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePublicAddressIsThatOfTheNginxFile(t *testing.T) {
	for _, c := range []struct{ name, conf, url, dial string }{
		{"plain", "server {\n  listen      [::]:80;\n  listen      80;\n  access_log  /var/log/nginx/portal-access.log;\n  server_name portal.example.com other.example.com;\n}\n", "http://portal.example.com", "127.0.0.1:80"},
		{"another port", "server {\n  listen 40163;\n  server_name portal.test;\n}\n", "http://portal.test:40163", "127.0.0.1:40163"},
		{"TLS", "server {\n  listen 80;\n  server_name a.test;\n  return 301 x;\n}\nserver {\n  listen [::]:443 ssl;\n  listen 443 ssl http2;\n  server_name a.test;\n}\n", "https://a.test", "127.0.0.1:443"},
		{"an address of its own", "server {\n  listen 10.0.0.1:80;\n  server_name ~^x *.a.test _ b.test;\n}\n", "http://b.test", "10.0.0.1:80"},
		{"no name", "server {\n  listen 5000;\n}\n", "http://127.0.0.1:5000", "127.0.0.1:5000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.write("home/portal/nginx.conf", c.conf+"upstream portal-5000 {\n  server 172.17.0.2:5000;\n}\n")
			p, err := f.Public("portal")
			require.NoError(t, err)
			require.Equal(t, c.url, p.URL)
			require.Equal(t, c.dial, p.Dial)
			require.Equal(t, c.name == "plain", p.AccessLog == "/var/log/nginx/portal-access.log")
		})
	}
	f := newFixture(t)
	_, err := f.Public("portal")
	require.EqualError(t, err, "portal has no public address: nginx does not serve it")
	f.write("home/portal/nginx.conf", "upstream portal-5000 {}\n")
	_, err = f.Public("portal")
	require.EqualError(t, err, "portal has no public address: its nginx file listens nowhere")
}

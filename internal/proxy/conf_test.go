package proxy

import (
	"fmt"
	"strings"
)

// server is a server block as Dokku's nginx.conf.sigil has it.
func server(app, listen, upstream string) string {
	return fmt.Sprintf(`
server {
  listen      [::]:%[2]s;
  listen      %[2]s;
  server_name %[1]s.example.test;
  access_log  /var/log/nginx/%[1]s-access.log;
  error_log   /var/log/nginx/%[1]s-error.log;
  underscores_in_headers off;

  location    / {

    proxy_pass  http://%[1]s-%[3]s;
    proxy_http_version 1.1;
    proxy_connect_timeout 60s;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Host $http_host;

  }

  client_max_body_size 1m;

  error_page 502 /502-error.html;
  location /502-error.html {
    root /var/lib/dokku/data/nginx-vhosts/dokku-errors;
    internal;
  }

  include /home/dokku/%[1]s/nginx.conf.d/*.conf;

}
`, app, listen, upstream)
}

// upstream is an upstream block as the same template has it: empty lines around and between the servers.
func upstream(app, port string, hosts ...string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "\nupstream %s-%s {\n", app, port)
	for i, host := range hosts {
		if i > 0 {
			out.WriteString("\n")
		}
		fmt.Fprintf(&out, "  server %s:%s;\n", host, port)
	}
	return out.String() + "}\n"
}

// conf is the file of an app with one port, as Dokku writes it.
func conf(app string, hosts ...string) string {
	return server(app, "80", "5000") + upstream(app, "5000", hosts...)
}

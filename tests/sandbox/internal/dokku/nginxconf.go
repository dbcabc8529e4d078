package dokku

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

var nginxProperties = []string{
	"access-log-path", "client-max-body-size", "error-log-path", "proxy-connect-timeout",
	"proxy-read-timeout", "proxy-send-timeout", "x-forwarded-proto-value", "nginx-conf-sigil-path",
}

var nginxDefaults = map[string]string{
	"client-max-body-size": "1m", "proxy-connect-timeout": "60s", "proxy-read-timeout": "60s",
	"proxy-send-timeout": "60s", "x-forwarded-proto-value": "$scheme",
}

func (p *Proc) nginxProperty(app, key string) string {
	return p.propComputed("nginx", app, key, nginxDefaults[key])
}

func (p *Proc) nginxLogPath(app, kind string) string {
	return p.propComputed("nginx", app, kind+"-log-path", filepath.Join(p.Layout.Log(), "nginx", app+"-"+kind+".log"))
}

func nginxReport(p *Proc, app string) []field {
	fields := []field{
		{"nginx-computed-access-log-path", p.nginxLogPath(app, "access")},
		{"nginx-computed-error-log-path", p.nginxLogPath(app, "error")},
	}
	for _, key := range nginxProperties {
		fields = append(fields, field{"nginx-" + key, p.prop("nginx", app, key)})
	}
	return fields
}

var mainTemplate = template.Must(template.New("nginx.conf").Parse(`# The sandbox's own nginx. Every app has a file of its own below DOKKU_ROOT.
{{if .AsRoot}}user root;
{{end}}worker_processes 2;
daemon on;
pid {{.Run}}/nginx.pid;
error_log {{.Log}}/nginx/error.log;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
  {{if .MIME}}include {{.MIME}};
  {{end}}default_type application/octet-stream;
  access_log {{.Log}}/nginx/access.log;
  client_body_temp_path {{.Nginx}}/body;
  proxy_temp_path {{.Nginx}}/proxy;
  fastcgi_temp_path {{.Nginx}}/fastcgi;
  uwsgi_temp_path {{.Nginx}}/uwsgi;
  scgi_temp_path {{.Nginx}}/scgi;
  server_names_hash_bucket_size 512;
  server_tokens off;
  server {
    listen {{.Port}} default_server;
    {{if .IPv6}}listen [::]:{{.Port}} default_server;
    {{end}}server_name _;
    access_log off;
    return 444;
  }
  include {{.Root}}/*/nginx.conf;
}
`))

func mainConfig(l Layout, settings Settings) (string, error) {
	mime := "/etc/nginx/mime.types"
	if !exists(mime) {
		mime = ""
	}
	var out strings.Builder
	err := mainTemplate.Execute(&out, map[string]any{
		"AsRoot": os.Geteuid() == 0, "Run": l.Run(), "Log": l.Log(), "Nginx": l.Nginx(), "Root": l.Root(),
		"MIME": mime, "Port": settings.HTTPPort, "IPv6": exists("/proc/net/if_inet6"),
	})
	return out.String(), err
}

// The shape of an app's file is that of Dokku's, down to the blank lines around
// the upstream's servers, since that is what other programs look for in it.
var appTemplate = template.Must(template.New("app").Parse(`{{range .Servers}}
server {
{{if $.IPv6}}  listen      [::]:{{.Port}};
{{end}}  listen      {{.Port}};
{{if $.Names}}  server_name {{$.Names}};
{{end}}  access_log  {{$.AccessLog}};
  error_log   {{$.ErrorLog}};
  underscores_in_headers off;

  location    / {
{{if $.Listeners}}
    proxy_pass  http://{{$.App}}-{{.Upstream}};
    proxy_http_version 1.1;
    proxy_connect_timeout {{$.Connect}};
    proxy_read_timeout {{$.Read}};
    proxy_send_timeout {{$.Send}};
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $http_connection;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Port $server_port;
    proxy_set_header X-Forwarded-Proto {{$.Proto}};
    proxy_set_header X-Request-Start $msec;

{{else}}
    return 502;

{{end}}  }

  client_max_body_size {{$.MaxBody}};

  include {{$.Root}}/{{$.App}}/nginx.conf.d/*.conf;

}
{{end}}{{if .Listeners}}{{range .Upstreams}}
upstream {{$.App}}-{{.}} {
{{$port := .}}{{range $.Listeners}}
  server {{.}}:{{$port}};
{{end}}}
{{end}}{{end}}
`))

type nginxServer struct{ Port, Upstream int }

// buildNginx writes an app's configuration, tests that of all apps and reloads.
// If the test fails the new file stays, as in Dokku: the next reload of anyone
// who repairs the rest publishes it.
func (p *Proc) buildNginx(app string) error {
	file := filepath.Join(p.Layout.App(app), "nginx.conf")
	if !p.proxyEnabled(app) {
		p.info1("Nginx support is disabled for app (%s)", app)
		if !exists(file) {
			return nil
		}
		p.info1("Deleting nginx.conf")
		if err := os.Remove(file); err != nil {
			return err
		}
		return p.testAndReload()
	}
	if err := p.trigger("ports-configure", app); err != nil {
		return err
	}
	listeners := p.listeners(app, "web")
	deployed := len(listeners) > 0 && p.isDeployed(app)
	switch {
	case len(listeners) == 0:
		if !p.isQuiet() {
			p.warn("No web listeners specified for %s", app)
		}
	case !deployed:
		return nil
	case p.prop("network", app, "static-web-listener") == "":
		if err := p.needImage(app); err != nil {
			return err
		}
	}
	for _, name := range p.domains(app) {
		p.info1("Configuring %s...(using built-in template)", name)
	}
	text, err := p.appConfig(app, listeners)
	if err != nil {
		return err
	}
	p.info1("Creating http nginx.conf")
	if err := p.placeConfig(app, file, text); err != nil {
		return err
	}
	if err := p.trigger("nginx-pre-reload", app, "", ""); err != nil {
		return err
	}
	p.verbose("Reloading nginx")
	return p.testAndReload()
}

// needImage fails if the app has no image under the tag that it runs.
func (p *Proc) needImage(app string) error {
	there, err := p.imageExists(appImage(app, p.runningTag(app, "")))
	if err == nil && !there {
		return p.fail("Missing image for app")
	}
	return err
}

func (p *Proc) appConfig(app string, listeners []string) (string, error) {
	var servers []nginxServer
	var upstreams []string
	for _, ports := range p.portMaps(app) {
		if ports.scheme != "http" {
			continue // there are no certificates here
		}
		servers = append(servers, nginxServer{p.listenPort(ports.host), ports.container})
		upstreams = append(upstreams, fmt.Sprint(ports.container))
	}
	hosts := make([]string, len(listeners))
	for i, listener := range listeners {
		hosts[i], _, _ = strings.Cut(listener, ":")
	}
	var out strings.Builder
	err := appTemplate.Execute(&out, map[string]any{
		"App": app, "Root": p.Layout.Root(), "Servers": servers, "Upstreams": unique(upstreams), "Listeners": hosts,
		"Names": words(p.domains(app)), "IPv6": exists("/proc/net/if_inet6"),
		"AccessLog": p.nginxLogPath(app, "access"), "ErrorLog": p.nginxLogPath(app, "error"),
		"Connect": p.nginxProperty(app, "proxy-connect-timeout"), "Read": p.nginxProperty(app, "proxy-read-timeout"),
		"Send": p.nginxProperty(app, "proxy-send-timeout"), "Proto": p.nginxProperty(app, "x-forwarded-proto-value"),
		"MaxBody": p.nginxProperty(app, "client-max-body-size"),
	})
	return out.String(), err
}

// placeConfig puts the file into place at once, so that nobody reads half of it.
func (p *Proc) placeConfig(app, file, text string) error {
	if err := os.MkdirAll(filepath.Join(p.Layout.App(app), "nginx.conf.d"), 0o755); err != nil {
		return err
	}
	beside := file + "." + p.Env["DOKKU_PID"]
	if err := os.WriteFile(beside, []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(beside, file)
}

func (p *Proc) testAndReload() error {
	if err := p.validateNginx(""); err != nil {
		return err
	}
	return p.reloadNginx()
}

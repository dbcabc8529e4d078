package dokku

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

var (
	// configKey is what a config key may be (config plugin, environment.go).
	configKey = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	// commitID is a whole name of a commit.
	commitID = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	// resourceProperty is a property of the resource plugin: TYPE.limit.NAME, TYPE.reserve.NAME.
	resourceProperty = regexp.MustCompile(`^(.+)\.(limit|reserve)\.([a-z-]+)$`)
	// procfileLine is a line of a Procfile, as procfile-util reads it.
	procfileLine = regexp.MustCompile(`^([A-Za-z0-9_-]+):\s*(.+)$`)
)

// surround reads what an app has around its version. Where Dokku keeps each thing:
//
//   - domains: ROOT/APP/VHOST, and the config key NO_VHOST=1 where they are off (domains plugin, internal-functions);
//   - TLS: ROOT/APP/tls/server.crt and server.key (certs, functions: is_ssl_enabled);
//   - port maps: the property list map (ports, functions.go); what a build detected belongs to the version;
//   - resources: properties TYPE.limit.NAME and TYPE.reserve.NAME (resource, resource.go);
//   - networks, checks: properties (network.go, checks/report.go);
//   - Procfile and app.json: data/ps/APP/Procfile, data/app-json/APP/app.json (ps/functions.go, app-json).
func (h *Host) surround(f *graduate.Facts, services []string) {
	a := &f.Around
	a.Vhosts = !(a.Own["NO_VHOST"] && f.Config["NO_VHOST"] == "1")
	a.Domains = fileLines(filepath.Join(h.appDir(f.App), "VHOST"))
	tls := filepath.Join(h.appDir(f.App), "tls")
	a.TLS = exists(filepath.Join(tls, "server.crt")) && exists(filepath.Join(tls, "server.key"))
	a.Ports = fileLines(h.propertyFile("ports", f.App, "map"))
	a.Resources = h.resources(f.App)
	a.Networks = h.properties("network", f.App,
		"attach-post-create", "attach-post-deploy", "bind-all-interfaces", "initial-network", "static-web-listener", "tld")
	a.ChecksSkipped = h.property("checks", f.App, "skipped")
	if wait := h.property("checks", f.App, "wait-to-retire"); wait != "" {
		a.ChecksWait = map[string]string{"wait-to-retire": wait}
	}
	options := h.dockerOptions(f.App)
	f.Published = options.published
	a.DockerOptions = options.others
	a.Mounts = sortedUnique(append(options.mounts, h.attachments(f.App)...))
	a.Services = sortedUnique(append(options.services, services...))
	a.CustomNginx = h.customNginx(f)
	a.NoRoom, a.ProxyTimeout = h.room(f)
	if data, err := os.ReadFile(h.stored(procfile, f.App)); err == nil {
		a.Procfile = parseProcfile(data)
	}
	if data, err := os.ReadFile(h.stored(appJSON, f.App)); err == nil {
		a.AppJSON = data
	}
	a.SourceTag = f.Origin.SourceImage
	if a.SourceTag == "" && f.Origin.DeploySource == "docker-image" {
		a.SourceTag = f.Origin.DeployMetadata
	}
}

// resources are the app's resource properties by process type.
func (h *Host) resources(app string) map[string]map[string]string {
	entries, _ := os.ReadDir(h.propertyFile("resource", app, ""))
	var found map[string]map[string]string
	for _, entry := range entries {
		match := resourceProperty.FindStringSubmatch(entry.Name())
		if match == nil {
			continue
		}
		value := h.property("resource", app, entry.Name())
		if value == "" {
			continue
		}
		if found == nil {
			found = map[string]map[string]string{}
		}
		if found[match[1]] == nil {
			found[match[1]] = map[string]string{}
		}
		found[match[1]][match[2]+" "+match[3]] = value
	}
	return found
}

// properties are those of an app that are set, each as "KEY VALUE".
func (h *Host) properties(plugin, app string, keys ...string) []string {
	var set []string
	for _, key := range keys {
		if value := h.property(plugin, app, key); value != "" {
			set = append(set, key+" "+value)
		}
	}
	return set
}

// attachments are the storage mounts of an app, as storage:list prints them: the property list mounts names entries,
// which are in data/storage-registry/entries/NAME.json (storage plugin, attachment.go and entry.go).
func (h *Host) attachments(app string) []string {
	var mounts []string
	for line := range strings.Lines(h.property("storage", app, "mounts")) {
		var attachment struct {
			EntryName     string `json:"entry_name"`
			ContainerPath string `json:"container_path"`
			Readonly      bool   `json:"readonly"`
			VolumeOptions string `json:"volume_options"`
		}
		if json.Unmarshal([]byte(line), &attachment) != nil || attachment.EntryName == "" {
			continue
		}
		var entry struct {
			HostPath string `json:"host_path"`
		}
		data, err := os.ReadFile(filepath.Join(h.Lib, "data", "storage-registry", "entries", filepath.Base(attachment.EntryName)+".json"))
		if err != nil || json.Unmarshal(data, &entry) != nil || entry.HostPath == "" {
			entry.HostPath = attachment.EntryName
		}
		var options []string
		if attachment.Readonly {
			options = append(options, "ro")
		}
		if attachment.VolumeOptions != "" {
			options = append(options, attachment.VolumeOptions)
		}
		mount := entry.HostPath + ":" + attachment.ContainerPath
		if len(options) > 0 {
			mount += ":" + strings.Join(options, ",")
		}
		mounts = append(mounts, mount)
	}
	return mounts
}

// serviceLinks lists the linked services of every app: Dokku's service plugins (postgres, redis …) keep the apps that
// a service is linked to in services/KIND/NAME/LINKS.
func (h *Host) serviceLinks() map[string][]string {
	files, _ := filepath.Glob(filepath.Join(h.Lib, "services", "*", "*", "LINKS"))
	links := map[string][]string{}
	for _, file := range files {
		dir := filepath.Dir(file)
		service := filepath.Base(filepath.Dir(dir)) + " " + filepath.Base(dir)
		for _, app := range fileLines(file) {
			links[app] = append(links[app], service)
		}
	}
	return links
}

// customNginx tells that nginx serves the app by a configuration that the switch cannot change. One that Dokku made
// while the app had no web container says nothing: it has no upstreams.
func (h *Host) customNginx(f *graduate.Facts) bool {
	listeners, _ := filepath.Glob(filepath.Join(h.appDir(f.App), "IP.web.*"))
	if h.NginxShape == nil || !f.ProxyEnabled || f.Proxy != "nginx" || len(listeners) == 0 {
		return false
	}
	conf, err := os.ReadFile(h.NginxConf(f.App))
	return err == nil && len(bytes.TrimSpace(conf)) > 0 && h.NginxShape(string(conf), f.App) != nil
}

// parseProcfile reads the commands of a Procfile by process type; nil where there is none.
func parseProcfile(text []byte) map[string]string {
	var commands map[string]string
	for _, line := range filled(text) {
		if match := procfileLine.FindStringSubmatch(line); match != nil {
			if commands == nil {
				commands = map[string]string{}
			}
			commands[match[1]] = strings.TrimSpace(match[2])
		}
	}
	return commands
}

// fileLines are the lines of a file without the empty ones.
func fileLines(path string) []string {
	data, _ := os.ReadFile(path)
	return filled(data)
}

// filled are the lines of a text that are not empty.
func filled(text []byte) []string {
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func sortedUnique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

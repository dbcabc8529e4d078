package dokku

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"sort"
	"strconv"
	"strings"
)

// portMap leads from a port of the proxy to a port of the containers.
type portMap struct {
	scheme    string
	host      int
	container int
}

func (m portMap) String() string { return fmt.Sprintf("%s:%d:%d", m.scheme, m.host, m.container) }

func portsPlugin() plugin {
	return plugin{
		about: "Manage ports for an app",
		help: []string{
			"ports:add <app> <scheme>:<host-port>:<container-port> [...], Adds port mappings to an app",
			"ports:clear <app>, Clear all port mappings for an app",
			"ports:list <app>, List port mappings for an app",
			"ports:report [<app>] [<flag>], Displays a ports report for one or more apps",
			"ports:set <app> <scheme>:<host-port>:<container-port> [...], Set port mappings for an app",
		},
		hooks: map[string]Hook{
			"ports-clear":        func(p *Proc, args []string) error { return p.clearPorts(arg(args, 0)) },
			"ports-configure":    portsConfigure,
			"ports-get":          portsGet,
			"ports-get-property": getProperty(portsProperty),
			"ports-set-detected": portsSetDetected,
		},
		subcommands: map[string]Hook{
			"add":    changePorts(true),
			"clear":  portsClear,
			"list":   portsList,
			"report": reportCommand("ports", portsReport),
			"set":    changePorts(false),
		},
	}
}

func parsePortMaps(list []string) ([]portMap, error) {
	var maps []portMap
	for _, text := range list {
		parts := strings.Split(text, ":")
		if len(parts) != 3 {
			return nil, fmt.Errorf("invalid port map %s [len=%d]", text, len(parts))
		}
		host, err := strconv.Atoi(parts[1])
		if err != nil {
			return nil, fmt.Errorf("invalid port map %s [err=%w]", text, err)
		}
		container, err := strconv.Atoi(parts[2])
		if err != nil {
			return nil, fmt.Errorf("invalid port map %s [err=%w]", text, err)
		}
		maps = append(maps, portMap{parts[0], host, container})
	}
	return maps, nil
}

// portMaps are the set ports of an app, else the detected ones, else the default.
func (p *Proc) portMaps(app string) []portMap {
	for _, key := range []string{"map", "map-detected"} {
		if maps, err := parsePortMaps(p.propList("ports", app, key)); err == nil && len(maps) > 0 {
			return maps
		}
	}
	port := p.proxyPort(app)
	if port == 0 {
		port = 80
	}
	return []portMap{{"http", port, 5000}}
}

func (p *Proc) proxyPort(app string) int {
	port, _ := strconv.Atoi(p.propComputed("proxy", app, "proxy-port", "0"))
	return port
}

// listenPort is the port at which nginx listens for a port of the proxy: the
// sandbox has no port 80, and its own stands in for it.
func (p *Proc) listenPort(port int) int {
	settings, err := p.Layout.Load()
	if port == 80 && err == nil {
		return settings.HTTPPort
	}
	return port
}

// portsConfigure chooses a port for an app that has none yet: 80, or one of its
// own if it has no name.
func portsConfigure(p *Proc, args []string) error {
	app := arg(args, 0)
	if p.prop("proxy", app, "proxy-port") != "" {
		return nil
	}
	port := p.proxyPort(app)
	if !p.vhostEnabled(app) {
		p.info1("No port set, setting to random open high port")
		port = FreePort()
		p.info1("Random port %d", port)
	}
	if port == 0 {
		port = 80
	}
	return p.setProp("proxy", app, "proxy-port", strconv.Itoa(port))
}

// FreePort is a port that nobody listens at; 0 where none is found. It lies below those that the kernel gives to outgoing
// connections (ip_local_port_range of tcp(7)): one of them might have it for a moment while nginx is down.
func FreePort() int {
	for range 1000 {
		port := 10_000 + rand.IntN(10_000)
		listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err == nil {
			_ = listener.Close()
			return port
		}
	}
	return 0
}

func portsGet(p *Proc, args []string) error {
	maps := p.portMaps(arg(args, 0))
	if arg(args, 1) != "json" {
		for _, ports := range maps {
			p.print(ports.String())
		}
		return nil
	}
	type entry struct {
		Container int    `json:"container_port"`
		Host      int    `json:"host_port"`
		Scheme    string `json:"scheme"`
	}
	list := []entry{}
	for _, ports := range maps {
		list = append(list, entry{ports.container, ports.host, ports.scheme})
	}
	data, err := json.Marshal(list)
	p.print(string(data))
	return err
}

func portsProperty(p *Proc, app, key string) string {
	switch key {
	case "proxy-port":
		return strconv.Itoa(p.proxyPort(app))
	case "proxy-ssl-port":
		return p.propComputed("proxy", app, key, "0")
	}
	return p.prop("ports", app, key)
}

func portsSetDetected(p *Proc, args []string) error {
	list := unique(strings.Fields(strings.Join(from(args, 1), " ")))
	sort.Strings(list)
	return p.setPropList("ports", arg(args, 0), "map-detected", list)
}

func changePorts(keep bool) Hook {
	return func(p *Proc, args []string) error {
		app := arg(args, 1)
		if err := p.verifyApp(app); err != nil {
			return err
		}
		if _, err := parsePortMaps(from(args, 2)); err != nil {
			return err
		}
		if len(args) < 3 {
			return p.fail("No port mappings specified")
		}
		list := from(args, 2)
		if keep {
			list = append(p.propList("ports", app, "map"), list...)
		}
		list = unique(list)
		sort.Strings(list)
		if err := p.setPropList("ports", app, "map", list); err != nil {
			return err
		}
		return p.trigger("post-proxy-ports-update", app, map[bool]string{true: "add", false: "set"}[keep])
	}
}

func (p *Proc) clearPorts(app string) error {
	if err := p.deleteProp("ports", app, "map"); err != nil {
		return err
	}
	return p.deleteProp("ports", app, "map-detected")
}

func portsClear(p *Proc, args []string) error {
	if err := p.verifyApp(arg(args, 1)); err != nil {
		return err
	}
	if err := p.clearPorts(args[1]); err != nil {
		return err
	}
	return p.trigger("post-proxy-ports-update", args[1], "clear")
}

func portsList(p *Proc, args []string) error {
	app := arg(args, 1)
	if err := p.verifyApp(app); err != nil {
		return err
	}
	list := p.propList("ports", app, "map")
	if len(list) == 0 {
		return p.fail("No port mappings configured for app")
	}
	p.info1Quiet("Port mappings for %s", app)
	p.print("    -----> scheme  host port  container port")
	for _, entry := range list {
		p.print("    " + strings.Join(strings.Split(entry, ":"), "  "))
	}
	return nil
}

func portsReport(p *Proc, app string) []field {
	return []field{
		{"ports-map", words(p.propList("ports", app, "map"))},
		{"ports-map-detected", words(p.propList("ports", app, "map-detected"))},
	}
}

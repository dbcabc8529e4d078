package dokku

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

var networkProperties = []string{
	"attach-post-create", "attach-post-deploy", "bind-all-interfaces",
	"initial-network", "static-web-listener", "tld",
}

func networkPlugin() plugin {
	return plugin{
		about: "Manages network settings for an app",
		help: []string{
			"network:report [<app>] [<flag>], Displays a network report for one or more apps",
			"network:set <app> <key> (<value>), Set or clear a network property for an app",
		},
		hooks: map[string]Hook{
			"docker-args-process-deploy":   networkArgs,
			"docker-args-process-run":      networkArgs,
			"network-build-config":         networkBuildConfig,
			"network-clear-config":         networkClear,
			"network-config-exists":        networkExists,
			"network-get-ipaddr":           networkGetIP,
			"network-get-listeners":        networkGetListeners,
			"network-get-property":         getProperty(networkProperty),
			"network-get-static-listeners": networkStatic,
			"network-write-ipaddr":         networkWrite("IP"),
			"network-write-port":           networkWrite("PORT"),
			"post-container-create":        networkAttach,
		},
		subcommands: map[string]Hook{
			"report": reportCommand("network", networkReport),
			"set":    setCommand("network", networkProperties, without(networkProperties, "static-web-listener")),
		},
	}
}

func networkProperty(p *Proc, app, key string) string {
	fallback := ""
	if key == "bind-all-interfaces" {
		fallback = "false"
	}
	return p.propComputed("network", app, key, fallback)
}

func networkArgs(p *Proc, args []string) error {
	if name := networkProperty(p, arg(args, 0), "initial-network"); name != "" {
		_, _ = fmt.Fprintf(p.Out, " --network=%s ", name)
	}
	p.passInput()
	return nil
}

// networkBuildConfig writes the addresses that the running containers have now.
func networkBuildConfig(p *Proc, args []string) error {
	app := arg(args, 0)
	if !p.isDeployed(app) || p.prop("network", app, "static-web-listener") != "" {
		return nil
	}
	p.info1("Ensuring network configuration is in sync for %s", app)
	for _, process := range p.scale(app) {
		for index := 1; index <= process.quantity; index++ {
			file := filepath.Join(p.Layout.App(app), fmt.Sprintf("CONTAINER.%s.%d", process.name, index))
			state, err := p.inspect(firstLine(file))
			if err != nil && !errors.Is(err, errNoContainer) {
				return err
			}
			if err != nil || !state.State.Running {
				continue
			}
			if ip := p.address(app, process.name, state); ip != "" {
				if err := p.trigger("network-write-ipaddr", app, process.name, fmt.Sprint(index), ip); err != nil {
					p.warn("%v", err)
				}
			}
		}
	}
	return nil
}

// address is where the proxy and the checks reach a container.
func (p *Proc) address(app, process string, state container) string {
	if listener := p.prop("network", app, "static-web-listener"); process == "web" && listener != "" {
		if host, _, err := net.SplitHostPort(listener); err == nil {
			return host
		}
		return listener
	}
	if state.HostConfig.NetworkMode == "host" {
		return "127.0.0.1"
	}
	name := networkProperty(p, app, "initial-network")
	if name == "" {
		name = "bridge"
	}
	if own, ok := state.NetworkSettings.Networks[name]; ok && own.IPAddress != "" {
		return own.IPAddress
	}
	return state.NetworkSettings.IPAddress
}

func networkGetIP(p *Proc, args []string) error {
	state, err := p.inspect(arg(args, 2))
	if err != nil {
		return err
	}
	p.print(p.address(arg(args, 0), arg(args, 1), state))
	return nil
}

// listeners are the addresses of a process type's containers, in the order in
// which they stand in the proxy's configuration.
func (p *Proc) listeners(app, process string) []string {
	if listener := p.prop("network", app, "static-web-listener"); process == "web" && listener != "" {
		return []string{listener}
	}
	var list []string
	files, _ := filepath.Glob(filepath.Join(p.Layout.App(app), "IP."+process+".*"))
	for _, file := range files {
		port := firstLine(filepath.Join(filepath.Dir(file), "PORT"+strings.TrimPrefix(filepath.Base(file), "IP")))
		if port == "" {
			port = "5000"
		}
		list = append(list, firstLine(file)+":"+port)
	}
	return list
}

func networkGetListeners(p *Proc, args []string) error {
	process := arg(args, 1)
	if process == "" {
		p.warn("Deprecated: Please specify a processType argument for the network-get-listeners plugin trigger")
		process = "web"
	}
	p.print(words(p.listeners(arg(args, 0), process)))
	return nil
}

func networkStatic(p *Proc, args []string) error {
	p.print(p.prop("network", arg(args, 0), "static-web-listener"))
	return nil
}

func (p *Proc) hasNetworkConfig(app string) bool {
	dir := p.Layout.App(app)
	return exists(filepath.Join(dir, "IP.web.1")) && exists(filepath.Join(dir, "PORT.web.1")) ||
		p.prop("network", app, "static-web-listener") != ""
}

func networkExists(p *Proc, args []string) error {
	p.print(fmt.Sprint(p.hasNetworkConfig(arg(args, 0))))
	return nil
}

func networkClear(p *Proc, args []string) error {
	for _, kind := range []string{"IP.*", "PORT.*"} {
		removeGlob(filepath.Join(p.Layout.App(arg(args, 0)), kind))
	}
	return nil
}

func networkWrite(kind string) Hook {
	return func(p *Proc, args []string) error {
		name := kind + "." + arg(args, 1) + "." + arg(args, 2)
		return os.WriteFile(filepath.Join(p.Layout.App(arg(args, 0)), name), []byte(arg(args, 3)), 0o644)
	}
}

// networkAttach connects a new container to the networks that the app asks for.
func networkAttach(p *Proc, args []string) error {
	id, app, phase, process := arg(args, 1), arg(args, 2), arg(args, 3), arg(args, 4)
	for _, name := range strings.Split(networkProperty(p, app, "attach-post-create"), ",") {
		if name == "" {
			continue
		}
		call := []string{"network", "connect"}
		if phase == "deploy" {
			call = append(call, "--alias", app+"."+process)
		}
		if _, err := p.docker(append(call, name, id)...); err != nil {
			return err
		}
	}
	return nil
}

func networkReport(p *Proc, app string) []field {
	fields := []field{{"network-web-listeners", words(p.listeners(app, "web"))}}
	for _, key := range networkProperties {
		fields = append(fields,
			field{"network-" + key, p.prop("network", app, key)},
			field{"network-computed-" + key, networkProperty(p, app, key)})
	}
	return fields
}

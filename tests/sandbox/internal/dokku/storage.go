package dokku

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// attachment binds a storage entry to a path in an app's containers; an entry is a folder of the host.
type (
	attachment struct {
		Entry     string   `json:"entry_name"`
		Container string   `json:"container_path"`
		Phases    []string `json:"phases"`
		Process   string   `json:"process_type,omitempty"`
		Readonly  bool     `json:"readonly,omitempty"`
		Options   string   `json:"volume_options,omitempty"`
	}
	storageEntry struct {
		Name      string `json:"name"`
		Scheduler string `json:"scheduler"`
		Host      string `json:"host_path"`
		Schema    int    `json:"schema_version"`
	}
)

// storagePlugin mounts folders of the host, and keeps that as Dokku 0.38 does.
func storagePlugin() plugin {
	return plugin{
		about: "Manage mounted volumes",
		help: []string{
			"storage:list <app>, List bind mounts for app's container(s)",
			"storage:mount <app> <host-dir:container-dir>, Create a new bind mount",
			"storage:unmount <app> <host-dir:container-dir>, Remove an existing bind mount",
		},
		hooks: map[string]Hook{"docker-args-deploy": storageArgs("deploy"), "docker-args-run": storageArgs("run")},
		subcommands: map[string]Hook{
			"list": func(p *Proc, args []string) error {
				p.info1Quiet("%s volume bind-mounts:", arg(args, 1))
				for _, mount := range p.mounts(arg(args, 1), "deploy") {
					p.verbose("%s", mount)
				}
				return nil
			},
			"mount":   changeMount(true),
			"unmount": changeMount(false),
			"ensure-directory": func(p *Proc, args []string) error {
				return os.MkdirAll(p.Layout.Data("storage", arg(args, 1)), 0o755)
			},
		},
	}
}

func (p *Proc) entryFile(name string) string {
	return filepath.Join(p.Layout.Data("storage-registry", "entries"), name+".json")
}

// mounts are an app's mounts in a phase, as docker's -v takes them.
func (p *Proc) mounts(app, phase string) []string {
	var list []string
	for _, line := range p.propList("storage", app, "mounts") {
		var a attachment
		var entry storageEntry
		data, _ := os.ReadFile(p.entryFile(attachmentOf(line, &a)))
		if json.Unmarshal(data, &entry) != nil || !slices.Contains(a.Phases, phase) {
			continue
		}
		mount := entry.Host + ":" + a.Container
		if options := strings.Trim(map[bool]string{true: "ro,"}[a.Readonly]+a.Options, ","); options != "" {
			mount += ":" + options
		}
		list = append(list, mount)
	}
	return list
}

// attachmentOf reads a line of the list and returns the name of its entry.
func attachmentOf(line string, a *attachment) string {
	_ = json.Unmarshal([]byte(line), a)
	return a.Entry
}

func storageArgs(phase string) Hook {
	return func(p *Proc, args []string) error {
		p.passInput()
		for _, mount := range p.mounts(arg(args, 0), phase) {
			p.print(" -v " + mount + " ")
		}
		return nil
	}
}

func changeMount(add bool) Hook {
	return func(p *Proc, args []string) error {
		app, mount := arg(args, 1), arg(args, 2)
		if err := p.verifyApp(app); err != nil {
			return err
		}
		host, rest, _ := strings.Cut(mount, ":")
		container, options, _ := strings.Cut(rest, ":")
		if host == "" || container == "" {
			return p.fail("Storage path must be two valid paths divided by colon.")
		}
		hashed := host
		if !strings.HasPrefix(host, "/") {
			hashed = "vol:" + host
		}
		sum := sha1.Sum([]byte(hashed))
		entry := storageEntry{"legacy-" + hex.EncodeToString(sum[:])[:10], "docker-local", host, 1}
		words := strings.Split(options, ",")
		line, err := json.Marshal(attachment{
			entry.Name, container, []string{"deploy", "run"}, "_default_",
			contains(words, "ro"), strings.Join(without(words, "ro"), ","),
		})
		if err != nil {
			return err
		}
		list := without(p.propList("storage", app, "mounts"), string(line))
		if !add {
			return p.setPropList("storage", app, "mounts", list)
		}
		data, err := json.MarshalIndent(entry, "", "  ")
		if err != nil {
			return err
		}
		file := p.entryFile(entry.Name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return err
		}
		return p.setPropList("storage", app, "mounts", append(list, string(line)))
	}
}

package dokku

import (
	"bufio"
	"encoding/json"
	"io"
	"sort"
	"strings"
)

// field is one line of a report; its name is that of its flag, without dashes.
type field struct{ name, value string }

// reportCommand is the `PLUGIN:report [APP] [--FLAG] [--format json]` of a plugin.
func reportCommand(kind string, fields func(p *Proc, app string) []field) Hook {
	return func(p *Proc, args []string) error {
		app, flag, format := "", "", "stdout"
		for i := 1; i < len(args); i++ {
			switch {
			case args[i] == "--format":
				i++
				format = arg(args, i)
			case strings.HasPrefix(args[i], "--format="):
				format = strings.TrimPrefix(args[i], "--format=")
			case strings.HasPrefix(args[i], "--") && args[i] != global:
				flag = args[i]
			case app == "":
				app = args[i]
			}
		}
		apps := []string{app}
		if app == "" {
			apps = p.apps()
		}
		for _, app := range apps {
			if app != global {
				if err := p.verifyApp(app); err != nil {
					return err
				}
			}
			if err := p.printReport(kind, app, flag, format, fields(p, app)); err != nil {
				return err
			}
		}
		return nil
	}
}

func (p *Proc) printReport(kind, app, flag, format string, fields []field) error {
	sort.Slice(fields, func(i, j int) bool { return fields[i].name < fields[j].name })
	switch {
	case format == "json":
		return p.printReportJSON(kind, fields)
	case flag != "":
		var names []string
		for _, field := range fields {
			if "--"+field.name == flag {
				p.print(field.value)
				return nil
			}
			names = append(names, "--"+field.name)
		}
		return p.fail("Invalid flag passed, valid flags: %s", strings.Join(names, ", "))
	}
	width := 31
	for _, field := range fields {
		width = max(width, len(field.name)+2)
	}
	p.info2Quiet("%s %s information", app, kind)
	for _, field := range fields {
		name := strings.NewReplacer("-", " ", ".", " ").Replace(field.name)
		name = strings.ToUpper(name[:1]) + name[1:] + ":"
		p.verbose("%s%s", name+strings.Repeat(" ", max(1, width-len(name))), field.value)
	}
	return nil
}

func (p *Proc) printReportJSON(kind string, fields []field) error {
	data := map[string]string{}
	for _, field := range fields {
		data[field.name] = field.value
		data[strings.TrimPrefix(field.name, kind+"-")] = field.value
	}
	text, err := json.Marshal(data)
	p.print(string(text))
	return err
}

// readLine reads one line of an answer.
func readLine(in io.Reader) string {
	if in == nil {
		return ""
	}
	line, _ := bufio.NewReader(in).ReadString('\n')
	return strings.TrimSpace(line)
}

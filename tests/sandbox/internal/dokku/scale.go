package dokku

import (
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
)

// processScale is how many containers a process type has.
type processScale struct {
	name     string
	quantity int
}

func (s processScale) String() string { return s.name + "=" + strconv.Itoa(s.quantity) }

func parseScale(list []string) ([]processScale, error) {
	var scale []processScale
	for _, text := range list {
		name, count, found := strings.Cut(text, "=")
		if !found {
			return nil, fmt.Errorf("missing count for process type %s", text)
		}
		quantity, err := strconv.Atoi(strings.TrimSpace(count))
		if err != nil {
			return nil, fmt.Errorf("invalid count for process type %s", name)
		}
		if quantityOf(scale, name) < 0 {
			scale = append(scale, processScale{strings.TrimSpace(name), quantity})
		}
	}
	return scale, nil
}

// quantityOf is the count of a process type, -1 if it is not in the list.
func quantityOf(scale []processScale, name string) int {
	for _, process := range scale {
		if process.name == name {
			return process.quantity
		}
	}
	return -1
}

// scale is the current scale of an app, in the order of the names.
func (p *Proc) scale(app string) []processScale {
	stored := append(p.propList("ps", app, "scale"), p.propList("ps", app, "scale.old")...)
	scale, _ := parseScale(stored)
	sort.Slice(scale, func(i, j int) bool { return scale[i].name < scale[j].name })
	return scale
}

func (p *Proc) canScale(app string) bool { return p.prop("ps", app, "can-scale") != "false" }

func psCurrentScale(p *Proc, args []string) error {
	var list []string
	for _, process := range p.scale(arg(args, 0)) {
		list = append(list, process.String())
	}
	_, err := io.WriteString(p.Out, strings.Join(list, "\n"))
	return err
}

// updateScale stores new counts. Every process type of the Procfile is in the
// stored list; what the Procfile does not know is kept aside with a count of 0.
func (p *Proc) updateScale(app string, clearExisting bool, changes []processScale) error {
	known, hasProcfile := p.processes(app)
	valid := map[string]bool{}
	for _, process := range known {
		valid[process.Type] = true
	}
	updated := append([]processScale{}, changes...)
	for _, change := range changes {
		if hasProcfile && !valid[change.name] && change.quantity != 0 {
			return p.fail("%s is not a valid process name to scale up", change.name)
		}
	}
	if !clearExisting {
		existing, err := parseScale(p.propList("ps", app, "scale"))
		if err != nil {
			return err
		}
		for _, process := range existing {
			if quantityOf(updated, process.name) < 0 {
				updated = append(updated, process)
			}
		}
	}
	for _, process := range known {
		if quantityOf(updated, process.Type) < 0 {
			updated = append(updated, processScale{process.Type, 0})
		}
	}
	var values, old []string
	for _, process := range updated {
		if !valid[process.name] && process.quantity == 0 {
			old = append(old, process.String())
			continue
		}
		values = append(values, process.String())
	}
	if err := p.setPropList("ps", app, "scale.old", old); err != nil {
		return err
	}
	return p.setPropList("ps", app, "scale", values)
}

// setScale stores new counts and deploys the process types concerned.
func (p *Proc) setScale(app string, changes []processScale, clearExisting, skipDeploy, onlyChanged bool) error {
	before := p.scale(app)
	if err := p.updateScale(app, clearExisting, changes); err != nil {
		return err
	}
	if skipDeploy || !p.isDeployed(app) {
		return nil
	}
	tag := p.runningTag(app, "")
	for _, change := range changes {
		if onlyChanged && quantityOf(before, change.name) == change.quantity {
			continue
		}
		if err := p.trigger("deploy", app, tag, change.name); err != nil {
			return err
		}
	}
	return nil
}

func psSetScale(p *Proc, args []string) error {
	changes, err := parseScale(from(args, 3))
	if err != nil {
		return err
	}
	return p.setScale(arg(args, 0), changes, arg(args, 2) == "true", arg(args, 1) == "true", false)
}

func psScale(p *Proc, args []string) error {
	skip := contains(args, "--skip-deploy")
	asJSON := contains(args, "json") || contains(args, "--format=json")
	for _, flag := range []string{"--skip-deploy", "--format", "json", "--format=json"} {
		args = without(args, flag)
	}
	app, wanted := arg(args, 1), from(args, 2)
	if err := p.verifyApp(app); err != nil {
		return err
	}
	if len(wanted) == 0 {
		return p.printScale(app, asJSON)
	}
	if !p.canScale(app) {
		return p.fail("App %s contains an app.json file with a formations key and cannot be manually scaled", app)
	}
	changes, err := parseScale(wanted)
	if err != nil {
		return err
	}
	p.info1("Scaling %s processes: %s", app, words(wanted))
	return p.setScale(app, changes, false, skip, true)
}

func (p *Proc) printScale(app string, asJSON bool) error {
	scale := p.scale(app)
	if asJSON {
		type entry struct {
			ProcessType string `json:"process_type"`
			Quantity    int    `json:"quantity"`
		}
		list := []entry{}
		for _, process := range scale {
			list = append(list, entry{process.name, process.quantity})
		}
		data, err := json.Marshal(list)
		p.print(string(data))
		return err
	}
	p.info2Quiet("Scaling for %s", app)
	if !p.isQuiet() {
		p.print("proctype: qty")
		p.print("--------: ---")
	}
	for _, process := range scale {
		p.print(fmt.Sprintf("%-5s %d", process.name+":", process.quantity))
	}
	return nil
}

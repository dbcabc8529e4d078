package cli

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/urfave/cli/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

func reportVerb() Verb {
	return Verb{
		Name: "report", Args: []string{"[<group>]"}, Options: "[--format stdout|json] [--graduate-<key>]",
		Help: "Report a group or all of them",
		More: "A flag such as --graduate-environments prints that value alone. JSON is one flat object of strings per\n" +
			"group, each on a line.",
		Example: "dokku graduate:report shop --graduate-computed-start-timeout",
		Flags:   []cli.Flag{formatFlag()},
		Fields:  true,
		Run:     reportGroups,
	}
}

// reportGroups reports one group or all; a damaged one is named, and the others are shown.
func reportGroups(c *Call) error {
	asJSON, err := c.json()
	if err != nil {
		return err
	}
	if len(c.Fields) > 1 {
		return graduate.Errorf(graduate.Invalid, "graduate:report command allows only a single flag")
	}
	if len(c.Fields) == 1 && c.Flags.IsSet("format") {
		return graduate.Errorf(graduate.Invalid, "--format flag cannot be specified when specifying an info flag")
	}
	var groups []*graduate.Group
	var damaged error
	if c.Arg(0) == "" {
		groups, damaged = c.Store.All()
	} else {
		g, err := c.Store.Load(c.Arg(0))
		if err != nil {
			return err
		}
		groups = append(groups, g)
	}
	var failed *multierror.Error
	for _, g := range groups {
		failed = multierror.Append(failed, c.reportGroup(g, asJSON))
	}
	return multierror.Append(failed, damaged).ErrorOrNil()
}

// reportGroup reports one group, or one field of it.
func (c *Call) reportGroup(g *graduate.Group, asJSON bool) error {
	fields := groupFields(g)
	for _, e := range g.Environments { // by a rollback, for trains and automatic graduations
		fields = append(fields, ui.Field{Key: "held-" + e.Name, Value: c.Host.HeldBy(g.Name, e.Name)})
	}
	if asJSON {
		return c.UI.ReportJSON(append(fields, ui.Field{Key: "group", Value: g.Name}))
	}
	if len(c.Fields) == 0 {
		c.UI.Report(g.Name, fields)
		return nil
	}
	flags := ui.FlagNames(fields)
	if !slices.Contains(flags, c.Fields[0]) {
		return graduate.Errorf(graduate.Invalid, "Invalid flag passed, valid flags: %s", strings.Join(flags, ", "))
	}
	i := slices.IndexFunc(fields, func(f ui.Field) bool { return "--graduate-"+f.Key == c.Fields[0] })
	c.UI.Print("%s", fields[i].Value)
	return nil
}

// groupFields is what the report of a group has: keys of a fixed set, and per environment its apps and sources.
func groupFields(g *graduate.Group) []ui.Field {
	var early []string
	for _, r := range g.Roles {
		if r.Start == graduate.StartBeforePost {
			early = append(early, r.Name)
		}
	}
	keep := ""
	if g.Settings.Keep != 0 {
		keep = strconv.Itoa(g.Settings.Keep)
	}
	fields := []ui.Field{
		{Key: "environments", Value: strings.Join(config.EnvironmentNames(g), " ")},
		{Key: "roles", Value: strings.Join(config.RoleNames(g), " ")},
		{Key: "start-before-post", Value: strings.Join(early, " ")},
		{Key: "release-tasks", Value: g.Settings.ReleaseTasks},
		{Key: "computed-release-tasks", Value: g.Settings.ReleaseTaskMode()},
		{Key: "keep", Value: keep},
		{Key: "computed-keep", Value: strconv.Itoa(g.Settings.Kept())},
		{Key: "reversible", Value: strconv.FormatBool(g.Settings.Reversible)},
		{Key: "start-timeout", Value: durationOrNothing(g.Settings.StartTimeout)},
		{Key: "computed-start-timeout", Value: config.FormatDuration(g.Settings.StartDeadline())},
		{Key: "phase-timeout", Value: durationOrNothing(g.Settings.PhaseTimeout)},
		{Key: "run-timeout", Value: durationOrNothing(g.Settings.RunTimeout)},
		{Key: "computed-run-timeout", Value: config.FormatDuration(g.Settings.RunDeadline())},
		{Key: "computed-history", Value: strconv.Itoa(g.Settings.HistoryLength())},
		{Key: "connections", Value: config.FormatConnections(g)},
		{Key: "quiesce", Value: config.FormatQuiesce(g.Settings.Quiesce)},
		{Key: "ignore", Value: strings.Join(g.Settings.Ignore, ",")},
	}
	for _, kind := range graduate.HookKinds() {
		var names []string
		for _, h := range g.HooksOf(kind) {
			names = append(names, h.Name)
		}
		fields = append(fields, ui.Field{Key: "hooks-" + string(kind), Value: strings.Join(names, " ")})
	}
	for _, e := range g.Environments {
		from := "any"
		if len(e.From) > 0 {
			from = strings.Join(e.From, " ")
		}
		var apps []string
		for _, r := range g.Roles {
			if app := r.Apps[e.Name]; app != "" {
				apps = append(apps, r.Name+"="+app)
			}
		}
		fields = append(fields, ui.Field{Key: "from-" + e.Name, Value: from}, ui.Field{Key: "apps-" + e.Name, Value: strings.Join(apps, " ")})
	}
	return fields
}

// durationOrNothing is a setting as the user wrote it; nothing where nobody did.
func durationOrNothing(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return config.FormatDuration(d)
}

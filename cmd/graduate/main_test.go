package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheBinaryKnowsItsFace(t *testing.T) {
	for _, c := range []struct {
		name    string
		args    []string
		trigger string
	}{
		{"a subcommand", []string{"/plugins/enabled/graduate/subcommands/run", "graduate:run", "dev", "prod"}, ""},
		{"a subcommand with a trigger's name", []string{"/plugins/enabled/graduate/subcommands/report", "graduate:report", "shop"}, ""},
		{"the plugin alone", []string{"/plugins/enabled/graduate/subcommands/default", "graduate"}, ""},
		{"a trigger", []string{"/plugins/enabled/graduate/post-delete", "portal", "latest"}, "post-delete"},
		{"a trigger with a subcommand's name", []string{"/plugins/enabled/graduate/report", "portal"}, "report"},
		{"a trigger of the companion", []string{"/plugins/enabled/zzz-graduate/check-deploy", "portal", "id"}, "check-deploy"},
		{"a trigger for an app called graduate", []string{"/plugins/enabled/zzz-graduate/check-deploy", "graduate", "id"}, "check-deploy"},
		{"a trigger without arguments", []string{"report"}, "report"},
		{"the binary itself", []string{"bin/graduate", "run", "dev", "prod"}, ""},
		{"the binary itself, with nothing", []string{"bin/graduate"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, ok := triggerOf(c.args)
			require.Equal(t, c.trigger != "", ok)
			require.Equal(t, c.trigger, found.Name)
		})
	}
}

// Package trigger is what Dokku calls in the middle of its own commands. A trigger never holds an engine:
// it answers in a few milliseconds, waits for a coordinator, or notes a change of the groups.
package trigger

import "slices"

// Trigger is one of Dokku's plugin triggers.
type Trigger struct {
	// Name is that of the link which Dokku calls.
	Name string
	// Last puts it into the companion plugin, whose triggers run after those of all others.
	Last bool
	// Linked tells that a running graduation makes the link, and removes it: its mere existence costs all commands.
	Linked bool
	// Run does it. Dokku's plugin runner ends the command at an exit code other than 0.
	Run func(args []string) int
}

// table lists the triggers. To add one: a line here, a link in triggers/ (or companion/, where it is last).
// A slice of plain values costs nothing at start-up, a map would.
var table = []Trigger{
	{Name: "check-deploy", Last: true, Run: CheckDeploy},
	{Name: "deployed-app-image-tag", Run: DeployedAppImageTag},
	{Name: "docker-args-deploy", Run: DockerArgsDeploy},
	{Name: "docker-args-run", Run: DockerArgsRun},
	{Name: "nginx-pre-reload", Last: true, Run: NginxPreReload},
	{Name: "post-app-clone", Run: PostAppClone},
	{Name: "post-app-rename", Run: PostAppRename},
	{Name: "post-app-rename-setup", Run: PostAppRename},
	{Name: "post-delete", Run: PostDelete},
	{Name: "pre-restore", Run: PreRestore},
	{Name: "report", Run: Report},
	{Name: "scheduler-deploy", Run: RefuseClosed},
	{Name: "scheduler-stop", Run: RefuseClosed},
	{Name: "user-auth", Linked: true, Run: UserAuth},
}

// All lists the triggers by name.
func All() []Trigger { return slices.Clone(table) }

// Find is the trigger of that name.
func Find(name string) (Trigger, bool) {
	for _, t := range table {
		if t.Name == name {
			return t, true
		}
	}
	return Trigger{}, false
}

package plan

import (
	"slices"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Code is one kind of finding. Its name is stable: people force and look for it.
type Code struct {
	Code string
	// Severity is the worst that a finding of this code has; some cases are milder.
	Severity graduate.Severity
	// Forcible tells that --force lets it pass.
	Forcible bool
	// What says in one line when there is such a finding.
	What string
}

// The codes of findings.
const (
	AppMissing         = "app-missing"
	NotDeployed        = "not-deployed"
	ImageLost          = "image-lost"
	OtherScheduler     = "scheduler"
	OtherProxy         = "proxy"
	ChecksDisabled     = "checks-disabled"
	TargetLocked       = "target-locked"
	TargetDeploying    = "target-deploying"
	GroupRunning       = "group-running"
	AppStopped         = "app-stopped"
	HookScript         = "hook-script"
	HookCheck          = "hook-check"
	PublishedPort      = "published-port"
	HalfDeployed       = "half-deployed"
	SourceNotRunning   = "source-not-running"
	SourceDeploying    = "source-deploying"
	Memory             = "memory"
	Disk               = "disk"
	TooManyConnections = "connections"
	Deadline           = "deadline"
	NoQuiesce          = "quiesce"
	ReleaseTasksBefore = "release-tasks-before"
	KeyMissing         = "key-missing"
	ValueQuoted        = "value-quoted"
	ValueUnexpanded    = "value-unexpanded"
	URLMismatch        = "url-mismatch"
	ImageMutableTag    = "image-mutable-tag"
	NginxUnknown       = "nginx-unknown"
	SetIncomplete      = "set-incomplete"
	WorkersOverlap     = "workers-overlap"
	SchemaWindow       = "schema-window"
	HookCommand        = "hook-command"
	StorageShared      = "storage-shared"
	ChecksSkipped      = "checks-skipped"
	Backwards          = "backwards"
	UnrelatedHistory   = "unrelated-history"
	ConfigDrift        = "config-drift"
	MemoryUnknown      = "memory-unknown"
	DiskUnknown        = "disk-unknown"
	ForcedNothing      = "forced-nothing"
)

// codes is the one place with all codes, in the order in which their findings are shown.
var codes = []Code{
	{AppMissing, graduate.SeverityError, false, "an app of the group does not exist"},
	{NotDeployed, graduate.SeverityError, false, "the source was never deployed"},
	{ImageLost, graduate.SeverityError, false, "the image that the source runs is gone"},
	{OtherScheduler, graduate.SeverityError, false, "the target is run by a scheduler that cannot be held"},
	{OtherProxy, graduate.SeverityError, false, "the target is served by a proxy that cannot be switched together with others"},
	{ChecksDisabled, graduate.SeverityError, false, "the target has its checks disabled"},
	{TargetLocked, graduate.SeverityError, false, "a person has locked the target"},
	{TargetDeploying, graduate.SeverityError, false, "somebody deploys the target just now"},
	{GroupRunning, graduate.SeverityError, false, "the group is being graduated already"},
	{AppStopped, graduate.SeverityError, false, "the target is stopped"},
	{HookScript, graduate.SeverityError, false, "the script of a host hook cannot be run"},
	{HookCheck, graduate.SeverityError, false, "an HTTP check has nothing that it could ask"},
	{PublishedPort, graduate.SeverityError, true, "the target publishes a port by its docker options"},
	{HalfDeployed, graduate.SeverityError, true, "the source's containers do not all run its latest image"},
	{SourceNotRunning, graduate.SeverityError, true, "the source runs something else than its last deploy"},
	{SourceDeploying, graduate.SeverityError, true, "somebody deploys the source just now"},
	{Memory, graduate.SeverityError, true, "two generations at once do not fit into the memory"},
	{Disk, graduate.SeverityError, true, "the disk is too full for a graduation"},
	{TooManyConnections, graduate.SeverityError, true, "two generations at once open more database connections than there may be"},
	{Deadline, graduate.SeverityError, true, "a time-out is longer than that of the whole run"},
	{NoQuiesce, graduate.SeverityError, true, "requests of the target cannot wait, or not for as long as they are to"},
	{ReleaseTasksBefore, graduate.SeverityWarning, false, "release tasks run before the hold"},
	{KeyMissing, graduate.SeverityWarning, false, "the target lacks a config key that the source has"},
	{ValueQuoted, graduate.SeverityWarning, false, "a config value has literal quotes around it"},
	{ValueUnexpanded, graduate.SeverityWarning, false, "a config value names a variable that nobody puts in"},
	{URLMismatch, graduate.SeverityWarning, false, "a URL key disagrees with the HOST or PORT key beside it"},
	{ImageMutableTag, graduate.SeverityWarning, false, "the source was deployed from a tag that may mean another image tomorrow"},
	{NginxUnknown, graduate.SeverityWarning, false, "the target has an nginx template of its own"},
	{SetIncomplete, graduate.SeverityWarning, false, "--only leaves roles out"},
	{WorkersOverlap, graduate.SeverityWarning, false, "two generations of workers run at once"},
	{SchemaWindow, graduate.SeverityWarning, false, "old instances see what the hooks do to data"},
	{HookCommand, graduate.SeverityWarning, false, "the image does not have the command of a hook"},
	{StorageShared, graduate.SeverityWarning, false, "both generations mount the same storage"},
	{ChecksSkipped, graduate.SeverityWarning, false, "a process type is not checked before it goes live"},
	{Backwards, graduate.SeverityWarning, false, "the target's commit is the newer one"},
	{UnrelatedHistory, graduate.SeverityWarning, false, "the commits of source and target do not follow from each other"},
	{ConfigDrift, graduate.SeverityNote, false, "the target's config has changed since its containers were made"},
	{MemoryUnknown, graduate.SeverityNote, false, "it cannot be told whether two generations fit into the memory"},
	{DiskUnknown, graduate.SeverityNote, false, "it cannot be told how much disk is free"},
	{ForcedNothing, graduate.SeverityNote, false, "--force names a finding that there is not"},
}

// Codes lists the codes of findings, in the order in which findings are shown.
func Codes() []Code { return slices.Clone(codes) }

// codeOf finds a code by its name.
func codeOf(name string) (Code, bool) {
	i := slices.IndexFunc(codes, func(c Code) bool { return c.Code == name })
	if i < 0 {
		return Code{}, false
	}
	return codes[i], true
}

// forcible makes sure that each of these codes exists and may be forced.
func forcible(force []string) error {
	for _, name := range force {
		if c, ok := codeOf(name); ok && c.Forcible {
			continue
		}
		var may []string
		for _, c := range codes {
			if c.Forcible {
				may = append(may, c.Code)
			}
		}
		if _, ok := codeOf(name); !ok {
			return graduate.Errorf(graduate.Invalid, "--force %q: there is no finding of that code; what can be forced is %s", name, strings.Join(may, ", "))
		}
		return graduate.Errorf(graduate.Invalid, "--force %s: such a finding cannot be forced; what can be is %s", name, strings.Join(may, ", "))
	}
	return nil
}

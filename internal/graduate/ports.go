package graduate

import (
	"context"
	"io"
	"time"
)

// The ports are what a graduation needs of the place where its apps run. They must be able to serve a
// scheduler on several machines too: nothing here is local, an nginx, or one container.

// Platform deploys apps. Every method may be called again after a crash: what is done already stays done.
type Platform interface {
	// Close keeps other deploys off the targets and copies what belongs to them.
	Close(ctx context.Context, r *Run) error
	// Restore puts back what differs from the copies, and opens the targets again.
	Restore(ctx context.Context, r *Run) error
	// Stage makes the artifact of an app available to its target; the target goes on as it is.
	Stage(ctx context.Context, r *Run, a *App, log io.Writer) error
	// Keep keeps what the target has and what it gets, for a later rollback.
	Keep(ctx context.Context, r *Run, a *App, log io.Writer) error
	// Forget removes what was kept with a run.
	Forget(ctx context.Context, r *Run) error
	// Processes lists the process types of the staged version, web first.
	Processes(ctx context.Context, r *Run, a *App) ([]Process, error)
	// Deploy starts the containers of one process type and returns when the platform has ended its deploy;
	// in between each container is held at the barrier.
	Deploy(ctx context.Context, r *Run, a *App, process string, log io.Writer) error
	// Stop ends every deploy of the run at once and removes every container that it made.
	Stop(ctx context.Context, r *Run) error
	// Watch calls lost when a container of the run ends, until the context ends.
	Watch(ctx context.Context, r *Run, lost func(container string))
	// Lost finds a held candidate whose container does not run; nil where all do.
	Lost(ctx context.Context, held []Candidate) (*Candidate, error)
	// Spare keeps the container of a candidate whose held check was lost: the platform takes a check that is killed for
	// one that has failed, and would remove it. The deploy is ended instead; Complete makes it once more.
	Spare(ctx context.Context, r *Run, c Candidate) error
	// Promote moves image tags, git refs and properties of the target to the new version.
	Promote(ctx context.Context, r *Run, a *App) error
	// Complete brings the deploy of a process type to its end after the release point, where the one that was
	// begun did not come to it: it waits for one that is still under way, and does again what is missing.
	Complete(ctx context.Context, r *Run, a *App, process string, log io.Writer) error
	// Retire ends the process types that the new version does not have, once it is live.
	Retire(ctx context.Context, r *Run, a *App, log io.Writer) error
	// Finish removes what the run left at an app that is live.
	Finish(ctx context.Context, r *Run, a *App) error
	// Open lets other deploys at the targets again.
	Open(ctx context.Context, r *Run) error
	// CheckDoors fails where an app of the run has old instances that the proxy would still ask: no door is theirs.
	CheckDoors(r *Run, doors []Door) error
	// PauseOld keeps the old instances of all apps of the run from doing anything, and fails where one still can. Who was
	// paused is recorded before, so that ResumeOld and KillOld know it in any process. Nothing of it is under way when it
	// has returned.
	PauseOld(ctx context.Context, r *Run) error
	// ResumeOld lets old instances go on: all of them, or after the release point those of the apps that stay as they are.
	// It fails where one does not, or where nobody can say so.
	ResumeOld(ctx context.Context, r *Run, released bool) error
	// KillOld ends the old instances that were paused, of the apps that are graduated, without letting them run again.
	KillOld(ctx context.Context, r *Run) error
	// ReleaseTasks lists the staged version's own tasks for a moment: TaskRelease or TaskPostdeploy.
	ReleaseTasks(ctx context.Context, r *Run, a *App, moment string) ([]Task, error)
}

// The moments of the apps' own tasks.
const (
	TaskRelease    = "release"
	TaskPostdeploy = "postdeploy"
)

// Task is a task that an app brings along (app.json scripts, the Procfile's release).
type Task struct {
	// Name is Dokku's: predeploy, release, postdeploy.
	Name    string
	Command []string
}

// Proxy switches requests from the old containers to the candidates.
type Proxy interface {
	// Prepare writes the configuration of all apps in such a way that one step switches them together, and
	// tests the whole of it. Requests still go to the old containers, whoever reloads the proxy meanwhile.
	Prepare(ctx context.Context, r *Run, held []Candidate) error
	// Switch sends the requests of all apps to the candidates: one reload.
	Switch(ctx context.Context, r *Run) error
	// Settle leaves the configuration as the platform would have written it.
	Settle(ctx context.Context, r *Run) error
	// Undo removes what Prepare wrote, and brings requests back that were diverted.
	Undo(ctx context.Context, r *Run) error
	// Doors are the ways into the waiting room for the requests of all apps, once Prepare has been there.
	Doors(r *Run) ([]Door, error)
	// Divert sends the requests of all apps to the waiting room, with the old instances behind it where nobody is in the
	// room: one reload. It returns when requests that are being answered have come to their end, or drain is over; left
	// is how many of the proxy's processes still have some.
	Divert(ctx context.Context, r *Run, drain time.Duration) (left int, err error)
}

// WaitingRoom is where requests wait while the old instances are kept off the data.
type WaitingRoom interface {
	// Open lets the room begin to listen. lost is called when it has gone away by itself.
	Open(ctx context.Context, r *Run, doors []Door, lost func(error)) error
	// Pass sends all who wait, and all who still come, to one side, and closes the room when nobody can come any more.
	// It does nothing where no room is open.
	Pass(ctx context.Context, to Side) (Visits, error)
}

// Barrier is where candidates wait for their peers.
type Barrier interface {
	// Open begins to accept candidates.
	Open(r *Run) error
	// Held lists the candidates that wait now.
	Held() []Candidate
	// Wait returns when want candidates of each key (Key) wait, or with the context's error.
	Wait(ctx context.Context, want map[Key]int) error
	// Seal says that the release point has come: nobody can turn the run back any more.
	Seal()
	// Release lets the candidates of one process type of an app go.
	Release(k Key)
	// OnLost sets what is called when a candidate goes away while it waits, or before it has gone on as it was told.
	// It is called at once: whoever waits for the candidate's check takes its end for a failure.
	OnLost(func(Candidate))
	// Close ends the barrier: whoever still waits is turned back, or decides by itself after the release point.
	Close() error
}

// Key names a process type of a target app.
type Key struct{ App, Process string }

// HookRunner runs the group's hooks and the apps' tasks.
type HookRunner interface {
	// Hook runs one hook of the group.
	Hook(ctx context.Context, r *Run, h Hook, s Situation) error
	// Task runs one of an app's own tasks in its new image.
	Task(ctx context.Context, r *Run, a *App, t Task, s Situation) error
	// Stop removes whatever a hook that was cut off has left running.
	Stop(ctx context.Context, r *Run) error
}

// Journal keeps the events of one run.
type Journal interface {
	// Append writes an event and syncs it.
	Append(Event) error
	Close() error
}

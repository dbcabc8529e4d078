package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/journal"
)

// begin writes the record of a run that this process drives from now on.
func (c *coordinator) begin() {
	c.record = graduate.RecordOf(graduate.History{Run: c.run}, true)
	c.record.PID = os.Getpid()
	c.writeRecord()
}

// end completes the record with the run's outcome.
func (c *coordinator) end(e graduate.Event) {
	e.Time = time.Now()
	c.record.End(e)
	c.writeRecord()
}

// writeRecord writes the record. Nothing is decided by it, so that a failure is only told.
func (c *coordinator) writeRecord() {
	if err := journal.WriteRecord(c.run.Record(), c.record); err != nil {
		c.tell("What graduate:history shows of this graduation could not be stored (%v); its journal has it", err)
	}
}

// tell shows a line that the journal does not get.
func (c *coordinator) tell(format string, args ...any) {
	c.screen.Event(graduate.Event{
		Version: graduate.EventVersion, Time: time.Now(), Type: graduate.EventNotice,
		Group: c.run.Group, Run: c.run.ID, Message: fmt.Sprintf(format, args...),
	})
}

// records lists the records of all runs of a group, the newest first; every group's where group is empty.
func records(host *dokku.Host, group string) []graduate.Record {
	var out []graduate.Record
	for _, id := range host.RunIDs() {
		if r, ok := recordOf(host, id); ok && (group == "" || r.Group == group) {
			out = append(out, r)
		}
	}
	slices.Reverse(out)
	return out
}

// recordOf reads the record of a run. One that is said to be running and has no living process is told by its
// journal, and so is one without a record: the machine may have stopped between the two, or the disk was full.
func recordOf(host *dokku.Host, id string) (graduate.Record, bool) {
	run := graduate.Run{ID: id, Dir: host.RunDir(id)}
	r, err := journal.ReadRecord(run.Record())
	alive := host.Alive(id)
	if err == nil && (alive || r.Status != graduate.StatusRunning) {
		return r, true
	}
	events, _ := journal.Replay(run.Journal())
	h := graduate.Tell(events)
	if h.Run == nil {
		return graduate.Record{}, false
	}
	told := graduate.RecordOf(h, alive)
	told.PID = r.PID
	return told, true
}

// gone ends the name of a run's folder that is being removed.
const gone = ".gone"

// prune removes the oldest ended runs of the group beyond those that are to be kept, with their logs.
func (c *coordinator) prune() {
	kept, err := c.host.KeptRuns(context.Background())
	if err == nil {
		err = prune(c.host, c.run.Group, c.run.ID, c.run.Settings.HistoryLength(), kept)
	}
	if err != nil {
		c.tell("Not all of the oldest graduations of %s could be removed (%v); the next graduation tries again", c.run.Group, err)
	}
}

// prune keeps the newest of the ended runs of a group, and every one that is needed, as by a rollback those with which
// versions are kept; own is the run of this process.
func prune(host *dokku.Host, group, own string, keep int, kept []string) error {
	var failed error
	n := 0
	for _, old := range records(host, group) {
		if old.ID != own && host.Alive(old.ID) || needed(old) || old.Left != "" && triedAgain(host, old) {
			continue // another process has taken it up again, or it is not over
		}
		if n++; n <= keep || slices.Contains(kept, old.ID) {
			continue
		}
		// Out of sight in one step: half of a folder must not be taken for a run.
		if err := os.Rename(host.RunDir(old.ID), host.RunDir(old.ID)+gone); err != nil {
			failed = err
		}
	}
	left, _ := filepath.Glob(host.RunDir("*") + gone) // those of a process that was killed meanwhile too
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			failed = err
		}
	}
	return failed
}

// needed tells whether a run may not be removed, however old it is.
func needed(r graduate.Record) bool {
	switch r.Status {
	case graduate.StatusRunning, graduate.StatusAbandoned, graduate.OutcomeNeedsPerson:
		return true
	default:
		return false
	}
}

// triedAgain tells whether a clean-up that was left will be tried again (Recover): then the run has to be found.
func triedAgain(host *dokku.Host, r graduate.Record) bool {
	run := graduate.Run{ID: r.ID, Dir: host.RunDir(r.ID)}
	events, err := journal.Replay(run.Journal())
	h := graduate.Tell(events)
	if err != nil || h.Run == nil {
		return true // nobody knows
	}
	_, err = config.OpenStore().Load(r.Group)
	return !destroyed(host, h.Run) && graduate.CodeOf(err) != graduate.NotFound
}

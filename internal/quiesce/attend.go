package quiesce

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// opening is the first thing that a coordinator says to its room: what it is to be.
type opening struct {
	Doors  []graduate.Door `json:"doors"`
	Bounds Bounds          `json:"bounds"`
}

// order is what it says after that; the end of its words is the end of the coordinator.
type order struct {
	Pass graduate.Side `json:"pass"`
}

// answer is what the room says to each.
type answer struct {
	Error  string          `json:"error,omitempty"`
	Visits graduate.Visits `json:"visits"`
}

// Surroundings is what a room needs to know of the machine and of the run.
type Surroundings struct {
	// Released tells whether the run has passed its release point, where nobody is there to say so.
	Released func() (bool, error)
	// Proxy tells as which users the proxy runs: nobody else is let in.
	Proxy func() []int
	// Resume lets the old instances go on; Retire ends them, past the release point, but for those that stay.
	Resume func(context.Context) error
	Retire func(context.Context) error
	// Recheck looks once more whether they do, when those who waited are on their way to them.
	Recheck func(context.Context) error
	// Comers returns what waits until nobody can come any more who was sent to the room by now. After the release
	// point nothing bounds that: the old instances behind the room are not there any more.
	Comers func() func(context.Context)
}

// lingering bounds how long doors stay open when the old instances go on: they are behind the room as well, so that nobody
// is lost where the proxy has never got, or never gets, a configuration without it.
const lingering = time.Minute

// Attend is the whole life of a room's process: it opens the room, obeys, and is there until the last request has come to
// its end. When the coordinator ends without a word, the old instances go on and answer those who wait, or the new ones
// where the run has passed its release point.
func Attend(ctx context.Context, in io.Reader, out io.Writer, s Surroundings) error {
	words, answers := json.NewDecoder(in), json.NewEncoder(out)
	var o opening
	if err := words.Decode(&o); err != nil {
		return err
	}
	room, err := Open(o.Doors, o.Bounds, s.Proxy)
	if err != nil {
		return errors.Join(err, answers.Encode(answer{Error: err.Error()}))
	}
	if err := answers.Encode(answer{}); err != nil {
		return errors.Join(err, room.Close()) // nobody sends anyone here any more
	}
	var said order
	told := words.Decode(&said) == nil && said.Pass != ""
	var failed error
	if !told {
		said.Pass, failed = orphaned(ctx, s)
	}
	comers := s.Comers() // the proxy still has its present configuration: whoever is sent to the room by it may come
	if !told && said.Pass == graduate.OldSide {
		comers = func(context.Context) {} // they find the old instances as well, by the proxy itself
	}
	visits := room.Pass(said.Pass)
	visits.Memory = memory()
	_ = answers.Encode(answer{Visits: visits})
	come, cancel := ctx, func() {}
	if said.Pass == graduate.OldSide {
		come, cancel = context.WithTimeout(ctx, lingering)
	}
	comers(come)
	cancel()
	err = room.Close()
	if !told && said.Pass == graduate.OldSide {
		err = errors.Join(err, s.Recheck(ctx))
	}
	room.Wait()
	return errors.Join(failed, err)
}

// orphaned is what becomes of a room whose coordinator is gone.
func orphaned(ctx context.Context, s Surroundings) (graduate.Side, error) {
	released, err := s.Released()
	if released {
		return graduate.NewSide, errors.Join(err, s.Retire(ctx))
	}
	return graduate.OldSide, errors.Join(err, s.Resume(ctx))
}

// memory is the most memory that this process had at once, in bytes; 0 where the kernel does not tell (proc(5)).
func memory() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			return n * 1024
		}
	}
	return 0
}

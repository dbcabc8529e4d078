// Command crash kills graduations at every moment that they have, lets them be recovered, and looks at what is left.
//
//	crash [--kills 500] [--seed N] [--jobs N] [--for 1h] [--moment NAME] [--victim NAME]
//
// It starts a sandbox with the plugin of the work tree, a Docker daemon of its own and a group of two apps under load.
// The moments come from the journals of a graduation that goes well and of one that aborts: before, in the midst of and
// after each record, and each failpoint between them. In an order that the seed decides, each kill takes a moment, what
// is killed there, and how it is recovered. The last lines are `kills: N` and `violations: N`; the exit code is 1 where
// there was one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, " !     crash:", err)
		os.Exit(1)
	}
}

var (
	errViolations = errors.New("there were violations")
	errNoKill     = errors.New("no graduation came to a moment: nothing was killed, and nothing is shown")
)

// tally is what all jobs have done.
type tally struct {
	kills, violations, missed atomic.Int64
	evidence                  string
}

func run() error {
	kills := flag.Int64("kills", 500, "how many kills")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano())%1e9, "decides the order; printed")
	jobs := flag.Int("jobs", 1, "sandboxes side by side")
	length := flag.Duration("for", 6*time.Hour, "ends after this time of killing, also with fewer kills")
	only := flag.String("moment", "", "only this moment, to look into a violation")
	victim := flag.String("victim", "", "only this victim")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	sweep()
	work, err := os.MkdirTemp("", "graduate-crash.")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := own(work); err != nil {
		return err
	}
	if err := buildTools(work); err != nil {
		return err
	}
	total := &tally{evidence: filepath.Join(os.TempDir(), fmt.Sprintf("graduate-crash-evidence-%d-%d", *seed, os.Getpid()))}
	fmt.Printf("=====> Crash test with seed %d\n", *seed)
	var group sync.WaitGroup
	errs := make([]error, *jobs)
	for n := range *jobs {
		group.Go(func() {
			j := &job{number: n, of: *jobs, seed: *seed, work: work, ctx: ctx, total: total, length: *length, kills: *kills,
				only: *only, victim: *victim}
			errs[n] = j.run()
		})
	}
	group.Wait()
	if total.violations.Load() > 0 {
		fmt.Println("       The evidence is in", total.evidence)
	}
	fmt.Printf("moments that a graduation did not come to: %d\n", total.missed.Load())
	fmt.Printf("kills: %d\nviolations: %d\n", total.kills.Load(), total.violations.Load())
	if ctx.Err() != nil {
		return errors.New("ended by a signal")
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if total.violations.Load() > 0 {
		return errViolations
	}
	if total.kills.Load() == 0 {
		return errNoKill
	}
	return nil
}

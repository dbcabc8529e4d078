package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"github.com/dokku-graduate/dokku-graduate/tests/daemon"
)

// job kills in one sandbox, a part of all moments.
type job struct {
	number, of  int
	seed        uint64
	work        string
	total       *tally
	ctx         context.Context
	length      time.Duration
	deadline    time.Time
	kills       int64
	only        string // the only moment, and the only victim
	victim      string
	boxes       int
	box         *box
	shape, runs []string // what a clean target, and a clean run's folder, consist of
	moments     *deck[moment]
	victims     *deck[string]
	ways        *deck[string]
	// again are the moments of recoveries, by whether they go forward.
	again map[bool]*deck[string]
}

func (j *job) run() error {
	j.ways = newDeck(j.random("ways"), byRecover, byBoot, byNext, byCommand, twice, twice, twiceBoot)
	j.again = map[bool]*deck[string]{false: newDeck[string](j.random("back")), true: newDeck[string](j.random("forward"))}
	defer func() {
		if j.box != nil {
			j.box.stop()
		}
	}()
	if err := j.renew(); err != nil {
		return err
	}
	j.deadline = time.Now().Add(j.length) // a slow machine needs long to come here, and has to kill no less
	j.victims = newDeck(j.random("victims"), j.box.victims()...)
	if j.victim != "" {
		j.victims = newDeck(j.random("victims"), j.victim)
	}
	for !j.done() {
		c := &cycle{job: j, box: j.box, moment: j.moments.next(), victim: j.victims.next(), way: j.ways.next()}
		if err := c.run(); err != nil {
			return err
		}
		if len(c.found) > 0 {
			c.report()
			j.box.stop() // what is wrong there would be found again and again
			j.box = nil
			if j.done() {
				return nil
			}
			if err := j.renew(); err != nil {
				return err
			}
		}
	}
	return nil
}

// enoughMissed is after how many missed moments a late job no longer waits for its first kill.
const enoughMissed = 3

// done tells whether there were enough kills, or they have taken long enough. One there is in any case, unless
// graduations come to no moment any more: that would never end.
func (j *job) done() bool {
	kills := j.total.kills.Load()
	late := !time.Now().Before(j.deadline)
	return kills >= j.kills || late && (kills > 0 || j.total.missed.Load() >= enoughMissed)
}

// random decides about one thing: whatever else happens, its order is that of the seed.
func (j *job) random(what string) *rand.Rand {
	return rand.New(rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "%d %d %s", j.seed, j.number, what))))
}

// renew starts a sandbox, and learns there what a clean graduation consists of.
func (j *job) renew() error {
	var err error
	j.boxes++
	name := fmt.Sprintf("j%dn%d", j.number, j.boxes)
	if j.box, err = newBox(j.ctx, j.work, name, j.newDaemon(name)); err != nil {
		return err
	}
	well, err := j.box.trace(false)
	if err != nil {
		return err
	}
	if err := j.box.settle(); err != nil {
		return err
	}
	j.shape = j.box.shape()
	runs := j.box.runs()
	j.runs = names(j.box.data("runs", runs[len(runs)-1]))
	badly, err := j.box.trace(true)
	if err != nil || j.moments != nil {
		return err
	}
	for _, m := range badly {
		if !slices.Contains(well, moment{m.name, false}) {
			well = append(well, m)
		}
	}
	// One order for all jobs: each takes its part of it. A moment more or less leaves it as it is.
	slices.SortFunc(well, func(a, b moment) int { return a.before(b, j.seed) })
	var mine []moment
	for i, m := range well {
		if i%j.of == j.number && j.only == "" || m.name == j.only {
			mine = append(mine, m)
		}
	}
	if len(mine) == 0 {
		return fmt.Errorf("no graduation comes to the moment %s", j.only)
	}
	j.moments = newDeck(j.random("moments"), mine...)
	j.moments.left = slices.Clone(mine)
	fmt.Printf("       %d moments, %d of them for sandbox %d\n", len(well), len(mine), j.number)
	return nil
}

// newDaemon starts a Docker daemon for a sandbox; where there can be none, it says why, and the machine's has to do.
func (j *job) newDaemon(name string) *daemon.Daemon {
	d, err := daemon.New(filepath.Join(j.work, name+".docker"))
	if err != nil {
		fmt.Printf("       The sandbox has no Docker daemon of its own, and none is killed: %v\n", err)
	}
	return d
}

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The ways in which a killed graduation is recovered.
const (
	byRecover  = "graduate:recover"
	byBoot     = "pre-restore"
	byNext     = "the next graduation"
	byCommand  = "a command on a closed target"
	twice      = "graduate:recover, killed as well"
	twiceBoot  = "pre-restore, killed as well"
	byNobody   = "nobody: the coordinator goes on"
	unexplored = "restore/" // a moment of every recovery, before others are known
)

// job kills in one sandbox, a part of all moments.
type job struct {
	number, of  int
	seed        uint64
	work        string
	total       *tally
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
	random := rand.New(rand.NewPCG(j.seed, uint64(j.number)))
	j.victims = &deck[string]{random: random, cards: victims()}
	if j.victim != "" {
		j.victims.cards = []string{j.victim}
	}
	j.ways = &deck[string]{random: random, cards: []string{byRecover, byBoot, byNext, byCommand, twice, twice, twiceBoot}}
	j.again = map[bool]*deck[string]{false: {random: random}, true: {random: random}}
	if err := j.renew(); err != nil {
		return err
	}
	defer func() { j.box.stop() }()
	for j.total.kills.Load() < j.kills && time.Now().Before(j.deadline) {
		c := &cycle{job: j, box: j.box, moment: j.moments.next(), victim: j.victims.next(), way: j.ways.next()}
		if err := c.run(); err != nil {
			return err
		}
		if len(c.found) > 0 {
			c.report()
			j.box.stop() // what is wrong there would be found again and again
			if err := j.renew(); err != nil {
				return err
			}
		}
	}
	return nil
}

// renew starts a sandbox, and learns there what a clean graduation consists of.
func (j *job) renew() error {
	var err error
	j.boxes++
	if j.box, err = newBox(j.work, fmt.Sprintf("j%dn%d", j.number, j.boxes)); err != nil {
		if j.box != nil {
			j.box.stop()
		}
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
	slices.SortFunc(well, func(a, b moment) int { return strings.Compare(a.name, b.name) })
	// One order for all jobs: each takes its part of it.
	random := rand.New(rand.NewPCG(j.seed, 1<<32))
	random.Shuffle(len(well), func(a, b int) { well[a], well[b] = well[b], well[a] })
	var mine []moment
	for i, m := range well {
		if i%j.of == j.number && j.only == "" || m.name == j.only {
			mine = append(mine, m)
		}
	}
	j.moments = &deck[moment]{random: random, cards: mine, left: slices.Clone(mine)}
	fmt.Printf("       %d moments, %d of them for sandbox %d\n", len(well), len(mine), j.number)
	return nil
}

// cycle is one kill with its recovery.
type cycle struct {
	*job
	box           *box
	moment        moment
	victim, way   string
	before, after string // the versions
	fingerprint   string
	run1          string // the run's id; empty where it has no folder yet
	forward, late bool   // released in the end; released when it was killed
	started       int64  // nanoseconds
	output        strings.Builder
	found         []string
}

func (c *cycle) wrong(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

func (c *cycle) run() error {
	b := c.box
	if err := b.settle(); err != nil {
		return err
	}
	from, version := b.source()
	c.before, c.after = map[string]string{"v1": "v2", "v2": "v1"}[version], version
	c.fingerprint, c.started = b.fingerprint(), time.Now().UnixNano()
	kind := ""
	if c.moment.aborts {
		kind = "post"
	}
	if err := b.fail(kind); err != nil {
		return err
	}
	log := filepath.Join(b.dir, "seen")
	forget(log)
	known := b.runs()
	ended := make(chan int, 1)
	go func() {
		code, out := b.attempt([]string{"GRADUATE_FAILPOINT=stop:" + c.moment.name, "GRADUATE_FAILPOINT_SEEN=" + log}, b.graduation(from)...)
		c.output.WriteString(out)
		ended <- code
	}()
	hit, code := awaitHit(log, ended)
	if now := b.runs(); len(now) > len(known) {
		c.run1 = now[len(now)-1]
	}
	if hit == 0 {
		c.total.missed.Add(1)
		c.victim, c.way = "nobody", byNobody
	} else {
		c.total.kills.Add(1)
		c.late = released(b.journal(c.run1))
		victim, err := b.strike(c.victim, c.moment, hit, c.run1)
		if c.victim = victim; err != nil {
			c.wrong("%v", err)
		}
		code = <-ended
	}
	if code == -2 {
		c.wrong("the graduation hangs")
		return nil
	}
	c.recover()
	c.check()
	c.say()
	return nil
}

// awaitHit waits until a process is stopped at the moment, or the graduation has ended without coming to it.
func awaitHit(log string, ended chan int) (hit, code int) {
	for {
		select {
		case code := <-ended:
			return 0, code
		case <-time.After(10 * time.Millisecond):
		}
		pid, err := strconv.Atoi(strings.TrimSpace(readFile(log + ".hit")))
		if err == nil && (isStopped(pid) || syscall.Kill(pid, 0) != nil) {
			return pid, 0
		}
	}
}

func forget(log string) {
	_ = os.Remove(log)
	_ = os.Remove(log + ".hit")
}

// recover completes what was begun, in this cycle's way.
func (c *cycle) recover() {
	b := c.box
	records := b.journal(c.run1)
	c.forward = released(records)
	boot := c.victim == power || c.victim == dockerd
	switch {
	case c.victim == trigger || c.victim == nginx || c.victim == "nobody":
		c.way = byNobody
		return
	case boot:
		if c.way != twiceBoot {
			c.way = byBoot
		}
		if err := b.startNginx(); err != nil {
			c.wrong("%v", err)
		}
	case c.way == byCommand && len(names(b.data("closed"))) == 0:
		c.way = byRecover
	}
	_ = b.fail("") // no hook is to fail in a recovery
	log := filepath.Join(b.dir, "seen")
	forget(log)
	env := []string{"GRADUATE_FAILPOINT_SEEN=" + log}
	again := c.again[c.forward]
	if c.way == twice || c.way == twiceBoot {
		name := unexplored
		if len(again.cards) > 0 {
			name = again.next()
		}
		words := c.words(c.way)
		code, out := b.attempt(append(env, "GRADUATE_FAILPOINT="+name), words...)
		fmt.Fprintf(&c.output, "killed at %s (%d): %s", name, code, out)
		if readFile(log+".hit") != "" {
			c.total.kills.Add(1)
			c.way += " at " + name
		}
		c.forward = released(b.journal(c.run1))
	}
	code, out := b.attempt(env, c.words(c.way)...)
	fmt.Fprintf(&c.output, "recovered (%d): %s", code, out)
	for _, name := range reached(log) {
		if !slices.Contains(again.cards, name) {
			again.cards = append(again.cards, name)
			again.left = append(again.left, name)
		}
	}
	if code == -2 {
		c.wrong("the recovery hangs")
	}
	if boot {
		c.boot()
	}
}

// words is the command of a way of recovery.
func (c *cycle) words(way string) []string {
	switch {
	case way == byNext:
		_ = c.box.fail("pre") // it aborts as soon as it has recovered
		from, _ := c.box.source()
		return c.box.graduation(from)
	case way == byBoot || strings.HasPrefix(way, twiceBoot):
		return []string{"plugn", "trigger", "pre-restore"}
	case way == byCommand:
		return []string{"dokku", "checks:set", c.box.prod[0], "wait-to-retire", "1"}
	default:
		return []string{"dokku", "graduate:recover", c.box.group}
	}
}

// boot starts the apps as Dokku does at the machine's start, when the files were looked at.
func (c *cycle) boot() {
	if !c.forward {
		c.compare(withoutContainers)
	}
	done := make(chan struct{}, 2)
	for _, app := range c.box.prod {
		go func() {
			if err := c.box.dokku("ps:start", app); err != nil {
				c.wrong("the app does not start after the power cut: %v", err)
			}
			done <- struct{}{}
		}()
	}
	for range c.box.prod {
		<-done
	}
}

package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
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

// recover completes what was begun, in this cycle's way.
func (c *cycle) recover() {
	b := c.box
	records := b.journal(c.run1)
	c.forward = released(records)
	boot := endsContainers(c.victim)
	switch {
	case isOneOf(c.victim, trigger, nginx, nobody):
		c.way = byNobody
		return
	case isOneOf(c.victim, dockerd, dockerdLive): // the coordinator ended by itself, and may have left the rest to a person
		c.way = byRecover
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
	// A file of its own: what lives on of the killed run would stop at the moment, were it forgotten that it has been.
	log := filepath.Join(b.dir, "seen-by-recovery")
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
		// Where the kill fell into the opening of the targets, not all of them are closed.
		closed := append(names(c.box.data("closed")), c.box.prod[0])
		return []string{"dokku", "checks:set", closed[0], "wait-to-retire", "1"}
	default:
		return []string{"dokku", "graduate:recover", c.box.group}
	}
}

// boot starts the apps as Dokku does at the machine's start, when the files were looked at.
func (c *cycle) boot() {
	if !c.forward {
		c.compare(withoutContainers)
	}
	done := make(chan error, len(c.box.prod))
	for _, app := range c.box.prod {
		go func() { done <- c.box.dokku("ps:start", app) }()
	}
	for range c.box.prod {
		if err := <-done; err != nil {
			c.wrong("an app does not start after its containers ended: %v", err)
		}
	}
}

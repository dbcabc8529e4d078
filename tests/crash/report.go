package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// say prints one line of a kill.
func (c *cycle) say() {
	result := "back"
	if c.forward {
		result = "forward"
	}
	if len(c.found) > 0 {
		result += fmt.Sprintf(", %d VIOLATIONS", len(c.found))
	}
	fmt.Printf("%5d  %d: %-28s %s; by %s: %s (%.1f s)\n", c.total.kills.Load(), c.number, c.moment.name, c.victim, c.way, result,
		time.Since(time.Unix(0, c.started)).Seconds())
}

// report tells what was wrong after a kill and keeps the evidence.
func (c *cycle) report() {
	number := c.total.violations.Add(1)
	dir := filepath.Join(c.total.evidence, fmt.Sprint(number))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		fmt.Fprintln(os.Stderr, " !     no evidence can be kept:", err)
	}
	text := fmt.Sprintf("seed %d, sandbox %d, moment %s (aborts: %t), victim: %s, recovered by %s\n",
		c.seed, c.number, c.moment.name, c.moment.aborts, c.victim, c.way)
	for _, found := range c.found {
		text += " !     " + found + "\n"
	}
	fmt.Printf(" !     Violation %d: %s       evidence: %s\n", number, text, dir)
	keep := map[string]string{
		"violation": text, "output": c.output.String(),
		"fingerprint-before": c.fingerprint, "fingerprint-after": c.box.fingerprint(),
		"responses.tsv": tail(c.box.responses()), "nginx-error.log": readFile(filepath.Join(c.box.dir, "log", "nginx", "error.log")),
	}
	for _, app := range c.box.prod {
		keep[app+".nginx.conf"] = readFile(filepath.Join(c.box.dir, "home", app, "nginx.conf"))
	}
	if d := c.box.daemon; d != nil {
		keep["docker.log"], keep["containerd.log"] = tail(d.Path("docker.log")), tail(d.Path("containerd.log"))
	}
	for name, content := range keep {
		_ = os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600)
	}
	for _, run := range c.box.runs() {
		if run >= c.run1 && c.run1 != "" {
			_ = os.CopyFS(filepath.Join(dir, run), os.DirFS(c.box.data("runs", run)))
		}
	}
}

package dokku

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/dokku-graduate/dokku-graduate/tests/sandbox/internal/format"
)

// SplitCommand splits a command line into words.
func SplitCommand(line string) ([]string, error) { return format.SplitWords(line) }

// Quote quotes a value for a shell.
func Quote(value string) string { return format.ShellQuote(value) }

// EndBackground ends the processes that deploys have left behind. An id counts
// only while it is a program of this sandbox: ids are used again.
func (p *Proc) EndBackground() error {
	for _, line := range readLines(filepath.Join(p.Layout.Run(), "pids")) {
		pid, err := strconv.Atoi(line)
		if err != nil || pid <= 1 {
			continue
		}
		program, err := os.Readlink("/proc/" + line + "/exe")
		if err != nil || strings.TrimSuffix(program, " (deleted)") != p.Layout.Binary() {
			continue
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return nil
}

// RemoveContainers removes every container that has the sandbox's label.
func (p *Proc) RemoveContainers() error {
	label := strings.TrimPrefix(p.sandboxLabel(), "--label=")
	out, err := p.docker("container", "ls", "--all", "--quiet", "--filter", "label="+label)
	if err != nil {
		return err
	}
	if ids := lines(out); len(ids) > 0 {
		_, err = p.docker(append([]string{"container", "rm", "--force", "--volumes"}, ids...)...)
	}
	return err
}

// RemoveAppImages removes what is tagged dokku/APP for the apps that are there, what
// the plugin under test keeps of them for rollbacks, and what carries the label of one of them without a tag.
func (p *Proc) RemoveAppImages() error {
	for _, app := range p.apps() {
		var tags []string
		for _, repository := range []string{"dokku/", "dokku-graduate/"} {
			out, err := p.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", repository+app)
			if err != nil {
				return err
			}
			tags = append(tags, without(lines(out), repository+app+":<none>")...)
		}
		dangling, _ := p.docker("image", "ls", "--quiet", "--filter", "dangling=true", "--filter", "label=com.dokku.app-name="+app)
		p.removeImages(append(tags, unique(lines(dangling))...)...)
	}
	return nil
}

package hook

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// statusField is the status in a line of nginx's access log, behind the request, in which nginx writes no quote as such.
var statusField = regexp.MustCompile(`"[^"]*" ([1-5])[0-9]{2} `)

// watch reads for a while what nginx logs of the answers of a role's app, and fails where too many of them are 5xx.
func (n *Runner) watch(ctx context.Context, r *graduate.Run, h graduate.Hook, out io.Writer) error {
	a := r.AppOf(h.Role)
	if a == nil {
		return fmt.Errorf("there is no role %s in this graduation", h.Role)
	}
	public, err := n.Public(a.Target)
	if err != nil {
		return err
	}
	log, err := os.Open(public.AccessLog)
	if err != nil {
		return fmt.Errorf("nginx's access log of %s cannot be read: %w", a.Target, err)
	}
	defer log.Close()
	if _, err := log.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	timer := time.NewTimer(h.Metric.Window())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	all, failed, err := count(log)
	if err != nil {
		return err
	}
	if next := replaced(log, public.AccessLog); next != nil { // logrotate(8) has come between
		defer next.Close()
		more, failedMore, err := count(next)
		if err != nil {
			return err
		}
		all, failed = all+more, failed+failedMore
	}
	share := 100 * float64(failed) / float64(max(all, 1))
	said := fmt.Sprintf("%d of %d answers of %s within %s were 5xx (%.3g%%)", failed, all, a.Target, h.Metric.Window(), share)
	_, _ = fmt.Fprintln(out, said)
	if share > h.Metric.Max5xx {
		return fmt.Errorf("%s, and %s are let pass", said, h.Metric.Limit())
	}
	return nil
}

// count counts the answers that a log tells of from here on, and those that are 5xx.
func count(log io.Reader) (all, failed int, err error) {
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadString('\n')
		if match := statusField.FindStringSubmatch(line); match != nil {
			all++
			if match[1] == "5" {
				failed++
			}
		}
		if err == io.EOF {
			return all, failed, nil
		}
		if err != nil {
			return all, failed, err
		}
	}
}

// replaced opens the file that is now at a log's path where it is another one; nil where it is not.
func replaced(log *os.File, path string) *os.File {
	was, err := log.Stat()
	if err != nil {
		return nil
	}
	next, err := os.Open(path)
	if err != nil {
		return nil
	}
	if is, err := next.Stat(); err != nil || os.SameFile(was, is) {
		_ = next.Close()
		return nil
	}
	return next
}

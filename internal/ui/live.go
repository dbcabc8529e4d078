package ui

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// live is the display on a terminal: what has happened scrolls by, and below it stands one line per app with
// what it does now.
type live struct {
	mu      sync.Mutex
	streams Streams
	run     *graduate.Run
	began   map[string]time.Time
	rows    []row
	drawn   int // lines of the block that are on the screen
	ticker  *time.Ticker
	stop    chan struct{}
	stopped sync.WaitGroup
}

// row is the line of one app.
type row struct {
	app, text string
	since     time.Time
	working   bool
}

func newLive(s Streams) *live {
	l := &live{streams: s, began: map[string]time.Time{}, ticker: time.NewTicker(time.Second), stop: make(chan struct{})}
	l.stopped.Go(func() {
		for {
			select {
			case <-l.ticker.C:
				l.mu.Lock()
				l.redraw("")
				l.mu.Unlock()
			case <-l.stop:
				return
			}
		}
	})
	return l
}

// Event shows an event: in its app's line, or as a line that scrolls by.
func (l *live) Event(e graduate.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Plan != nil {
		l.run = e.Plan
		for _, a := range e.Plan.Apps {
			l.rows = append(l.rows, row{app: a.Target, text: "waiting", since: e.Time})
		}
	}
	if e.Type == graduate.EventHook && e.State == graduate.HookStarted {
		l.began[e.Hook] = e.Time
	}
	switch {
	case e.Type == graduate.EventApp:
		l.set(e.App, strings.TrimSpace(e.State+" "+e.Message), e)
		l.redraw("")
	case e.Type == graduate.EventCandidate:
		l.set(e.Candidate.App, "held "+e.Candidate.Name()+" at "+e.Candidate.Address(), e)
		l.redraw("")
	default:
		l.redraw(sentence(l.run, e, l.began))
	}
}

func (l *live) set(app, text string, e graduate.Event) {
	text = strings.Join(strings.Fields(text), " ") // a row is one line
	for i := range l.rows {
		if l.rows[i].app == app {
			l.rows[i] = row{app, text, e.Time, e.State == graduate.AppStarting || e.State == graduate.AppReleased}
		}
	}
}

// Line shows one line of a hook.
func (l *live) Line(hook, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.redraw(fmt.Sprintf("       %s | %s", hook, line))
}

// redraw removes the block, prints a line above it and draws it again, in one write.
func (l *live) redraw(above string) {
	var out strings.Builder
	if l.drawn > 0 {
		fmt.Fprintf(&out, "\x1b[%dA\x1b[J", l.drawn)
	}
	if above != "" {
		out.WriteString(above + "\n")
	}
	width := l.streams.width()
	for _, r := range l.rows {
		text := fmt.Sprintf("       %-24s %s", r.app, r.text)
		if r.working {
			text += fmt.Sprintf(" (%s)", time.Since(r.since).Round(time.Second))
		}
		if runes := []rune(text); len(runes) >= width { // a line that wraps could not be removed again
			text = string(runes[:width-1])
		}
		out.WriteString(text + "\n")
	}
	l.drawn = len(l.rows)
	_, _ = io.WriteString(l.streams.Out, out.String())
}

// width is that of the terminal.
func (s Streams) width() int {
	if file, ok := s.Out.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 20 {
			return width
		}
	}
	return 80
}

// Close leaves the block as it is and ends its clock.
func (l *live) Close() {
	l.ticker.Stop()
	close(l.stop)
	l.stopped.Wait()
}

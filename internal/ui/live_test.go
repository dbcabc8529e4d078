package ui

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// terminal understands as much of a terminal as the display uses: up, and clear to the end.
type terminal struct {
	mu     sync.Mutex
	lines  []string
	row    int
	widest int
	writes int
}

var control = regexp.MustCompile(`^\x1b\[([0-9]*)([AJ])`)

func (s *terminal) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	for text := string(p); text != ""; {
		if m := control.FindStringSubmatch(text); m != nil {
			n, _ := strconv.Atoi(m[1])
			if m[2] == "A" {
				s.row -= n
			} else {
				s.lines = s.lines[:s.row]
			}
			text = text[len(m[0]):]
			continue
		}
		line, rest, _ := strings.Cut(text, "\n")
		s.widest = max(s.widest, len([]rune(line)))
		s.lines = append(s.lines[:s.row], line)
		s.row++
		text = rest
	}
	return len(p), nil
}

func (s *terminal) screen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.lines...)
}

func TestTheLastFrameHasEachAppsLine(t *testing.T) {
	for name, want := range map[string][]string{
		"live": {
			"=====> Graduating shop from dev to prod (01jtest)",
			"-----> All are held: nothing is live, nothing is unchecked",
			"-----> Hook post/migrate",
			"       post/migrate | == 20261121 AddOrders: migrating",
			"       post/migrate | 100% of <them> & more",
			"       post/migrate succeeded in 500ms",
			"-----> Every process of every app is checked and held",
			"       portal goes live a little later than the others",
			"=====> Releasing shop in prod: one reload for all apps",
			"-----> Live; Dokku completes each app's deploy",
			"       portal                   finished",
			"       webservices              finished",
		},
		"aborted": {
			"=====> Graduating shop from dev to prod (01jtest)",
			"-----> All are held: nothing is live, nothing is unchecked",
			"-----> Hook post/migrate",
			"       post/migrate | PG::LockNotAvailable",
			"       post/migrate failed: it ended with exit code 7",
			"=====> Aborting: putting prod back as it was",
			"-----> Hook abort/undo",
			"       abort/undo succeeded in 500ms",
			"       portal                   held web.1 at 172.17.0.9:5000",
			"       webservices              held web.1 at 172.17.0.9:5000",
		},
		"skipped": nil,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				screen := &terminal{}
				l := NewRenderer(Streams{Out: screen, TTY: true}, "")
				for _, show := range recordings()[name].events {
					show(l)
				}
				l.Close()
				got := screen.screen()
				if want == nil {
					want, got = []string{"       portal                   finished",
						"       webservices              skipped unchanged: it runs this version already"}, got[len(got)-2:]
				}
				require.Equal(t, want, got)
				written := screen.writes
				time.Sleep(time.Minute)
				require.Equal(t, written, screen.writes, "nothing is shown after Close")
			})
		})
	}
}

func TestWorkInProgressHasAClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := &terminal{}
		l := NewRenderer(Streams{Out: screen, TTY: true}, "")
		l.Event(graduate.Event{Type: graduate.EventRun, Time: time.Now(), Plan: &graduate.Run{Group: "shop", Apps: []*graduate.App{portal(), webservices()}}})
		l.Event(graduate.Event{Type: graduate.EventApp, Time: time.Now(), App: "portal", State: graduate.AppStarting, Message: "web=2"})
		time.Sleep(90*time.Second + time.Millisecond)
		synctest.Wait()
		require.Equal(t, []string{"       portal                   starting web=2 (1m30s)", "       webservices              waiting"}, screen.screen()[1:])
		l.Event(graduate.Event{Type: graduate.EventApp, Time: time.Now(), App: "portal", State: graduate.AppFailed, Message: "check failed"})
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, "       portal                   failed check failed", screen.screen()[1])
		l.Close()
	})
}

func TestLinesOfAppsAreCutAtTheWidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := &terminal{}
		wide := portal()
		wide.Target = strings.Repeat("äpp-", 15)
		l := NewRenderer(Streams{Out: screen, TTY: true}, "")
		l.Event(graduate.Event{Type: graduate.EventRun, Plan: &graduate.Run{Group: "shop", Apps: []*graduate.App{wide, webservices()}}})
		l.Event(graduate.Event{Type: graduate.EventApp, App: wide.Target, State: graduate.AppFailed, Message: strings.Repeat("x", 200)})
		l.Event(graduate.Event{Type: graduate.EventApp, App: "webservices", State: graduate.AppFailed, Message: strings.Repeat("ü", 200)})
		l.Close()
		require.Len(t, screen.screen(), 3, "a line that wraps could not be removed again")
		require.Equal(t, 79, screen.widest)
		require.Equal(t, "       "+wide.Target+" failed xxxx", screen.screen()[1])
		require.Equal(t, "       webservices              failed "+strings.Repeat("ü", 40), screen.screen()[2])
	})
}

func TestAReaderThatHasGoneStopsNothing(t *testing.T) {
	gone, other := io.Pipe()
	require.NoError(t, gone.Close())
	for _, s := range []Streams{{Out: other}, {Out: other, TTY: true}} {
		for _, format := range []string{"", "json"} {
			screen := NewRenderer(s, format)
			for _, show := range recordings()["live"].events {
				show(screen)
			}
			screen.Close()
		}
	}
	_, err := other.Write([]byte("x"))
	require.True(t, errors.Is(err, io.ErrClosedPipe))
}

func TestJSONIsOneEventPerLine(t *testing.T) {
	var out bytes.Buffer
	screen := NewRenderer(Streams{Out: &out, TTY: true}, "json")
	recording := recordings()["live"]
	for _, show := range recording.events {
		show(screen)
	}
	screen.Close()
	n := 0
	for lines := bufio.NewScanner(&out); lines.Scan(); n++ {
		var e graduate.Event
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		require.Equal(t, "01jtest", e.Run)
		require.NotEmpty(t, e.Type)
	}
	require.Equal(t, len(recording.events)-2, n, "what hooks print is in their logs")
}

func TestEventsFromSeveralSidesAreWholeLines(t *testing.T) {
	for _, s := range []Streams{{}, {TTY: true}} {
		screen := &terminal{}
		s.Out = screen
		r := NewRenderer(s, "")
		r.Event(graduate.Event{Type: graduate.EventRun, Plan: &graduate.Run{Group: "shop", Apps: []*graduate.App{portal(), webservices()}}})
		var group sync.WaitGroup
		for _, app := range []string{"portal", "webservices"} {
			group.Go(func() {
				for range 50 {
					r.Line(app, "x")
					r.Event(graduate.Event{Type: graduate.EventApp, App: app, State: graduate.AppStaged})
				}
			})
		}
		group.Wait()
		r.Close()
		for _, line := range screen.screen() {
			require.Regexp(t, `^(=====> Graduating shop .*|-----> (portal|webservices): staged|       (portal|webservices) +(\| x|staged))$`, line)
		}
	}
}

func TestAMessageWithALineEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := &terminal{}
		l := NewRenderer(Streams{Out: screen, TTY: true}, "")
		l.Event(graduate.Event{Type: graduate.EventRun, Plan: &graduate.Run{Group: "shop", Apps: []*graduate.App{portal()}}})
		l.Event(graduate.Event{Type: graduate.EventApp, App: "portal", State: graduate.AppFailed, Message: "first\nsecond"})
		l.Event(graduate.Event{Type: graduate.EventNotice, Message: "x"})
		l.Event(graduate.Event{Type: graduate.EventNotice, Message: "y"})
		l.Close()
		require.Len(t, screen.screen(), 4, "%q", screen.screen())
	})
}

// The machine's clock was set back by an hour while a hook ran.
func TestAHooksDurationIsNotThatOfTheWallClock(t *testing.T) {
	s, out, _ := capture(false)
	screen := NewRenderer(s, "")
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	hook := func(state string, at time.Time, took time.Duration) {
		screen.Event(graduate.Event{Type: graduate.EventHook, State: state, Hook: "post/migrate", Time: at, Took: took})
	}
	hook(graduate.HookStarted, now, 0)
	hook(graduate.HookSucceeded, now.Add(-time.Hour), 90*time.Second)
	hook(graduate.HookStarted, now, 0)
	hook(graduate.HookSucceeded, now.Add(-time.Hour), 0)
	require.Equal(t, "-----> Hook post/migrate\n       post/migrate succeeded in 1m30s\n"+
		"-----> Hook post/migrate\n       post/migrate succeeded in 0s\n", out.String())
}

package ui

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Wait shows that something is waited for: on a terminal with the time that is left, to programs as the notice, and
// elsewhere in one line. The function that it returns ends that, and says how it ended where there is something to say.
func (s Streams) Wait(format string, notice graduate.Event, within time.Duration, bound string) (end func(message string)) {
	notice.Version, notice.Type = graduate.EventVersion, graduate.EventNotice
	say := func(text string) { s.Print("%s%s", step, text) }
	if format == "json" {
		say = func(text string) {
			notice.Time, notice.Message = time.Now(), text
			_ = s.JSON(notice) // a reader that has gone is no reason to stop
		}
	}
	clear := func() {}
	if s.TTY && format != "json" {
		clear = s.countdown(notice.Message, within)
	} else {
		say(fmt.Sprintf("Waiting up to %s: %s", bound, notice.Message))
	}
	return func(message string) {
		clear()
		if message != "" {
			say(message)
		}
	}
}

// countdown keeps one line on a terminal that tells what is waited for and how long that may still take.
func (s Streams) countdown(what string, within time.Duration) (clear func()) {
	end, stop := time.Now().Add(within), make(chan struct{})
	up := ""
	draw := func() {
		left := max(0, time.Until(end)).Round(time.Second)
		line := []rune(fmt.Sprintf("       Waiting (%s left): %s", left, what))
		_, _ = io.WriteString(s.Out, up+string(line[:min(len(line), s.width()-1)])+"\n") // a line that wraps could not be removed again
		up = "\x1b[1A\x1b[J"
	}
	draw()
	var drawing sync.WaitGroup
	drawing.Go(func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				draw()
			case <-stop:
				return
			}
		}
	})
	return func() {
		close(stop)
		drawing.Wait()
		_, _ = io.WriteString(s.Out, up)
	}
}

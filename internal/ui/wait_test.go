package ui

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

var deploying = graduate.Event{Group: "shop", App: "portal", Message: "portal is being deployed by someone else"}

func TestATerminalShowsTheTimeThatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := &terminal{}
		end := Streams{Out: screen, TTY: true}.Wait("", deploying, 5*time.Minute, "5m")
		require.Equal(t, []string{"       Waiting (5m0s left): portal is being deployed by someone else"}, screen.screen())
		time.Sleep(90*time.Second + time.Millisecond)
		synctest.Wait()
		require.Equal(t, []string{"       Waiting (3m30s left): portal is being deployed by someone else"}, screen.screen())
		end("The deploy of portal has ended after 1m30s")
		require.Equal(t, []string{"-----> The deploy of portal has ended after 1m30s"}, screen.screen())
		written := screen.writes
		time.Sleep(time.Minute)
		require.Equal(t, written, screen.writes)
	})
}

func TestAWaitThatComesToNothingLeavesNoLine(t *testing.T) {
	screen := &terminal{}
	long := deploying
	long.Message += " and this is more than a line of a terminal has room for"
	Streams{Out: screen, TTY: true}.Wait("", long, time.Minute, "1m")("")
	require.Equal(t, 79, screen.widest)
	require.Empty(t, screen.screen())
}

func TestElsewhereAWaitIsALineAtItsBeginningAndItsEnd(t *testing.T) {
	var out bytes.Buffer
	end := Streams{Out: &out, Quiet: true}.Wait("", deploying, time.Minute, "1m")
	require.Equal(t, "-----> Waiting up to 1m: portal is being deployed by someone else\n", out.String())
	out.Reset()
	end("It has ended")
	require.Equal(t, "-----> It has ended\n", out.String())
}

func TestProgramsGetAWaitAsNotices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		end := Streams{Out: &out, TTY: true}.Wait("json", deploying, time.Minute, "1m")
		end("It has ended")
		require.Equal(t, `{"version":1,"time":"2000-01-01T00:00:00Z","type":"notice","group":"shop","app":"portal","message":"Waiting up to 1m: portal is being deployed by someone else"}
{"version":1,"time":"2000-01-01T00:00:00Z","type":"notice","group":"shop","app":"portal","message":"It has ended"}
`, out.String())
	})
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/journal"
	"github.com/dokku-graduate/dokku-graduate/internal/quiesce"
)

// RoomWord is the first word of the process that is a run's waiting room: `graduate waiting-room RUN`. It is no command
// for people, and no verb.
const RoomWord = "waiting-room"

// keeper opens the waiting room of a run.
func (c *coordinator) keeper() *quiesce.Keeper {
	return &quiesce.Keeper{
		Command: func(r *graduate.Run) (string, []string, []string) {
			// Not known as the coordinator's own: whoever comes after it waits for what it has started, and ends it.
			env := slices.DeleteFunc(os.Environ(), func(v string) bool {
				return strings.HasPrefix(v, dokku.EnvID+"=") || strings.HasPrefix(v, dokku.EnvRun+"=")
			})
			return "/proc/self/exe", []string{RoomWord, r.ID}, env
		},
		Page: config.MaintenancePage,
	}
}

const (
	// looks is how often a room without a coordinator looks whether all old instances go on, lookPause apart: what the
	// coordinator asked of Docker in its last moment may be done after they were resumed.
	looks     = 4
	lookPause = 500 * time.Millisecond
	// lingering bounds how long doors stay open for requests that nginx has taken before its new configuration, and sends
	// to the room when it has received their bodies.
	lingering = time.Hour
)

// WaitingRoom is the process of a run's waiting room; its orders come by standard input.
func WaitingRoom(args []string) int {
	// It ends when all have gone on, not with a terminal or a reader.
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE)
	host := openHost()
	if len(args) != 1 || !slices.Contains(host.RunIDs(), args[0]) {
		fmt.Fprintln(os.Stderr, " !     the waiting room is opened by a graduation")
		return 1
	}
	r := &graduate.Run{ID: args[0], Dir: host.RunDir(args[0])}
	err := quiesce.Attend(context.Background(), os.Stdin, os.Stdout, quiesce.Surroundings{
		Released: func() (bool, error) { return journal.Released(r.Journal()) },
		Proxy:    host.NginxUsers,
		Resume:   func(ctx context.Context) error { return host.ResumeOld(ctx, r, false) },
		Retire: func(ctx context.Context) error {
			return errors.Join(host.ResumeOld(ctx, r, true), host.KillOld(ctx, r))
		},
		Recheck: func(ctx context.Context) error {
			look := time.NewTicker(lookPause)
			defer look.Stop()
			var errs []error
			for range looks {
				<-look.C
				errs = append(errs, host.ResumeOld(ctx, r, false))
			}
			return errors.Join(errs...)
		},
		Comers: func() func(context.Context) { return host.AwaitNginxWorkers(lingering) },
	})
	if err != nil {
		fmt.Fprintf(os.Stderr, " !     %v\n", err)
		return 1
	}
	return 0
}

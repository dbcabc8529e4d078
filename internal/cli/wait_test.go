package cli

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

func TestAllWaitingTogetherHasOneBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := &patience{ui: ui.Streams{Out: &out}, bound: 5 * time.Minute}
		err := p.await(t.Context(), graduate.Event{Message: "portal is being deployed"}, "That has ended", func(context.Context) error {
			time.Sleep(2 * time.Minute)
			return nil
		})
		require.NoError(t, err)
		began := time.Now()
		err = p.await(t.Context(), graduate.Event{Message: "ws is being deployed"}, "That has ended", func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		})
		require.ErrorIs(t, err, errTooLong)
		require.Equal(t, 3*time.Minute, time.Since(began))
		require.Equal(t, "-----> Waiting up to 5m: portal is being deployed\n-----> That has ended after 2m0s\n"+
			"-----> Waiting up to 3m: ws is being deployed\n", out.String())
	})
}

func TestWaitIsADuration(t *testing.T) {
	s := shopServer(t)
	for _, bad := range []string{"soon", "-5m", "0", "5"} {
		s.fails([]string{`--wait must be a duration such as 90s or 10m, not "` + bad + `"`}, "run", "dev", "prod", "--wait", bad)
	}
}

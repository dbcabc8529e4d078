package dokku

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func TestAnAppThatNginxServesNeedsADoor(t *testing.T) {
	for _, c := range []struct {
		name    string
		files   map[string]string
		app     graduate.App
		doors   []graduate.Door
		refused bool
	}{
		{"it has none", nil, graduate.App{Target: "portal"}, []graduate.Door{{App: "other"}}, true},
		{"it stays as it is, and has none", nil, graduate.App{Target: "portal", Skip: "unchanged"}, nil, true},
		{"it has one", nil, graduate.App{Target: "portal"}, []graduate.Door{{App: "portal"}}, false},
		{"it was never live", nil, graduate.App{Target: "portal", First: true}, nil, false},
		{"it has only workers", nil, graduate.App{Target: "jobs"}, nil, false},
		{"nginx has no file of it", map[string]string{"home/portal/nginx.conf": "\n"}, graduate.App{Target: "portal"}, nil, false},
		{"no proxy serves it", map[string]string{"lib/config/proxy/portal/disabled": "true"}, graduate.App{Target: "portal"}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.write("home/portal/nginx.conf", "upstream mine")
			f.write("home/portal/IP.web.1", "10.0.0.1")
			f.write("home/jobs/nginx.conf", "upstream of before")
			for name, text := range c.files {
				f.write(name, text)
			}
			err := f.CheckDoors(&graduate.Run{Apps: []*graduate.App{&c.app}}, c.doors)
			if !c.refused {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "requests of portal cannot wait: nginx has no way into the waiting room")
		})
	}
}

package hook

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// answered is a line of nginx's access log.
func answered(status int) string {
	return fmt.Sprintf("10.0.0.1 - - [04/May/2026:12:30:00 +0000] \"GET /a?b=\\x22500 HTTP/1.1\" %d 12 \"http://x/ 500 \" \"curl 500 \"\n", status)
}

func TestAMetricCountsWhatIsAnsweredWhileItWatches(t *testing.T) {
	for _, c := range []struct {
		name       string
		good, bad  int
		rotated    bool
		max        float64
		want, says string
	}{
		{"none fails", 100, 0, false, 0, "", "0 of 100 answers of portal-prod within 30s were 5xx (0%)"},
		{"few enough", 99, 1, false, 1, "", "1 of 100 answers of portal-prod within 30s were 5xx (1%)"},
		{"too many", 98, 2, false, 1, "2 of 100 answers of portal-prod within 30s were 5xx (2%), and 1% are let pass", ""},
		{"in the next file", 98, 2, true, 0.5, "4 of 200 answers of portal-prod within 30s were 5xx (2%), and 0.5% are let pass", ""},
		{"nobody asked", 0, 0, false, 0, "", "0 of 0 answers of portal-prod within 30s were 5xx (0%)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			path := filepath.Join(t.TempDir(), "access.log")
			require.NoError(t, os.WriteFile(path, []byte(strings.Repeat(answered(500), 50)), 0o600)) // of the time before
			f.Public = func(string) (graduate.Public, error) { return graduate.Public{AccessLog: path}, nil }
			lines := strings.Repeat(answered(200), c.good) + strings.Repeat(answered(503), c.bad)
			synctest.Test(t, func(t *testing.T) {
				time.AfterFunc(10*time.Second, func() {
					old, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
					require.NoError(t, err)
					_, _ = old.WriteString(lines)
					require.NoError(t, old.Close())
					if c.rotated {
						require.NoError(t, os.Rename(path, path+".1"))
						require.NoError(t, os.WriteFile(path, []byte(lines), 0o600))
					}
				})
				h := graduate.Hook{Kind: graduate.HookLive, Name: "errors", Role: "portal", Metric: &graduate.Metric{Max5xx: c.max}}
				began := time.Now()
				err := f.Hook(t.Context(), f.run, h, graduate.Situation{})
				require.Equal(t, 30*time.Second, time.Since(began))
				if c.want == "" {
					require.NoError(t, err)
				} else {
					require.EqualError(t, err, c.want)
				}
			})
			data, err := os.ReadFile(f.run.Log("live/errors"))
			require.NoError(t, err)
			require.Contains(t, string(data), c.says)
		})
	}
}

func TestALogThatCannotBeReadIsTold(t *testing.T) {
	f := newFixture(t)
	f.Public = func(string) (graduate.Public, error) {
		return graduate.Public{AccessLog: filepath.Join(f.scripts, "none")}, nil
	}
	h := graduate.Hook{Kind: graduate.HookLive, Name: "errors", Role: "portal", Metric: &graduate.Metric{}}
	require.ErrorContains(t, f.start(h), "nginx's access log of portal-prod cannot be read")
	h.Role = "gone"
	require.EqualError(t, f.start(h), "there is no role gone in this graduation")
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkTriggersOfAnOrdinaryDeploy measures what one call of each trigger costs where no graduation runs: the
// start of a process. The ratio is to /bin/true, measured in turn with it.
func BenchmarkTriggersOfAnOrdinaryDeploy(b *testing.B) {
	binary := filepath.Join(b.TempDir(), "graduate")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(b, err, string(out))
	for _, name := range []string{"docker-args-deploy", "deployed-app-image-tag", "scheduler-deploy", "check-deploy"} {
		link := filepath.Join(b.TempDir(), name)
		require.NoError(b, os.Symlink(binary, link))
		b.Run(name, func(b *testing.B) {
			var ours, nothing time.Duration
			for b.Loop() {
				ours += took(b, link, "docker-local", "portal", "latest", "web")
				nothing += took(b, "/bin/true")
			}
			b.ReportMetric(float64(ours.Microseconds())/float64(b.N)/1000, "ms/call")
			b.ReportMetric(float64(ours)/float64(nothing), "x/bin/true")
		})
	}
}

func took(b *testing.B, name string, args ...string) time.Duration {
	began := time.Now()
	require.NoError(b, exec.Command(name, args...).Run())
	return time.Since(began)
}

package trigger

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
)

// printed is what a trigger prints.
func printed(t *testing.T, run func([]string) int, args ...string) string {
	t.Helper()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	stdout := os.Stdout
	os.Stdout = write
	code := run(args)
	os.Stdout = stdout
	require.NoError(t, write.Close())
	out, err := io.ReadAll(read)
	require.NoError(t, err)
	require.Zero(t, code)
	return string(out)
}

func TestAOneOffContainerIsLabelledWithItsHook(t *testing.T) {
	require.Empty(t, printed(t, DockerArgsRun, "portal", "latest"))
	t.Setenv(dokku.EnvRun, "01j")
	t.Setenv(dokku.EnvApp, "portal")
	t.Setenv(dokku.EnvHook, "post/smoke")
	require.Equal(t, " --label=com.dokku.graduate.hook=post/smoke --label=com.dokku.graduate.run=01j", printed(t, DockerArgsRun, "portal", "latest"))
	require.Empty(t, printed(t, DockerArgsRun, "other", "latest"))
	for _, name := range []string{"", "post", "post/$(id)", "post/a b", "post/a\n--privileged"} { // config may set it, and a shell reads it
		t.Setenv(dokku.EnvHook, name)
		require.Equal(t, " --label=com.dokku.graduate.run=01j", printed(t, DockerArgsRun, "portal", "latest"))
	}
}

package trigger

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
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
	id := "01jabcdefghjkmnpqrstvwxyz0"
	t.Setenv(dokku.EnvRun, id)
	t.Setenv("DOKKU_LIB_ROOT", t.TempDir())
	t.Setenv(dokku.EnvApp, "portal")
	t.Setenv(dokku.EnvHook, "post/smoke")
	require.Equal(t, " --label=com.dokku.graduate.hook=post/smoke --label=com.dokku.graduate.run="+id, printed(t, DockerArgsRun, "portal", "latest"))
	require.Empty(t, printed(t, DockerArgsRun, "other", "latest"))

	r := &graduate.Run{Dir: dokku.FromEnv().RunDir(id)}
	require.NoError(t, os.MkdirAll(filepath.Dir(r.HookContext("post/smoke")), 0o755))
	require.NoError(t, os.WriteFile(r.HookContext("post/smoke"), nil, 0o600))
	require.Contains(t, printed(t, DockerArgsRun, "portal", "latest"), " --volume="+r.HookContext("post/smoke")+":/run/graduate/context.json:ro ")
	for _, name := range []string{"", "post", "post/$(id)", "post/a b", "../smoke", "post/a\n--privileged"} { // config may set it, and a shell reads it
		t.Setenv(dokku.EnvHook, name)
		require.Equal(t, " --label=com.dokku.graduate.run="+id, printed(t, DockerArgsRun, "portal", "latest"))
	}
}

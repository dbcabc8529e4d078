package dokku

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func TestTargetsAreMarkedAsLongAsTheyAreClosed(t *testing.T) {
	f := newFixture(t)
	f.run.Apps = append(f.run.Apps, &graduate.App{Target: "ws", Skip: "unchanged"})
	second := &graduate.Run{ID: "01k" + f.run.ID[3:], Dir: f.RunDir("01k" + f.run.ID[3:]), Apps: []*graduate.App{{Target: "mailer"}}}
	other := &Host{Root: f.Root, Lib: f.Lib, Docker: f.Docker, Plugins: f.Plugins}
	auth := filepath.Join(f.Plugins, "graduate", "user-auth")
	require.Empty(t, f.ClosedBy("portal"))
	require.Empty(t, f.ClosedApps())

	require.NoError(t, f.Close(t.Context(), f.run))
	require.NoError(t, other.Close(t.Context(), second))
	for app, run := range map[string]string{"portal": f.run.ID, "ws": f.run.ID, "mailer": second.ID, "other": "", "../closed/portal": "", "": ""} {
		require.Equal(t, run, f.ClosedBy(app), "%q", app)
	}
	require.Equal(t, []string{"mailer", "portal", "ws"}, f.ClosedApps())
	target, err := os.Readlink(auth)
	require.NoError(t, err)
	require.Equal(t, "bin/graduate", target)

	require.NoError(t, f.Open(t.Context(), f.run))
	require.Empty(t, f.ClosedBy("portal"))
	require.Empty(t, f.ClosedBy("ws"))
	require.Equal(t, second.ID, f.ClosedBy("mailer"), "another run's target stays closed")
	_, err = os.Lstat(auth)
	require.NoError(t, err)
	require.NoError(t, other.Restore(t.Context(), second))
	_, err = os.Lstat(auth)
	require.ErrorIs(t, err, os.ErrNotExist, "every command would be slower for it")
	require.NoError(t, f.Open(t.Context(), f.run), "a second time")
}

func TestARunDoesNotOpenWhatIsClosedForAnother(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, f.Close(t.Context(), f.run))
	late := &graduate.Run{ID: "01h" + f.run.ID[3:], Dir: t.TempDir(), Apps: f.run.Apps}
	other := &Host{Root: f.Root, Lib: f.Lib, Docker: f.Docker, Plugins: f.Plugins}
	require.Error(t, other.Close(t.Context(), late))
	require.NoError(t, other.Restore(t.Context(), late))
	require.Equal(t, f.run.ID, f.ClosedBy("portal"))
	require.FileExists(t, f.lockFile("portal"))
}

// A mark without the trigger keeps nobody out.
func TestTheTriggerIsThereBeforeTheFirstMark(t *testing.T) {
	f := newFixture(t)
	auth := filepath.Join(f.Plugins, "graduate", "user-auth")
	require.NoError(t, os.MkdirAll(filepath.Join(f.closedDir(), "portal"), 0o700)) // so that no mark can be made
	require.Error(t, f.closeTargets(f.run))
	_, err := os.Lstat(auth)
	require.NoError(t, err)

	require.NoError(t, os.Remove(filepath.Join(f.closedDir(), "portal")))
	require.NoError(t, f.closeTargets(f.run))
	require.NoError(t, os.Remove(auth))
	require.NoError(t, os.MkdirAll(filepath.Join(auth, "full"), 0o700)) // so that it cannot be removed
	require.Error(t, f.openTargets(f.run))
	require.Empty(t, f.ClosedApps(), "it goes after the last mark")
}

// A coordinator was killed while it wrote a mark, and its temporary folder is on another mount.
func TestAHalfWrittenMarkGoesWithTheTrigger(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, f.Close(t.Context(), f.run))
	half := filepath.Join(f.closedDir(), ".portal123")
	require.NoError(t, os.WriteFile(half, nil, 0o600))
	require.NoError(t, f.Open(t.Context(), f.run))
	_, err := os.Lstat(filepath.Join(f.Plugins, "graduate", "user-auth"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoFileExists(t, half)
}

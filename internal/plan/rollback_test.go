package plan

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// keeper is an inspector that keeps some versions, by app and name.
type keeper struct {
	*inspector
	kept map[string]string
}

func (k *keeper) KeptVersion(_ context.Context, v graduate.Kept) (string, []graduate.Process) {
	return k.kept[v.App+":"+v.Name()], []graduate.Process{{Type: "web", Count: 2}}
}

func (k *keeper) HasImage(_ context.Context, name string) bool { return name == "img/here" }

// release is a graduation of the shop into prod.
func release(id, before, after string) *graduate.Run {
	r := &graduate.Run{ID: id, Group: "shop", To: "prod"}
	for _, role := range []struct{ name, app string }{{"site", "portal"}, {"api", "ws"}} {
		r.Apps = append(r.Apps, &graduate.App{
			Role: role.name, Target: role.app, Image: "sha256:" + role.app + after, Revision: after,
			Was: &graduate.Version{Image: "sha256:" + role.app + before, Revision: before, Config: graduate.Digests(id, map[string]string{"A": "1"})},
		})
	}
	return r
}

func rollback(id, undoes string) *graduate.Run {
	return &graduate.Run{ID: id, Group: "shop", To: "prod", Kind: graduate.KindRollback, Undoes: undoes}
}

// twice is prod after two graduations, from v1 over v2 to v3.
func twice() (*graduate.Group, *keeper, []*graduate.Run) {
	g, in := shop()
	k := &keeper{inspector: in, kept: map[string]string{}}
	for _, app := range []string{"portal", "ws"} {
		in.facts[app] = healthy(app, "sha256:"+app+"v3", "v3")
		in.change(app, func(f *graduate.Facts) { f.Config = map[string]string{"A": "1"} })
		for _, name := range []string{"r1", "r1-before", "r2", "r2-before"} {
			k.kept[app+":"+name] = "sha256:kept-" + app + name
		}
	}
	return g, k, []*graduate.Run{release("r1", "v1", "v2"), release("r2", "v2", "v3")}
}

func TestWhatNoRollbackHasTakenBackStands(t *testing.T) {
	a, b, c := release("a", "1", "2"), release("b", "2", "3"), release("c", "3", "4")
	for _, row := range []struct {
		past []*graduate.Run
		want []*graduate.Run
	}{
		{nil, nil},
		{[]*graduate.Run{a, b}, []*graduate.Run{a, b}},
		{[]*graduate.Run{a, b, rollback("x", "b")}, []*graduate.Run{a}},
		{[]*graduate.Run{a, b, rollback("x", "b"), rollback("y", "a")}, []*graduate.Run{}},
		{[]*graduate.Run{a, b, rollback("x", "b"), c}, []*graduate.Run{a, c}},
		{[]*graduate.Run{a, b, c, rollback("x", "b")}, []*graduate.Run{a}},
		{[]*graduate.Run{a, rollback("x", "gone")}, []*graduate.Run{a}},
		{[]*graduate.Run{a, rollback("x", "")}, []*graduate.Run{a}},
	} {
		require.Equal(t, row.want, Standing(row.past))
	}
}

func TestARollbackBringsTheSetOfBeforeTheLastRelease(t *testing.T) {
	g, k, past := twice()
	b, err := MakeRollback(t.Context(), k, g, RollbackOptions{Environment: "prod", Run: "now"}, past)
	require.NoError(t, err)
	require.Equal(t, "r2", b.Undoes)
	require.Empty(t, b.Notes)
	require.Len(t, b.Apps, 2)
	site := b.Apps[0]
	require.Equal(t, "sha256:kept-portalr2-before", site.Image)
	require.Equal(t, graduate.Kept{App: "portal", Run: "r2", Before: true}, site.Kept)
	require.Equal(t, "v2", site.Revision)
	require.Equal(t, "v3", site.Before)
	require.Equal(t, "latest", site.UndoTag)
	require.Equal(t, []graduate.Process{{Type: "web", Count: 2}}, site.Scale)
	require.Equal(t, "sha256:portalv3", site.Was.Image)

	b, err = MakeRollback(t.Context(), k, g, RollbackOptions{Environment: "prod", Run: "now"}, append(past, rollback("x", "r2")))
	require.NoError(t, err)
	require.Equal(t, "r1", b.Undoes, "a second rollback goes one release further")
	require.Equal(t, "v1", b.Apps[0].Revision)
}

func TestARollbackToACertainRelease(t *testing.T) {
	g, k, past := twice()
	o := RollbackOptions{Environment: "prod", Run: "now", To: "r1"}
	b, err := MakeRollback(t.Context(), k, g, o, past)
	require.NoError(t, err)
	require.Equal(t, "r2", b.Undoes)
	require.Equal(t, graduate.Kept{App: "ws", Run: "r1"}, b.Apps[1].Kept)
	require.Equal(t, "v2", b.Apps[1].Revision)

	o.To = "r2"
	b, err = MakeRollback(t.Context(), k, g, o, past)
	require.NoError(t, err)
	require.Empty(t, b.Undoes)
	require.Contains(t, b.Apps[0].Skip, "unchanged")

	o.To = "r3"
	_, err = MakeRollback(t.Context(), k, g, o, past)
	require.ErrorContains(t, err, "no graduation r3 to go back to; it has r1, r2")
	_, err = MakeRollback(t.Context(), k, g, RollbackOptions{Environment: "prod"}, nil)
	require.ErrorContains(t, err, "no earlier set")
}

func TestWhatDoesNotComeBackIsNamed(t *testing.T) {
	g, k, past := twice()
	past[1].Apps[0].Was = nil
	past[1].Apps[1].Was.Origin.SourceImage = "img/gone"
	k.change("ws", func(f *graduate.Facts) {
		f.RevisionKey, f.Config = "GIT_REV", map[string]string{"A": "2", "B": "1", "GIT_REV": "v3"}
	})
	b, err := MakeRollback(t.Context(), k, g, RollbackOptions{Environment: "prod", Run: "now"}, past)
	require.NoError(t, err)
	require.NotEmpty(t, b.Apps[0].Skip)
	require.Equal(t, []string{
		"portal stays as it is: it was not deployed in that set",
		"the config of ws has changed since and stays as it is: A, B",
		"the image img/gone, from which ws was made, is not on this server any more: ps:rebuild would have to pull it",
	}, b.Notes)

	delete(k.kept, "ws:r2-before")
	_, err = MakeRollback(t.Context(), k, g, RollbackOptions{Environment: "prod", Run: "now"}, past)
	require.ErrorContains(t, err, "the image that ws had in that set is gone (dokku-graduate/ws:r2-before)")
}

func TestARollbackIsQuiescedWhereItIsPossible(t *testing.T) {
	asked := RollbackOptions{Environment: "prod", Run: "now", Quiesced: true}
	automatic := asked
	automatic.Automatic = true
	noRoom := in("ws", func(f *graduate.Facts) { f.Around.NoRoom = "it has a shape" })
	impatient := in("portal", func(f *graduate.Facts) { f.Around.ProxyTimeout = 10 * time.Second })
	noPage := server(func(s *graduate.Server) { s.Page = "it is not there" })
	for _, c := range []struct {
		name    string
		quiesce *graduate.Quiesce
		o       RollbackOptions
		change  func(*graduate.Group, *inspector)
		yes     bool
		why     []string
		refused []string
	}{
		{"it is possible", &graduate.Quiesce{}, asked, func(*graduate.Group, *inspector) {}, true, nil, nil},
		{"nobody asks for it", nil, asked, and(noRoom, noPage), false, nil, nil},
		{"no hooks, or --no-quiesce", &graduate.Quiesce{}, RollbackOptions{Environment: "prod", Run: "now"}, and(noRoom, noPage), false, nil, nil},
		{"an app is in its way", &graduate.Quiesce{}, asked, and(noRoom, impatient, noPage), false, nil, []string{
			"the maintenance page  cannot be shown: it is not there; put it right, or do without: --no-quiesce",
			"requests of ws cannot wait: it has a shape; put that right, or do without: --no-quiesce",
			"nginx ends requests of portal after 10s",
		}},
		{"it is no condition", &graduate.Quiesce{Optional: true}, asked, noRoom, false, []string{"requests of ws cannot wait: it has a shape: the rollback goes on without a quiesce"}, nil},
		{"nobody is there to say", &graduate.Quiesce{}, automatic, noRoom, false, []string{"requests of ws cannot wait: it has a shape: the rollback goes on without a quiesce"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, k, past := twice()
			g.Settings.Quiesce = c.quiesce
			c.change(g, k.inspector)
			b, err := MakeRollback(t.Context(), k, g, c.o, past)
			for _, want := range c.refused {
				require.ErrorContains(t, err, want)
			}
			if c.refused != nil {
				require.Equal(t, 1, graduate.ExitCode(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.yes, b.Quiesce != nil)
			require.Equal(t, c.why, b.Unquiesced)
		})
	}
}

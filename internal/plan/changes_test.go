package plan

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func TestChangesOfTheVersion(t *testing.T) {
	g, in := shop()
	in.change("ws-dev", func(f *graduate.Facts) {
		f.Around.Procfile = map[string]string{"web": "serve --new", "worker": "work", "release": "migrate"}
		f.Around.AppJSON = []byte(`{"formation": {"web": {"quantity": 3}, "worker": {"max_parallel": 2}}, "scripts": {"dokku": {"predeploy": "b"}},
			"healthchecks": {"web": [{"path": "/new"}]}, "cron": [{"command": "same", "schedule": "@daily"}, {"command": "new", "schedule": "* * * * *"}]}`)
	})
	in.change("ws", func(f *graduate.Facts) {
		f.Around.Procfile = map[string]string{"web": "serve", "old": "gone"}
		f.Around.AppJSON = []byte(`{"formation": {"web": {"quantity": 1}}, "scripts": {"dokku": {"predeploy": "a", "postdeploy": "c"}, "postdeploy": "d"},
			"cron": [{"command": "same", "schedule": "@daily"}, {"command": "old", "schedule": "@hourly"}]}`)
	})
	p, _, err := Make(t.Context(), in, g, devProd)
	require.NoError(t, err)
	require.Equal(t, []graduate.Change{
		{What: "procfile old", Before: "gone"}, {What: "procfile release", After: "migrate"},
		{What: "procfile web", Before: "serve", After: "serve --new"}, {What: "procfile worker", After: "work"},
		{What: "app.json formation.web", Before: `{"quantity":1}`, After: `{"quantity":3}`}, {What: "app.json formation.worker", After: `{"max_parallel":2}`},
		{What: "app.json healthchecks.web", After: `[{"path":"/new"}]`},
		{What: "app.json scripts.first-postdeploy", Before: "d"}, {What: "app.json scripts.postdeploy", Before: "c"}, {What: "app.json scripts.predeploy", Before: "a", After: "b"},
		{What: "app.json cron", Before: "@hourly old"}, {What: "app.json cron", After: "* * * * * new"},
		{What: "scale web", Before: "1", After: "3"}, {What: "scale worker", After: "0"},
	}, p.Roles[1].Changes)
	require.Empty(t, p.Roles[0].Changes)
}

func TestOfAFirstDeployOnlyTheScaleIsTold(t *testing.T) {
	g, in := shop()
	noTarget(g, in)
	hasWork(g, in)
	p, _, err := Make(t.Context(), in, g, devProd)
	require.NoError(t, err)
	require.Equal(t, []graduate.Change{{What: "scale web", After: "1"}, {What: "scale worker", After: "0"}}, p.Roles[1].Changes)
}

func TestAnImageWithoutAProcfileKeepsItsScale(t *testing.T) {
	g, in := shop()
	workers(g, in)
	in.change("ws-dev", func(f *graduate.Facts) { f.Around.Procfile = nil })
	in.change("ws", func(f *graduate.Facts) { f.Around.Procfile = nil })
	p, _, err := Make(t.Context(), in, g, devProd)
	require.NoError(t, err)
	require.Empty(t, p.Roles[1].Changes)
	require.Contains(t, codesOf(p), "warning workers-overlap ws")
}

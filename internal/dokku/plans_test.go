package dokku

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func TestPlansAreKept(t *testing.T) {
	f := newFixture(t)
	p := &graduate.Plan{ID: "0123456789ab", Digest: "0123456789abcdef", Group: "shop", Parts: map[string]string{"portal: image": "d1"}}
	require.NoError(t, f.SavePlan(p))
	got, err := f.LoadPlan("0123456789ab")
	require.NoError(t, err)
	require.Equal(t, p, got)
	got, err = f.LoadPlan("01")
	require.NoError(t, err)
	require.Equal(t, p, got)
	info, err := os.Stat(f.planFile(p.ID))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	require.NoError(t, f.SavePlan(&graduate.Plan{ID: "0123000000ab"}))
	_, err = f.LoadPlan("0123")
	require.ErrorContains(t, err, "several plans begin with 0123 (")
	require.NoError(t, f.SavePlan(&graduate.Plan{ID: "0123"})) // a whole id is not ambiguous
	got, err = f.LoadPlan("0123")
	require.NoError(t, err)
	require.Equal(t, "0123", got.ID)
	_, err = f.LoadPlan("ffff")
	require.ErrorContains(t, err, "there is no plan ffff")
	for _, id := range []string{"", "../../x", "0123456789AB", "*"} {
		_, err = f.LoadPlan(id)
		require.ErrorContains(t, err, "is no plan's id")
	}
	require.Error(t, f.SavePlan(&graduate.Plan{ID: "../x"}))
	require.NoError(t, os.WriteFile(f.planFile("dd"), []byte(`{"plan": null}`), 0o600))
	_, err = f.LoadPlan("dd")
	require.EqualError(t, err, "the plan dd is damaged; make it again with dokku graduate:plan")
}

func TestTheOldestPlansGo(t *testing.T) {
	f := newFixture(t)
	long := time.Now().Add(-time.Hour)
	for n := range plansKept {
		id := fmt.Sprintf("%012x", n)
		require.NoError(t, f.SavePlan(&graduate.Plan{ID: id}))
		require.NoError(t, os.Chtimes(f.planFile(id), long, long.Add(time.Duration(n)*time.Second)))
	}
	require.NoError(t, f.SavePlan(&graduate.Plan{ID: fmt.Sprintf("%012x", 0)})) // made again: it is new
	_, err := f.Secret()
	require.NoError(t, err)
	require.NoError(t, f.SavePlan(&graduate.Plan{ID: "ffffffffffff"}))
	ids := f.Plans()
	require.Len(t, ids, plansKept)
	require.Equal(t, "ffffffffffff", ids[0])
	require.Equal(t, fmt.Sprintf("%012x", 0), ids[1])
	require.NotContains(t, ids, fmt.Sprintf("%012x", 1))
	_, err = f.Secret()
	require.NoError(t, err)
}

// Of many that make the secret at once, all get the same.
func TestTheSecretIsMadeOnce(t *testing.T) {
	f := newFixture(t)
	secrets := make([][]byte, 32)
	var all sync.WaitGroup
	start := make(chan struct{})
	for n := range secrets {
		all.Go(func() {
			<-start
			secrets[n], _ = f.Secret()
		})
	}
	close(start)
	all.Wait()
	require.Len(t, secrets[0], saltLength)
	for _, secret := range secrets {
		require.Equal(t, secrets[0], secret)
	}
	path := filepath.Join(f.plansDir(), "salt")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	entries, err := os.ReadDir(f.plansDir())
	require.NoError(t, err)
	require.Len(t, entries, 1, "no half-made one is left")

	require.NoError(t, os.WriteFile(path, []byte("short"), 0o600))
	_, err = f.Secret()
	require.ErrorContains(t, err, "salt is damaged; remove it")
	other := newFixture(t)
	another, err := other.Secret()
	require.NoError(t, err)
	require.NotEqual(t, secrets[0], another)
}

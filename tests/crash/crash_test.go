package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestARequestBelongsToWhenItWasSent(t *testing.T) {
	spans := []span{{100, 200}, {500, 600}}
	for _, c := range []struct {
		name       string
		sent, done int64
		want       bool
	}{
		{"before all", 10, 90, false},
		{"sent before a kill that it meets", 90, 110, true},
		{"within", 120, 180, true},
		{"sent within, hung long into the next graduation", 190, 400, true},
		{"between", 210, 490, false},
		{"over all", 10, 900, true},
		{"after all", 601, 700, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := (answer{sent: c.sent, done: c.done}).excused(spans); got != c.want {
				t.Errorf("excused: %t", got)
			}
		})
	}
}

func TestAnswersAreReadOnceAndWhole(t *testing.T) {
	b := &box{dir: t.TempDir()}
	if err := os.MkdirAll(filepath.Dir(b.responses()), 0o700); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(b.responses())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, step := range []struct {
		written string
		want    []answer
	}{
		{"done_ns\tsent_ns\ttarget\tstatus\tversion\terror\n20\t10\tshop\t200\tv1\t\n40\t3", []answer{{20, 10, "shop", "v1", ""}}},
		{"", nil},
		{"0\tshop\t502\t-\t\n50\t45\tshop\t0\t-\tconnection refused\n", []answer{{40, 30, "shop", "-", "502 "}, {50, 45, "shop", "-", "0 connection refused"}}},
	} {
		if _, err := file.WriteString(step.written); err != nil {
			t.Fatal(err)
		}
		if got := b.unread(); !slices.Equal(got, step.want) {
			t.Errorf("after %q: %+v", step.written, got)
		}
	}
}

func TestTheOldVersionMayNotAnswerLong(t *testing.T) {
	const second = int64(time.Second)
	old, live := answer{sent: 1, done: 2, app: "shop", version: "v1"}, answer{sent: second, done: 2 * second, app: "ws", version: "v2"}
	for _, c := range []struct {
		name    string
		forward bool
		answers []answer
		want    string
	}{
		{"back, as it was", false, []answer{old}, ""},
		{"back, but it was live", false, []answer{old, live}, "v2 was live"},
		{"forward, by an old worker of nginx", true, []answer{old, live, {sent: 2*second + 1, done: 9 * second, app: "shop", version: "v1"}}, ""},
		{"forward, one app too late", true, []answer{old, live, {sent: 4 * second, done: 4 * second, app: "shop", version: "v1"}}, "v1 still answered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &cycle{before: "v1", after: "v2", forward: c.forward}
			k.checkVersions(c.answers)
			if got := strings.Join(k.found, " "); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("found %q", got)
			}
		})
	}
}

func TestADeckDealsAllBeforeOneComesAgain(t *testing.T) {
	deal := func() string {
		d := newDeck(rand.New(rand.NewPCG(7, 7)), "a", "b", "c", "d")
		var rounds []string
		for range 3 {
			round := []string{d.next(), d.next(), d.next(), d.next()}
			rounds = append(rounds, strings.Join(round, ""))
			if slices.Sort(round); strings.Join(round, "") != "abcd" {
				t.Errorf("a round of %q", round)
			}
		}
		return strings.Join(rounds, " ")
	}
	if first, second := deal(), deal(); first != second {
		t.Errorf("one seed, two orders: %s and %s", first, second)
	}
}

func TestTheOrderOfASeed(t *testing.T) {
	var moments []moment
	for n := range 9 {
		moments = append(moments, moment{fmt.Sprintf("after:app:staged#%d", n), n%2 == 0})
	}
	order := func(seed uint64, all []moment) []moment {
		all = slices.Clone(all)
		slices.SortFunc(all, func(a, b moment) int { return a.before(b, seed) })
		return all
	}
	if slices.Equal(order(1, moments), order(2, moments)) {
		t.Error("two seeds have one order")
	}
	all := order(1, moments)
	less := slices.DeleteFunc(slices.Clone(all), func(m moment) bool { return m == moments[4] })
	if got := order(1, slices.Delete(slices.Clone(moments), 4, 5)); !slices.Equal(got, less) {
		t.Errorf("a moment less changes the order: %v, then %v", all, got)
	}
}

func TestTheVictimIsOneThatThereIs(t *testing.T) {
	for _, c := range []struct {
		victim, moment string
		held           int
		want           string
	}{
		{trigger, "after:state:hold#1", 7, trigger},
		{trigger, "before:state:stage#1", 0, coordinator},
		{both, "before:state:stage#1", 0, coordinator},
		{trigger, "torn:state:hold#1", 7, coordinator},
		{nginx, "torn:state:hold#1", 0, coordinator},
		{nginx, "after:state:stage#1", 0, nginx},
		{dockerd, "torn:state:hold#1", 0, dockerdToo},
		{dockerdLive, "torn:state:hold#1", 0, dockerdWith},
		{power, "torn:state:hold#1", 0, power},
	} {
		if got := possible(c.victim, moment{name: c.moment}, c.held); got != c.want {
			t.Errorf("%s at %s: %s, not %s", c.victim, c.moment, got, c.want)
		}
	}
}

func TestAJobEnds(t *testing.T) {
	for _, c := range []struct {
		name          string
		kills, missed int64
		late, want    bool
	}{
		{"enough kills", 9, 0, false, true},
		{"not enough, in time", 8, 9, false, false},
		{"not enough, late", 1, 0, true, true},
		{"none yet, late", 0, 2, true, false},
		{"graduations come to no moment", 0, 3, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := &job{kills: 9, total: &tally{}, deadline: time.Now().Add(time.Hour)}
			if c.late {
				j.deadline = time.Now()
			}
			j.total.kills.Store(c.kills)
			j.total.missed.Store(c.missed)
			if got := j.done(); got != c.want {
				t.Errorf("done: %t", got)
			}
		})
	}
}

func TestWhatADeadCrashTestLeftGoes(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for name, pid := range map[string]string{"dead": "4194305", "alive": fmt.Sprint(os.Getpid()), "unknown": ""} { // above the highest PID
		work := filepath.Join(os.TempDir(), "graduate-crash."+name)
		if err := os.MkdirAll(filepath.Join(work, "j0n1.docker"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(work, "pid"), []byte(pid), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sweep()
	if left := names(os.TempDir()); !slices.Equal(left, []string{"graduate-crash.alive", "graduate-crash.unknown"}) {
		t.Errorf("left: %q", left)
	}
}

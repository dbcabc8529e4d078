package proxy

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// waiting is a server line of nginx with which requests wait.
func (m *machine) waiting(n int) string {
	return "server unix:" + m.RoomSocket(m.run, n) + " max_fails=0;\n"
}

func newQuiesced(t *testing.T, apps ...string) (*machine, *Nginx) {
	m, n := newMachine(t, apps...)
	m.run.Settings.Quiesce = &graduate.Quiesce{}
	return m, n
}

func TestRequestsOfAllAppsAreDivertedInOneReload(t *testing.T) {
	m, n := newQuiesced(t, "portal", "ws", "mailer")
	m.run.Apps[2].Skip = "unchanged"
	require.NoError(t, n.Prepare(t.Context(), m.run, held("portal", "ws")))
	doors, err := n.Doors(m.run)
	require.NoError(t, err)
	require.Equal(t, []graduate.Door{
		{App: "portal", Socket: m.RoomSocket(m.run, 0), Old: []string{"10.0.0.1:5000"}, New: []string{"172.17.1.1:5000", "172.17.1.2:5000"}},
		{App: "ws", Socket: m.RoomSocket(m.run, 1), Old: []string{"10.0.0.1:5000"}, New: []string{"172.17.2.1:5000", "172.17.2.2:5000"}},
		{App: "mailer", Socket: m.RoomSocket(m.run, 2), Old: []string{"10.0.0.1:5000"}, New: []string{"10.0.0.1:5000"}},
	}, doors)
	m.load() // by somebody else: nobody waits yet
	require.Equal(t, conf("ws", "10.0.0.1"), m.loaded["ws"])

	m.calls = nil
	left, err := n.Divert(t.Context(), m.run, 7*time.Second)
	require.NoError(t, err)
	require.Zero(t, left)
	require.Equal(t, []string{"test portal", "drain 7s", "reload portal"}, m.calls)
	for i, app := range []string{"portal", "ws", "mailer"} {
		require.Contains(t, m.loaded[app], m.waiting(i)+"  server 10.0.0.1:5000 backup;\n")
	}

	m.calls = nil
	require.NoError(t, n.Prepare(t.Context(), m.run, held("portal", "ws")), "in its turn, when all wait")
	require.Equal(t, []string{"test portal"}, m.calls)
	m.load()
	require.Contains(t, m.loaded["portal"], m.waiting(0), "they still do")

	require.NoError(t, n.Switch(t.Context(), m.run))
	require.Equal(t, map[string]string{
		"portal": conf("portal", "172.17.1.1", "172.17.1.2"), "ws": conf("ws", "172.17.2.1", "172.17.2.2"), "mailer": conf("mailer", "10.0.0.1"),
	}, m.loaded)
	require.Equal(t, conf("mailer", "10.0.0.1"), m.read("mailer"))
}

func TestUndoBringsDivertedRequestsBack(t *testing.T) {
	m, n := newQuiesced(t, "portal", "ws")
	require.NoError(t, n.Prepare(t.Context(), m.run, held("portal", "ws")))
	_, err := n.Divert(t.Context(), m.run, time.Second)
	require.NoError(t, err)
	m.calls, m.untaken = nil, errors.New("nginx has not taken its new configuration")
	require.ErrorIs(t, n.Undo(t.Context(), m.run), m.untaken)
	require.NotEqual(t, conf("ws", "10.0.0.1"), m.read("ws"), "no file changes while nginx may be reading it")
	m.load() // by somebody else
	require.Equal(t, conf("ws", "10.0.0.1"), m.loaded["ws"])
	m.calls, m.untaken = nil, nil
	require.NoError(t, n.Undo(t.Context(), m.run), "it is tried again, as nobody knows of the other reload")
	require.Equal(t, []string{"await", "reload portal"}, m.calls)
	require.Equal(t, map[string]string{"portal": conf("portal", "10.0.0.1"), "ws": conf("ws", "10.0.0.1")}, m.loaded)
	require.Equal(t, conf("ws", "10.0.0.1"), m.read("ws"))
	require.NoDirExists(t, dir(m.run))
	m.calls = nil
	require.NoError(t, n.Undo(t.Context(), m.run), "a second time")
	require.Empty(t, m.calls)
}

func TestUndoBringsThemBackWhereTheOneBeforeIsCutOffBeforeItsReload(t *testing.T) {
	m, n := newQuiesced(t, "portal")
	require.NoError(t, n.Prepare(t.Context(), m.run, held("portal")))
	_, err := n.Divert(t.Context(), m.run, time.Second)
	require.NoError(t, err)
	require.NoError(t, os.Remove(link(m.run)))
	require.NoError(t, os.Symlink(old, link(m.run))) // Undo came so far
	require.NoError(t, n.Undo(t.Context(), m.run))
	require.Equal(t, conf("portal", "10.0.0.1"), m.loaded["portal"])
}

func TestATestThatIsCutOffMayHaveLetSomebodyDivertThem(t *testing.T) {
	m, n := newQuiesced(t, "portal")
	require.NoError(t, n.Prepare(t.Context(), m.run, held("portal")))
	ctx, cancel := context.WithCancel(t.Context())
	m.testing = func() { m.load(); cancel() }
	m.test = context.Canceled
	_, err := n.Divert(ctx, m.run, time.Second)
	require.ErrorIs(t, err, context.Canceled)
	require.Contains(t, m.loaded["portal"], m.waiting(0))
	require.NoError(t, n.Undo(t.Context(), m.run))
	require.Equal(t, conf("portal", "10.0.0.1"), m.loaded["portal"])
}

func TestASwitchOfDivertedRequestsIsDoneWhenNginxHasTakenIt(t *testing.T) {
	m, n := newQuiesced(t, "portal")
	require.NoError(t, n.Prepare(t.Context(), m.run, held("portal")))
	_, err := n.Divert(t.Context(), m.run, time.Second)
	require.NoError(t, err)
	m.untaken = errors.New("nginx has not taken its new configuration")
	require.ErrorIs(t, n.Switch(t.Context(), m.run), m.untaken)
	m.untaken = nil
	require.NoError(t, n.Switch(t.Context(), m.run))
	require.Equal(t, conf("portal", "172.17.1.1", "172.17.1.2"), m.loaded["portal"])
}

func TestASwitchThatFailsLeavesNoFileThatIncludesWhatIsRemoved(t *testing.T) {
	for name, stop := range map[string]func(*testing.T, *machine, *Nginx){
		"before its first step": func(*testing.T, *machine, *Nginx) {},
		"at its reload": func(t *testing.T, m *machine, n *Nginx) {
			m.untaken = errors.New("nginx has not taken its new configuration")
			require.Error(t, n.Switch(t.Context(), m.run))
		},
		"at the file of one": func(t *testing.T, m *machine, n *Nginx) {
			require.NoError(t, os.Rename(m.NginxConf("portal"), m.NginxConf("portal")+".away"))
			require.NoError(t, os.Mkdir(m.NginxConf("portal"), 0o755))
			require.NoError(t, os.Mkdir(m.NginxConf("portal")+"/in-the-way", 0o755))
			m.untaken = errors.New("its files are not to be read now")
			require.Error(t, n.Switch(t.Context(), m.run))
			require.NoError(t, os.RemoveAll(m.NginxConf("portal")))
			require.NoError(t, os.Rename(m.NginxConf("portal")+".away", m.NginxConf("portal")))
			require.Equal(t, conf("mailer", "10.0.0.1"), m.read("mailer"), "it keeps no other from its turn")
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, n := newQuiesced(t, "portal", "mailer")
			m.run.Apps[1].Skip = "unchanged"
			require.NoError(t, n.Prepare(t.Context(), m.run, held("portal")))
			_, err := n.Divert(t.Context(), m.run, time.Second)
			require.NoError(t, err)
			stop(t, m, n)
			require.NoError(t, n.Settle(t.Context(), m.run))
			require.NoDirExists(t, dir(m.run))
			m.load()
			require.Equal(t, map[string]string{"portal": conf("portal", "172.17.1.1", "172.17.1.2"), "mailer": conf("mailer", "10.0.0.1")}, m.loaded)
		})
	}
}

func TestWhatOthersHaveWrittenSinceStays(t *testing.T) {
	m, n := newQuiesced(t, "portal", "ws")
	require.NoError(t, n.Prepare(t.Context(), m.run, held("portal", "ws")))
	m.write("portal", conf("portal", "172.17.8.8"))
	require.NoError(t, os.Remove(m.NginxConf("ws"))) // the app was destroyed
	require.NoError(t, n.Settle(t.Context(), m.run))
	require.Equal(t, conf("portal", "172.17.8.8"), m.read("portal"))
	require.NoFileExists(t, m.NginxConf("ws"))
	require.NoDirExists(t, dir(m.run))
}

func TestAConfigurationThatNginxDoesNotAcceptDivertsNobody(t *testing.T) {
	m, n := newQuiesced(t, "portal")
	require.NoError(t, n.Prepare(t.Context(), m.run, held("portal")))
	m.test = errors.New("not this")
	_, err := n.Divert(t.Context(), m.run, time.Second)
	require.ErrorIs(t, err, m.test)
	target, err := os.Readlink(link(m.run))
	require.NoError(t, err)
	require.Equal(t, old, target)
	m.test = nil
	require.NoError(t, n.Undo(t.Context(), m.run))
	require.NotContains(t, strings.Join(m.calls, " "), "reload")
}

func TestNobodyWaitsForAnAppThatIsNotLiveYet(t *testing.T) {
	m, n := newQuiesced(t, "portal", "ws", "mailer")
	require.NoError(t, os.Remove(m.NginxConf("ws")))
	require.NoError(t, os.Remove(m.NginxConf("mailer")))
	m.run.Apps[2].Skip = "unchanged"
	m.rendered["ws"] = conf("ws", "127.255.255.254")
	require.NoError(t, n.Prepare(t.Context(), m.run, held("portal", "ws")))
	_, err := n.Divert(t.Context(), m.run, time.Second)
	require.NoError(t, err)
	require.Contains(t, m.loaded["portal"], m.waiting(0))
	require.Equal(t, conf("ws", "127.255.255.254"), m.loaded["ws"])
	doors, err := n.Doors(m.run)
	require.NoError(t, err)
	require.Len(t, doors, 1)
}

func TestAPathThatNoSocketCanHaveIsToldBeforeAnyFileChanges(t *testing.T) {
	m, n := newQuiesced(t, "portal")
	m.rooms = "/" + strings.Repeat("r", longestSocket-len("/01j/0.sock"))
	require.ErrorContains(t, n.Prepare(t.Context(), m.run, held("portal")), "more than 107 bytes")
	require.Equal(t, conf("portal", "10.0.0.1"), m.read("portal"))
	m.rooms = m.rooms[1:]
	require.NoError(t, n.Prepare(t.Context(), m.run, held("portal")))
}

func TestShapesWhoseRequestsCannotWait(t *testing.T) {
	upstream := func(first string) string { return "upstream ws-5000 {\n" + first + "  server 10.0.0.1:5000;\n}\n" }
	for text, want := range map[string]string{
		upstream(""):                              "",
		upstream("  keepalive 8;\n"):              "",
		upstream("  least_conn;\n"):               "",
		upstream("  ip_hash;\n"):                  "upstream ws-5000 has ip_hash, which knows no backup server",
		upstream("  hash $request_uri;\n"):        "upstream ws-5000 has hash, which knows no backup server",
		upstream("  random two least_conn;\n"):    "upstream ws-5000 has random, which knows no backup server",
		"server {\n  proxy_pass http://app;\n}\n": "there is no upstream ws-PORT",
	} {
		if err := RoomShape(text, "ws"); want == "" {
			require.NoError(t, err, text)
		} else {
			require.EqualError(t, err, want, text)
		}
	}
}

func TestServersThatStandBehindTheRoom(t *testing.T) {
	b := block{servers: "  server 10.0.0.1:5000;\n\n  server 10.0.0.2:5000 weight=2;\n  server 10.0.0.3:5000 backup;\n"}
	require.Equal(t, []string{"10.0.0.1:5000", "10.0.0.2:5000", "10.0.0.3:5000"}, b.addresses())
	require.Equal(t, "  server unix:/s max_fails=0;\n  server 10.0.0.1:5000 backup;\n  server 10.0.0.2:5000 weight=2 backup;\n  server 10.0.0.3:5000 backup;\n", b.diverted("/s"))
}

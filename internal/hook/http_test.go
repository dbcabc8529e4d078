package hook

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// answering is a candidate of portal-prod that answers in this way.
func answering(t *testing.T, answer http.HandlerFunc) graduate.Candidate {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	ip, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	return graduate.Candidate{App: "portal-prod", Process: graduate.Web, IP: ip, Port: port}
}

// asking is a hook that asks the portal.
func asking(kind graduate.HookKind, c graduate.HTTPCheck) graduate.Hook {
	c.Path, c.Every = "/health", 10*time.Millisecond
	return graduate.Hook{Kind: kind, Name: "smoke", Role: "portal", HTTP: &c}
}

func TestEveryCandidateIsAskedUntilItAnswersAsWanted(t *testing.T) {
	f := newFixture(t)
	late, asked := 0, 0
	held := []graduate.Candidate{
		answering(t, func(w http.ResponseWriter, r *http.Request) {
			if late++; late < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			_, _ = w.Write([]byte("all is ok"))
		}),
		answering(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			require.Equal(t, "/health", r.URL.Path)
			_, _ = w.Write([]byte("ok"))
		}),
	}
	h := asking(graduate.HookPost, graduate.HTTPCheck{Contains: "ok"})
	require.NoError(t, f.Hook(t.Context(), f.run, h, graduate.Situation{Held: held}))
	require.Equal(t, 3, late)
	require.Equal(t, 1, asked)
	require.Equal(t, 2, strings.Count(f.log(), "/health: status 503, not 200\n"))
	require.Equal(t, 2, strings.Count(f.log(), "/health: as wanted, in "))
}

func TestWhatIsNotAsWantedIsTold(t *testing.T) {
	for _, c := range []struct {
		name, want string
		check      graduate.HTTPCheck
		answer     http.HandlerFunc
	}{
		{"another status", "within 100ms: status 200, not 204", graduate.HTTPCheck{Status: 204}, func(http.ResponseWriter, *http.Request) {}},
		{"a redirect", "within 100ms: status 302, not 200", graduate.HTTPCheck{}, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/else", http.StatusFound) }},
		{"another text", `within 100ms: status 200, without "ok"`, graduate.HTTPCheck{Contains: "ok"}, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("no")) }},
		{"no answer", "within 100ms: no answer", graduate.HTTPCheck{}, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			c.check.Within = 100 * time.Millisecond
			candidate := answering(t, c.answer)
			err := f.Hook(t.Context(), f.run, asking(graduate.HookPost, c.check), graduate.Situation{Held: []graduate.Candidate{candidate}})
			require.EqualError(t, err, "http://"+candidate.Address()+"/health did not answer as wanted "+c.want)
		})
	}
}

func TestALiveCheckAsksThePublicAddress(t *testing.T) {
	f := newFixture(t)
	h := asking(graduate.HookLive, graduate.HTTPCheck{})
	require.EqualError(t, f.start(h), "portal-prod has no public address")
	var host, proto string
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		host, proto = r.Host, r.Header.Get("X-Forwarded-Proto")
	}))
	defer server.Close()
	f.Public = func(app string) (graduate.Public, error) {
		require.Equal(t, "portal-prod", app)
		return graduate.Public{URL: "https://portal.example.com", Dial: server.Listener.Addr().String()}, nil
	}
	require.NoError(t, f.start(h))
	require.Equal(t, "portal.example.com", host)
	require.Equal(t, "https", proto)

	// A candidate is asked by that name, too: an app may refuse others, or redirect what is not TLS.
	candidate := answering(t, func(_ http.ResponseWriter, r *http.Request) { host, proto = r.Host, r.Header.Get("X-Forwarded-Proto") })
	host, proto = "", ""
	require.NoError(t, f.Hook(t.Context(), f.run, asking(graduate.HookPost, graduate.HTTPCheck{}), graduate.Situation{Held: []graduate.Candidate{candidate}}))
	require.Equal(t, "portal.example.com", host)
	require.Equal(t, "https", proto)
}

func TestACheckOfWhatDoesNotListen(t *testing.T) {
	f := newFixture(t)
	err := f.Hook(t.Context(), f.run, asking(graduate.HookPost, graduate.HTTPCheck{}), graduate.Situation{})
	require.EqualError(t, err, "portal-prod has no web container that could be asked")
	h := asking(graduate.HookPost, graduate.HTTPCheck{})
	h.Role = "gone"
	require.EqualError(t, f.start(h), "there is no role gone in this graduation")
}

package ui

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/go-multierror"
	"github.com/stretchr/testify/require"
)

func capture(quiet bool) (Streams, *bytes.Buffer, *bytes.Buffer) {
	var out, err bytes.Buffer
	return Streams{Out: &out, Err: &err, Quiet: quiet}, &out, &err
}

func TestPrefixesAreThoseOfDokku(t *testing.T) {
	s, out, err := capture(false)
	s.Title("Setting %s", "a")
	s.Step("Creating %s", "b")
	s.Detail("100%%")
	s.Print("shop")
	s.Warn("careful with %q", "c")
	require.Equal(t, "=====> Setting a\n-----> Creating b\n       100%\nshop\n", out.String())
	require.Equal(t, " !     careful with \"c\"\n", err.String())
}

func TestQuietDropsHeadingsAndKeepsValues(t *testing.T) {
	s, out, err := capture(true)
	s.Title("heading")
	s.Step("chatter")
	s.Detail("value")
	s.Warn("warning")
	require.Equal(t, "       value\n", out.String())
	require.Equal(t, " !     warning\n", err.String())
}

func TestFailIsOneLinePerError(t *testing.T) {
	several := multierror.Append(nil, errors.New("line 1: a 100% wrong"), errors.New("line 2: b"))
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"nothing", nil, ""},
		{"one", errors.New("first\nsecond"), " !     first second\n"},
		{"several", several, " !     line 1: a 100% wrong\n !     line 2: b\n"},
		{"several, wrapped", fmt.Errorf("x: %w", several), " !     line 1: a 100% wrong\n !     line 2: b\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _, err := capture(true)
			s.Fail(c.err)
			require.Equal(t, c.want, err.String())
		})
	}
}

func TestReportLooksLikeDokkus(t *testing.T) {
	fields := []Field{{"start-timeout", "10m"}, {"environments", "dev prod"}, {"hooks-pre", ""}}
	s, out, _ := capture(false)
	s.Report("shop", fields)
	require.Equal(t, "=====> shop graduate information\n"+
		"       Graduate environments:         dev prod\n"+
		"       Graduate hooks pre:\n"+
		"       Graduate start timeout:        10m\n", out.String())

	s, out, _ = capture(true)
	require.NoError(t, s.ReportJSON(fields))
	require.JSONEq(t, `{"environments":"dev prod","hooks-pre":"","start-timeout":"10m"}`, out.String())
	require.Equal(t, []string{"--graduate-environments", "--graduate-hooks-pre", "--graduate-start-timeout"}, FlagNames(fields))
}

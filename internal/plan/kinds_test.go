package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestKindsOfValues(t *testing.T) {
	for value, want := range map[string]string{
		"": "empty", "  ": "empty", `""`: "quoted", "'a b'": "quoted", `"`: "text", `"abc\`: "quoted", `'abc\`: "text", `"a'`: "text", "0": "number", "-1.50": "number",
		"1e5": "text", "NaN": "text", "0x10": "text", "postgres://u:p@h/d": "a postgres URL", "postgresql://h": "a postgres URL",
		"HTTPS://x": "an https URL", "http://x": "an http URL", "redis://h": "a redis URL", "s3cret://h": "a URL", "a b://h": "text", "://": "text", "true": "text",
	} {
		require.Equal(t, want, kindOf(value), value)
	}
}

// All that is said of any value is one of these words.
func TestAKindSaysNothingOfItsValue(t *testing.T) {
	allowed := map[string]bool{kindEmpty: true, kindQuoted: true, kindNumber: true, kindText: true, kindURL: true}
	for _, scheme := range schemes {
		allowed["a "+scheme+" URL"], allowed["an "+scheme+" URL"] = true, true
	}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z0-9+.]{1,8}://.*`), rapid.StringMatching(`["'].*["']`)).Draw(t, "value")
		if kind := kindOf(value); !allowed[kind] {
			t.Fatalf("%q is said to be %q", value, kind)
		}
	})
}

func TestVariablesThatNobodyPutsIn(t *testing.T) {
	for value, want := range map[string]bool{
		"${HOST}": true, "http://${host_1}:80/": true, "${A:-b}": true, "$HOST": true, "$HOME/x": true, "a:$DB_PASS@b": true,
		"": false, "$": false, "$1": false, "pa$word": false, "pa$WORD": false, "$2y$10$ABCDEF": false, "$$HOST": false, `\$HOST`: false, "${}": false, "$a": false,
	} {
		require.Equal(t, want, unexpanded(value), value)
	}
}

func TestTagsThatMove(t *testing.T) {
	for name, want := range map[string]bool{
		"shop": true, "shop:latest": true, "reg:5000/shop": true, "reg:5000/shop:main": true, "shop:Nightly": true,
		"": false, "shop:v2": false, "shop:1.2.3": false, "shop:latest@sha256:0123": false, "reg:5000/shop:2026-11-29": false,
	} {
		_, moves := movingTag(name)
		require.Equal(t, want, moves, name)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"512m": 512 << 20, "512": 512 << 20, "2g": 2 << 30, "1.5G": 3 << 29, "64k": 64 << 10, "1048576b": 1 << 20, "1gb": 1 << 30, "1t": 1 << 40,
		"": 0, "0": 0, "-1m": 0, "x": 0, "1x": 0, "1e30g": 0, "1mm": 0,
	} {
		got, ok := parseSize(text)
		require.Equal(t, want, got, text)
		require.Equal(t, want > 0, ok, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 1<<40).Draw(t, "bytes")
		if got, ok := parseSize(fmt.Sprint(n) + rapid.SampledFrom([]string{"b", "B"}).Draw(t, "unit")); !ok || got != n {
			t.Fatalf("%d bytes are read as %d", n, got)
		}
	})
}

// The keys beside a URL agree with it, however it is written.
func TestAURLAgreesWithItsOwnParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		host := rapid.StringMatching(`[a-z][a-z0-9-]{0,8}(\.[a-z]{2,4})?`).Draw(t, "host")
		port := rapid.IntRange(1, 65535).Draw(t, "port")
		gotHost, gotPort, ok := address(fmt.Sprintf("postgres://user:pass@%s:%d/db?x=y", host, port))
		if !ok || disagree(gotHost, strings.ToUpper(host)) || disagree(gotPort, fmt.Sprint(port)) || !disagree(gotHost, host+"x") {
			t.Fatalf("%s:%d is read as %s:%s", host, port, gotHost, gotPort)
		}
	})
	_, port, _ := address("redis://h")
	require.Equal(t, "6379", port)
}

func TestWhatNamesTheSamePlace(t *testing.T) {
	for _, c := range []struct {
		url, host string
		want      bool
	}{
		{"postgres://u:p@h1:5432/db", "h2", true},
		{"postgres://u:p@h1:5432/db", "H1", false},
		{"postgres://u:p@localhost/db", "127.0.0.1", false},
		{"postgres://u:p@[::1]/db", "localhost", false},
		{"postgres://u:p@h1/db", "h1,h2", false},
	} {
		host, _, ok := address(c.url)
		require.True(t, ok)
		require.Equal(t, c.want, disagree(host, c.host), c.url)
	}
	_, _, ok := address("postgres://u:p@h1:5432,h2:5432/db")
	require.False(t, ok, "several hosts are no address")
}

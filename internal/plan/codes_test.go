package plan

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Each finding names its section of the page.
func TestDocsHaveASectionForEveryCode(t *testing.T) {
	page, err := os.ReadFile("../../docs/findings.md")
	require.NoError(t, err)
	sections := regexp.MustCompile(`(?m)^## ([a-z-]+)\n\n\*\*([a-z]+)\*\*(.*)$`).FindAllStringSubmatch(string(page), -1)
	var documented []string
	for _, s := range sections {
		documented = append(documented, s[1])
		c, ok := codeOf(s[1])
		require.True(t, ok, "there is no code %s", s[1])
		require.Equal(t, c.Severity, graduate.Severity(s[2]), c.Code)
		require.Equal(t, c.Forcible, strings.Contains(s[3], "can be forced"), c.Code)
	}
	require.Equal(t, strings.Count("\n"+string(page), "\n## "), len(sections), "a heading that is no code")
	for _, c := range Codes() {
		require.Contains(t, documented, c.Code)
	}
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(documented))), len(documented))
}

package plan

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// section is one of the page of findings: its heading, and what it says of severity and forcing.
var section = regexp.MustCompile(`(?m)^## (\S+)\n\n\*\*(error|warning|note)\*\*(?: · (can|cannot) be forced)?\n\n\S`)

func TestThePageOfFindingsHasASectionForEachCode(t *testing.T) {
	page, err := os.ReadFile("../../docs/findings.md")
	require.NoError(t, err)
	told := map[string]Code{}
	for _, m := range section.FindAllStringSubmatch(string(page), -1) {
		told[m[1]] = Code{Code: m[1], Severity: graduate.Severity(m[2]), Forcible: m[3] == "can"}
	}
	for _, c := range Codes() {
		require.Equal(t, Code{Code: c.Code, Severity: c.Severity, Forcible: c.Forcible}, told[c.Code], c.Code)
		require.Contains(t, string(page), "["+c.Code+"](#"+c.Code+")", "the list at its top")
	}
	require.Len(t, told, len(Codes()), "sections of codes that there are not")
	require.Len(t, regexp.MustCompile(`(?m)^## `).FindAllString(string(page), -1), len(told), "sections that say no severity")
}

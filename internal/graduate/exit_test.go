package graduate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHowAContainerEndedIsToldApart(t *testing.T) {
	for want, e := range map[string]ExitError{
		"it ended with exit code 7":                                                  {Code: 7},
		"it ended with exit code 128":                                                {Code: 128},
		"it ended with exit code 255":                                                {Code: 255},
		"it was ended by the signal killed (exit code 137)":                          {Code: 137},
		"it was ended by the signal terminated (exit code 143)":                      {Code: 143},
		"it ran out of memory: its container may use 64 MB (exit code 137)":          {Code: 137, OutOfMemory: true, Limit: 64 << 20},
		"it ran out of memory (exit code 1)":                                         {Code: 1, OutOfMemory: true},
		`its command could not be started: exec: "/nope": no such file or directory`: {Code: 127, Problem: "exec: \"/nope\":\n no such file  or directory\n"},
	} {
		require.EqualError(t, &e, want)
	}
}

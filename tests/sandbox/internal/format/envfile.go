package format

import (
	"sort"
	"strconv"
	"strings"

	"github.com/joho/godotenv"
)

// ParseEnv reads an ENV file as Dokku does, with the same library: a double quote at the end of a value, which
// FormatEnv escapes, is read as a backslash.
func ParseEnv(text string) (map[string]string, error) { return godotenv.Unmarshal(text) }

// envEscapes are the characters that Dokku's own writer escapes in double quotes.
var envEscapes = strings.NewReplacer(
	`\`, `\\`, "\n", `\n`, "\r", `\r`, `"`, `\"`, "!", `\!`, "$", `\$`, "`", "\\`",
)

// FormatEnv writes an ENV file in the way Dokku does, so that a fingerprint of
// the file is comparable: sorted keys, whole numbers bare, all else in double quotes.
func FormatEnv(env map[string]string) string {
	lines := make([]string, 0, len(env))
	for _, key := range SortedKeys(env) {
		value := env[key]
		if number, err := strconv.Atoi(value); err == nil && strconv.Itoa(number) == value {
			lines = append(lines, key+"="+value)
			continue
		}
		lines = append(lines, key+`="`+envEscapes.Replace(value)+`"`)
	}
	return strings.Join(lines, "\n")
}

// SortedKeys returns the keys of m in order.
func SortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// ShellQuote puts value into single quotes for a POSIX shell.
func ShellQuote(value string) string {
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}

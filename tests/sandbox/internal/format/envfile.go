package format

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// ParseEnv reads an ENV file: one KEY=value per line, the value bare, in single
// or in double quotes. Lines that are empty or start with # are skipped.
func ParseEnv(text string) (map[string]string, error) {
	env := map[string]string{}
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(strings.TrimSuffix(line, "\r"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, found := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if !found {
			return nil, fmt.Errorf("line %d: no = in %q", number+1, line)
		}
		env[strings.TrimSpace(key)] = unquoteEnv(strings.TrimSpace(value))
	}
	return env, nil
}

// unquoteEnv removes the quotes of a value and, within double quotes, its escapes.
func unquoteEnv(value string) string {
	if len(value) >= 2 && value[0] == '\'' && value[len(value)-1] == '\'' {
		return value[1 : len(value)-1]
	}
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return value
	}
	var out strings.Builder
	body := value[1 : len(value)-1]
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' || i+1 == len(body) {
			out.WriteByte(body[i])
			continue
		}
		i++
		switch body[i] {
		case 'n':
			out.WriteByte('\n')
		case 'r':
			out.WriteByte('\r')
		default:
			out.WriteByte(body[i])
		}
	}
	return out.String()
}

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

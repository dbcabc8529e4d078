package dokku

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// arg is the i-th argument, or nothing.
func arg(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

// from is what follows from the i-th argument on.
func from(args []string, i int) []string {
	if i < len(args) {
		return args[i:]
	}
	return nil
}

func contains(list []string, value string) bool { return slices.Contains(list, value) }

func without(list []string, value string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(entry string) bool { return entry == value })
}

func unique(list []string) []string {
	var out []string
	for _, entry := range list {
		if !contains(out, entry) {
			out = append(out, entry)
		}
	}
	return out
}

// lines splits text into its lines, leaving out empty ones.
func lines(text string) []string {
	return without(strings.Split(strings.ReplaceAll(text, "\r", ""), "\n"), "")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// firstLine reads the first line of a file; nothing where there is none.
func firstLine(path string) string {
	data, _ := os.ReadFile(path)
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSpace(line)
}

func removeGlob(pattern string) {
	matches, _ := filepath.Glob(pattern)
	for _, match := range matches {
		_ = os.RemoveAll(match)
	}
}

// copyTree copies a folder; a missing one is an empty one.
func copyTree(source, target string) error {
	if !exists(source) {
		return nil
	}
	return filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		to := filepath.Join(target, relative)
		switch {
		case entry.IsDir():
			return os.MkdirAll(to, info.Mode().Perm()|0o700)
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, to)
		case !info.Mode().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, info.Mode().Perm())
	})
}

// words prints a list as a shell would split it again.
func words(list []string) string { return strings.Join(list, " ") }

// short is the form of a container id that people read.
func short(id string) string {
	if len(id) > 12 {
		return id[:12]
	}
	return id
}

// jsonList is a list in the form that a Dockerfile takes.
func jsonList(list []string) string {
	data, _ := json.Marshal(list)
	return string(data)
}

package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the repository, seen from this package.
const root = "../.."

// folder is a folder with Go files: its path from here, its name from the root.
type folder struct{ path, name string }

// walk calls f for each file and folder of the repository that is its own: nothing that was built.
func walk(t *testing.T, f func(name string, entry fs.DirEntry)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if slices.Contains([]string{".git", ".demo", "bin", "dist", "release"}, name) {
			return fs.SkipDir
		}
		f(name, entry)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// packages lists the folders with Go files.
func packages(t *testing.T) []folder {
	t.Helper()
	var found []folder
	for _, file := range goFiles(t) {
		dir := filepath.Dir(file)
		if !slices.ContainsFunc(found, func(f folder) bool { return f.name == dir }) {
			found = append(found, folder{filepath.Join(root, dir), dir})
		}
	}
	return found
}

// goFiles lists the Go files by their names from the root.
func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	walk(t, func(name string, entry fs.DirEntry) {
		if !entry.IsDir() && strings.HasSuffix(name, ".go") && !strings.Contains(name, "testdata/") {
			files = append(files, name)
		}
	})
	return files
}

// names lists the entries of a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, dir))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, entry := range entries {
		out = append(out, entry.Name())
	}
	return out
}

// text is the content of a file, by its name from the root.
func text(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

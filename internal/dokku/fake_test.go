package dokku

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// fakeDocker is a Docker client that keeps its tags ("NAME:TAG ID") and containers ("ID RUN TYPE IMAGE [NAME]") in files
// beside it, notes each call, and fails where a call begins with what is in the file "fails".
const fakeDocker = `#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "$*" >>calls
if [ -f fails ]; then
  case "$*" in "$(cat fails)"*) echo "docker: refused" >&2; exit 1 ;; esac
fi
for last; do :; done
drop() { awk -v k="$2" '$1 != k' "$1" >"$1.new" && mv "$1.new" "$1"; }
case "$1 $2" in
"image ls") awk -v p="$last:" 'index($1, p) == 1 { print substr($1, length(p) + 1), $2 }' tags ;;
"image tag")
  id=$(awk -v k="$3" '$1 == k { print $2 }' tags)
  drop tags "$4"; echo "$4 ${id:-$3}" >>tags ;;
"image rm")
  grep -q "^$last " tags || { echo "Error: No such image: $last" >&2; exit 1; }
  drop tags "$last" ;;
"image inspect")
  if [ "$3" != --format ]; then # as JSON, what there is of them
    shift 2; out= failed=
    for name; do
      id=$(awk -v k="$name" '$1 == k { print $2 }' tags)
      [ -n "$id" ] || { failed=1; continue; }
      labels=
      [ ! -f "artifact-$id" ] || labels="\"com.dokku.graduate.artifact\": \"$(cat "artifact-$id")\""
      more=; [ ! -f "image-$id" ] || more=", $(cat "image-$id")"
      out="$out${out:+,}{\"Id\": \"$id\", \"RepoTags\": [\"$name\"], \"Config\": {\"Labels\": {$labels}}$more}"
    done
    echo "[$out]"
    exit "${failed:-0}"
  fi
  case "$4" in
  *Entrypoint*) cat entrypoint ;;
  *builder-type*) cat builder ;;
  *WorkingDir*) echo /app ;;
  *) id=$(awk -v k="$last" '$1 == k { print $2 }' tags); [ -n "$id" ] || exit 1; echo "$id $(cat "artifact-$id" 2>/dev/null)" ;;
  esac ;;
"image build")
  cat >recipe
  while [ "$1" != --tag ]; do shift; done
  drop tags "$2"; echo "$2 sha256:built" >>tags ;;
"container create") echo c0 ;;
"image history") cat "history-$last" ;;
"container cp")
  if [ "$3" = --follow-link ]; then
    from="image/${4#*:}"
    [ -e "$from" ] || { echo "Error: Could not find the file" >&2; exit 1; }
    exec tar -C "$(dirname "$from")" -ch "$(basename "$from")"
  fi
  from="image/${3#*:}"
  [ -e "$from" ] || { cat no-such-file >&2 2>/dev/null || echo "Error: Could not find the file" >&2; exit 1; }
  cp "$from" "$4" ;;
"container ls")
  case "$*" in *container-type=run*) kind=run ;; *) kind= ;; esac
  run=$(echo "$*" | sed 's/.*graduate.run=\([^ ]*\).*/\1/')
  case "$*" in *.Names*) names=1 ;; *) names= ;; esac
  awk -v r="$run" -v k="$kind" -v names="$names" '$2 == r && (k == "" || $3 == k) { print $1 (names ? " " $5 : "") }' containers ;;
"container rm") shift 3; for id; do drop containers "$id"; done ;;
"container inspect")
  case "$*" in
  *.Name*) echo "/name-of-$last" ;;
  *.Image*) shift 4; for id; do awk -v k="$id" '$1 == k { print $1, "sha256:" $4 }' containers; done ;;
  *) cat inspect ;;
  esac ;;
"container wait") . ./wait ;;
"container logs") echo "it printed this ($last)" ;;
"events --format") cat events; exec sleep 600 ;;
esac
`

// fakePlugn notes each call; what a trigger does is in the script trigger-NAME beside it.
const fakePlugn = `#!/bin/sh
echo "$*" >>"$(dirname "$0")/triggers"
name=$2
shift 2
[ ! -f "$(dirname "$0")/trigger-$name" ] || . "$(dirname "$0")/trigger-$name"
`

// fixture is a Dokku in a folder with the app "portal", and a run that graduates portal-dev to it.
type fixture struct {
	*Host
	t   *testing.T
	dir string
	run *graduate.Run
	app *graduate.App
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, dir: t.TempDir()}
	f.Host = &Host{Root: filepath.Join(f.dir, "home"), Lib: filepath.Join(f.dir, "lib"), Docker: filepath.Join(f.dir, "bin", "docker"), Plugins: filepath.Join(f.dir, "plugins")}
	require.NoError(t, os.MkdirAll(filepath.Join(f.Plugins, "graduate"), 0o755))
	require.NoError(t, f.markClosed(func() error { return nil })) // its folder and lock stay, and are no difference
	f.app = &graduate.App{Role: "site", Source: "portal-dev", Target: "portal", Image: "sha256:new"}
	id := "01jabcdefghjkmnpqrstvwxyz0"
	f.run = &graduate.Run{ID: id, Dir: f.RunDir(id), Socket: filepath.Join(f.dir, id, "s"), Apps: []*graduate.App{f.app}}
	f.write("bin/docker", fakeDocker)
	f.write("bin/plugn", fakePlugn)
	require.NoError(t, os.Chmod(f.Docker, 0o755))
	require.NoError(t, os.Chmod(filepath.Join(f.dir, "bin/plugn"), 0o755))
	for _, name := range []string{"tags", "containers", "calls", "triggers"} {
		f.write("bin/"+name, "")
	}
	f.write("bin/entrypoint", "null\n")
	f.write("bin/builder", "herokuish\n")
	require.NoError(t, os.MkdirAll(filepath.Join(f.run.Dir, "logs"), 0o700))
	require.NoError(t, os.MkdirAll(f.staged(f.run, f.app, ""), 0o700)) // Stage makes it first
	t.Setenv("PATH", filepath.Join(f.dir, "bin")+":"+os.Getenv("PATH"))
	return f
}

// write writes a file below the fixture's folder.
func (f *fixture) write(name, text string) {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	require.NoError(f.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(f.t, os.WriteFile(path, []byte(text), 0o644))
}

func (f *fixture) read(name string) string {
	f.t.Helper()
	data, err := os.ReadFile(filepath.Join(f.dir, name))
	require.NoError(f.t, err)
	return string(data)
}

// lines are those of a file, sorted.
func (f *fixture) lines(name string) []string {
	return slices.Sorted(slices.Values(strings.Split(strings.TrimSpace(f.read(name)), "\n")))
}

// tree is everything below some folders: mode, and content or target of a link.
func (f *fixture) tree(names ...string) map[string]string {
	f.t.Helper()
	found := map[string]string{}
	for _, name := range names {
		err := filepath.WalkDir(filepath.Join(f.dir, name), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			text := info.Mode().String()
			switch {
			case info.Mode()&fs.ModeSymlink != 0:
				target, err := os.Readlink(path)
				require.NoError(f.t, err)
				text += " -> " + target
			case info.Mode().IsRegular():
				data, err := os.ReadFile(path)
				require.NoError(f.t, err)
				text += " " + string(data)
			}
			rel, err := filepath.Rel(f.dir, path)
			found[rel] = text
			return err
		})
		require.NoError(f.t, err)
	}
	return found
}

// without drops the entries that begin with one of some paths.
func without(tree map[string]string, prefixes ...string) map[string]string {
	out := maps.Clone(tree)
	maps.DeleteFunc(out, func(path, _ string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
	})
	return out
}

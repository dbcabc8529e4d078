#!/usr/bin/env bats
# With no graduation running, Dokku with the plugin does what it does without.

setup_file() { load helpers; }

teardown_file() {
  load helpers
  plugin enable
}

setup() { load helpers; }

teardown() { remove_apps "$(name app)"; }

# plugin enable|disable: both of its folders.
plugin() {
  local folder
  for folder in graduate zzz-graduate; do
    dokku "plugin:$1" "$folder" >/dev/null 2>&1 || true
  done
}

# normalize: without what differs between any two deploys: ids, addresses, times, process numbers.
normalize() {
  sed -E 's/[0-9a-f]{64}/ID/g; s/[0-9a-f]{40}/REV/g; s/[0-9a-f]{12}/ID/g; s/[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+/IP/g
    s/[0-9a-f]{7}\.\.[0-9a-f]{7}/REV..REV/g; s#/tmp/dokku-[0-9]+-([a-z-]+)\.[0-9A-Za-z]+#/tmp/dokku-N-\1#g
    s/upcoming-[0-9]+/upcoming-N/g; s/20[0-9-]{8}T[0-9:.]+Z/TIME/g; s/[0-9]{10,}/TIME/g'
}

# story FOLDER: the life of an app in a few commands, its output and its state.
story() {
  local app
  app=$(name app)
  mkdir -p "$1"
  create_apps "$app"
  dokku git:from-image "$app" "$(image v1.worker --worker 1)" 2>&1 | normalize >"$1/first-deploy"
  assert_serves v1 "$app"
  dokku git:from-image "$app" "$(image v2.worker --worker 1)" 2>&1 | normalize >"$1/second-deploy"
  assert_serves v2 "$app"
  dokku config:set "$app" A=b 2>&1 | normalize >"$1/config"
  dokku ps:scale "$app" web=1 worker=0 2>&1 | normalize >"$1/scale" || true
  settle "$app"
  # Hashes differ where an id or an address is in the file: names and modes of all, contents of those that have none.
  fingerprint "$app" | sed -E 's/^[0-9a-f]{16}  //' | normalize >"$1/state"
  normalize <"$DOKKU_ROOT/$app/nginx.conf" >"$1/nginx.conf"
  cat "$(stored "$app" Procfile)" "$(stored "$app" app.json)" >"$1/stored"
  dokku config:export "$app" | normalize >"$1/environment"
  remove_apps "$app"
}

@test "neutral: deploys, config:set and ps:scale say and leave the same with and without the plugin" {
  story "$BATS_TEST_TMPDIR/with"
  plugin disable
  story "$BATS_TEST_TMPDIR/without"
  plugin enable
  # Two checks run at once, and the app's own log lines come when they come: the headings are compared in their
  # order, the details sorted.
  for side in with without; do
    for file in "$BATS_TEST_TMPDIR/$side"/*-deploy "$BATS_TEST_TMPDIR/$side/config" "$BATS_TEST_TMPDIR/$side/scale"; do
      grep -E '^(=====>|----->)' "$file" >"$file.headings" || true
      grep -Ev '^(=====>|----->)|app=probe|^ *$' "$file" | sort >"$file.details"
      rm "$file"
    done
  done
  diff -ru "$BATS_TEST_TMPDIR/without" "$BATS_TEST_TMPDIR/with"
}

# median_of COMMAND…: milliseconds, of 20 calls.
median_of() {
  local n start
  for n in {1..20}; do
    start=$EPOCHREALTIME
    "$@" >/dev/null 2>&1 </dev/null || fail "$* exited $?"
    echo "$start $EPOCHREALTIME"
  done | awk '{ print ($2 - $1) * 1000 }' | sort -n | sed -n 10p
}

@test "neutral: the cost of our triggers in an ordinary deploy" {
  app=$(name app)
  create_apps "$app"
  nothing=$(median_of /bin/true)
  echo "# /bin/true: $nothing ms" >&3
  total=0 calls=0
  # How often a deploy calls each trigger: from the recording of a real Dokku.
  recording=$REPO/tests/sandbox/testdata/skeleton/b-second-deploy-from-image-web1.tsv
  for trigger in "$PLUGIN_PATH"/enabled/graduate/triggers/* "$PLUGIN_PATH"/enabled/zzz-graduate/*; do
    base=$(basename "$trigger")
    case $base in
      plugin.toml | uninstall | install | update | post-delete | post-app-* | report) continue ;;
    esac
    [ -x "$trigger" ] || continue
    folder=$(dirname "$trigger")
    median=$(median_of "${folder%/triggers}/$base" "$app" latest web 1)
    n=$(grep -c "	$base	" "$recording" || true)
    echo "# $base: median $median ms, $n calls in a deploy of one web process" >&3
    assert_at_most "$median" 50 "milliseconds of $base"
    total=$(awk -v t="$total" -v n="$n" -v m="$median" 'BEGIN { print t + n * m }') calls=$((calls + n))
  done
  echo "# all of them in a deploy of one web process: $calls calls, $total ms" >&3
  [ "$calls" -gt 0 ]
}

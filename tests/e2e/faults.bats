#!/usr/bin/env bats
# Records, deadlines, and the machine's own faults: a full disk, a read-only folder, what cannot be removed.
# One app with a web process; dev has v2, prod v1.

load one_group

setup_file() {
  make_group "$(name shop)" portal
  may_go_wrong "${PROD[@]}"
  deploy "${DEV[0]}=$(image v2.patient --attempts 60)" "${PROD[0]}=$(image v1)"
  settle "${DEV[@]}" "${PROD[@]}"
  remember_group
}

teardown() {
  end_background
  remove_hooks
  goes_wrong "${PROD[0]}"
  while read -r place; do umount --lazy "$place"; done < <(tac "$BATS_TEST_TMPDIR/mounts" 2>/dev/null)
}

# mounted PLACE MOUNT-OPTION…: mounts something there until the test ends or unmounts it.
mounted() {
  local place=$1
  shift
  mount "$@" "$place" || fail "this test has to mount something, which needs root"
  echo "$place" >>"$BATS_TEST_TMPDIR/mounts"
}

# unmounted: takes the last one away.
unmounted() {
  umount "$(tail -n 1 "$BATS_TEST_TMPDIR/mounts")"
  sed -i '$d' "$BATS_TEST_TMPDIR/mounts"
}

# small_disk: the runs of this test are on a disk of their own. fill_disk leaves no byte of it, and none in the last
# block of the running graduation's journal.
small_disk() {
  local owner
  owner=$(stat -c %u "$E2E_DATA")
  install -d -o "$owner" -m 700 "$E2E_DATA/runs"
  mounted "$E2E_DATA/runs" -t tmpfs -o "size=4m,mode=700,uid=$owner" none
}
fill_disk() {
  local journal notice='{"version":1,"type":"notice"}' room
  journal=$E2E_DATA/runs/$(run_id)/journal.jsonl
  room=$((8192 - $(stat -c %s "$journal") % 4096))
  printf "%-$((room - 1))s\n" "$notice" >>"$journal"
  dd if=/dev/zero of="$E2E_DATA/runs/filler" bs=64k 2>/dev/null || true
  dd if=/dev/zero of="$E2E_DATA/runs/filler2" bs=1 2>/dev/null || true
}

run_id() { jq --raw-output 'select(.type == "run").run' "$EVENTS"; }

@test "records: an aborted and a live graduation in history and output; those beyond the number to be kept go" {
  dokku graduate:set "$GROUP" history 1
  add_hook post fails --app portal -- /app/probe task fails --exit 3
  graduate
  assert_exit 2
  aborted=$(run_id)
  remove_hooks
  record=$E2E_DATA/runs/$aborted/record.json
  assert_equal "$(jq --compact-output '[.id, .kind, .group, .from, .to, .status, .exit_code]' "$record")" \
    "[\"$aborted\",\"graduate\",\"$GROUP\",\"dev\",\"prod\",\"aborted\",2]" 'record'
  jq --exit-status '.pid > 1 and .user and .started_at < .finished_at and .seconds > 0 and (.failure | test("post/fails"))' "$record" >/dev/null
  assert_contains "$(dokku graduate:history "$GROUP" --env prod)" "^$aborted  $GROUP  dev   prod .* aborted$"
  output=$(dokku graduate:output "$aborted")
  assert_contains "$output" '^-----> Hook post/fails'
  assert_contains "$output" 'post/fails \| .*task name=fails'
  assert_contains "$output" '^ !     .*post/fails'

  graduate
  assert_exit 0
  assert_equal "$(dokku --quiet graduate:history "$GROUP" | awk '{ print $1, $NF }')" "$(run_id) live" 'history'
  assert_equal "$(dokku graduate:history "$GROUP" --format json | jq --raw-output .status)" live 'status'
  [ ! -e "$E2E_DATA/runs/$aborted" ] || fail "the older graduation is still there"
  dokku graduate:set "$GROUP" history
}

@test "clean-up: what cannot be removed after the release is a warning, and is tried again" {
  add_hold_hook live
  graduate_in_background --all
  wait_until_held
  id=$(run_id)
  mkdir "$E2E_DATA/runs/$id/before/busy"
  mounted "$E2E_DATA/runs/$id/before/busy" -t tmpfs none
  let_go
  finish_graduation
  assert_exit 0
  assert_contains "$(event '.type == "notice"')" 'busy.*dokku graduate:recover '"$GROUP"', tries again'
  assert_contains "$(dokku graduate:status "$GROUP")" 'Left for the next clean-up: .*busy'
  assert_contains "$(dokku graduate:history "$GROUP")" "^$id .* live$"
  assert_contains "$(dokku graduate:recover "$GROUP")" 'tries again'
  assert_unlocked "${PROD[0]}"

  sed -i 's,/before/,/before.gone/,' "$BATS_TEST_TMPDIR/mounts"
  unmounted
  assert_contains "$(dokku graduate:recover "$GROUP")" 'clean-up of graduation .* is tried again'
  assert_contains "$(dokku graduate:recover "$GROUP")" 'nothing to recover'
  assert_equal "$(ls "$E2E_DATA/runs/$id")" "$(printf '%s\n' config.json context journal.jsonl lock logs record.json)" 'files of the run'
  assert_nothing_left "${PROD[@]}"
}

@test "deadlines: a container that restarts over and over does not prolong the start" {
  local time=6 # seconds in which the container comes to its third start; a real Dokku takes longer to its first one
  [ "$E2E_MODE" = sandbox ] || time=30
  goes_wrong "${PROD[0]}" web-exits
  dokku graduate:set "$GROUP" start-timeout "${time}s"
  graduate --all
  dokku graduate:set "$GROUP" start-timeout
  assert_exit 2
  assert_one_error_line 'start-timeout'
  held=$(milliseconds_between "$(time_of '.state == "hold"')" "$(time_of '.type == "failure"')")
  [ "$held" -ge "${time}000" ] || fail "it was given $held ms only"
  assert_at_most "$held" "$((time * 1000 + 1500))" 'milliseconds until the deadline'
  starts=$(cat "$E2E_DATA/runs/$(run_id)"/logs/container/* | grep -c 'exits at its start')
  [ "$starts" -ge 3 ] || fail "the container started $starts times only"
  assert_nothing_left "${PROD[@]}"
}

@test "faults: a disk that gets full before the release point aborts, and everything is restored" {
  small_disk
  settle "${PROD[@]}"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  add_hold_hook post
  graduate_in_background --all
  wait_until_held
  fill_disk
  let_go
  finish_graduation
  assert_exit 2
  assert_one_error_line 'no space left on device'
  rm "$E2E_DATA"/runs/filler*
  dokku graduate:recover "$GROUP"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_nothing_left "${PROD[@]}"
}

@test "faults: a disk that gets full after the release point stops nothing; a full one refuses a new graduation" {
  small_disk
  add_hold_hook live
  graduate_in_background --all
  wait_until_held
  fill_disk
  let_go
  finish_graduation
  assert_exit 0
  assert_serves v2 "${PROD[@]}"
  id=$(run_id)
  [ -n "$(event '.type == "state" and .state == "finish"')" ] || fail 'the clean-up was not told'
  refute_contains "$(cat "$E2E_DATA/runs/$id/journal.jsonl")" '"state":"finish"' # there was no room for it

  remove_hooks
  fill_disk
  graduate --all
  assert_exit 1
  assert_one_error_line 'no space left' 'nothing was touched'
  rm "$E2E_DATA"/runs/filler*
  dokku graduate:recover "$GROUP"
  assert_equal "$(dokku --quiet graduate:history "$GROUP" | awk '{ print $1, $NF }')" "$id live" 'history'
  assert_nothing_left "${PROD[@]}"
}

@test "faults: with a read-only data folder nothing is begun" {
  settle "${PROD[@]}"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  before=$(ls "$E2E_DATA/runs")
  mounted "$E2E_DATA" --bind "$E2E_DATA"
  mount -o remount,bind,ro "$E2E_DATA"
  graduate --all
  assert_exit 1
  assert_one_error_line 'read-only file system' 'nothing was touched'
  dokku graduate:history "$GROUP" >/dev/null
  unmounted
  assert_equal "$(ls "$E2E_DATA/runs")" "$before" 'runs'
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

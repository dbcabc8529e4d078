#!/usr/bin/env bats
# The coordinator is killed at a record of its journal: right before it or right after it. The next command that
# needs the group, or graduate:recover, completes what was begun: back before the release record, forward after it.
# CRASH_MOMENTS names other moments, CRASH_SEED orders them (see tests/crash).

load one_group

setup_file() {
  make_group "$(name shop)" portal webservices
  deploy "${DEV[0]}=$(image v2.worker --worker 1)" "${PROD[0]}=$(image v1.worker --worker 1)" \
    "${DEV[1]}=$(image v2)" "${PROD[1]}=$(image v1)"
  settle "${DEV[@]}" "${PROD[@]}"
  remember_group
}

# crash MOMENT: a graduation whose coordinator dies there.
crash() {
  settle "${PROD[@]}"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  start_load "${PROD[@]}"
  GRADUATE_FAILPOINT=$1 graduate --all
  [ "$status" -ne 0 ] || fail "the coordinator did not die at $1"
  assert_contains "$(dokku graduate:status "$GROUP")" 'abandoned'
}

# assert_no_socket: the folder /tmp/graduate-ID of no run is left.
assert_no_socket() {
  local dir
  for dir in "$E2E_DATA"/runs/*; do
    [ ! -e "/tmp/graduate-${dir##*/}" ] || fail "/tmp/graduate-${dir##*/} is left"
  done
}

assert_back() {
  assert_no_socket
  stop_load
  assert_no_failed_requests
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_nothing_left "${PROD[@]}"
  assert_contains "$(dokku graduate:status "$GROUP")" 'aborted'
}

assert_forward() {
  assert_no_socket
  stop_load
  assert_no_failed_requests
  assert_serves v2 "${PROD[@]}"
  settle "${PROD[@]}"
  assert_nothing_left "${PROD[@]}"
  assert_equal "$(containers "${PROD[0]}" | paste -sd ' ')" "${PROD[0]}.web.1 ${PROD[0]}.worker.1" 'containers'
  assert_contains "$(dokku graduate:status "$GROUP")" 'live'
}

@test "recover: killed when the targets are being closed" {
  crash after:state:prepare
  dokku graduate:recover "$GROUP"
  assert_version_never_seen v2
  assert_back
}

@test "recover: killed while candidates are started; the next graduation recovers and goes on" {
  crash after:app:starting
  graduate
  assert_exit 0
  assert_forward
}

@test "recover: killed in the hold, during a post hook" {
  add_hook post migrate --app portal -- /app/probe task migrate
  crash after:hook:started
  dokku graduate:recover "$GROUP"
  assert_back
}

@test "recover: killed right before the release record" {
  crash before:state:release
  dokku graduate:recover "$GROUP"
  assert_back
}

@test "recover: killed right after the release record" {
  crash after:state:release
  dokku graduate:recover "$GROUP"
  assert_forward
}

@test "recover: killed when the deploys are let go" {
  crash after:state:settle
  dokku graduate:recover "$GROUP"
  assert_forward
}

# kill_check APP PROCESS: a graduation from v1 to v2 after whose release the held check of that process type is killed;
# the others go on.
kill_check() {
  local app
  [ "$(version_of "$1")" = v1 ] || deploy "${PROD[0]}=$(image v1.worker --worker 1)" "${PROD[1]}=$(image v1)"
  settle "${PROD[@]}"
  start_load "${PROD[@]}"
  graduate_and_stop held/answered --all
  for app in "${PROD[@]}"; do stopped_check "$app" web >/dev/null; done
  kill -KILL "$(check_of "$1" "$2")"
  wait_for_event "The check of $1 \\($2.1\\) was killed after the release"
  for app in "${PROD[@]}"; do
    [ "$app $2" = "$1 web" ] || go_on "$(check_of "$app" web)"
  done
}

@test "recover: a check that is killed after the release costs no request" {
  kill_check "${PROD[1]}" web
  go_on "$(stopped_check "${PROD[0]}" worker)"
  finish_graduation
  assert_exit 0
  assert_forward
  assert_version_gone v1 v2 "${PROD[1]}"
}

@test "recover: a check that is killed after the release, of an app whose worker is held: the old version does not come back" {
  kill_check "${PROD[0]}" web
  go_on "$(stopped_check "${PROD[0]}" worker)"
  finish_graduation
  assert_exit 0
  assert_forward
  assert_version_gone v1 v2 "${PROD[0]}"
}

@test "recover: a check that is killed after the release while it is still held: the worker's" {
  kill_check "${PROD[0]}" worker
  finish_graduation
  assert_exit 0
  assert_forward
  assert_version_gone v1 v2 "${PROD[0]}"
}

@test "recover: a release that stopped half-way is completed without a person" {
  settle "${PROD[@]}"
  start_load "${PROD[@]}"
  add_hook post migrate --app portal -- /app/probe task migrate # it is not taken back by itself
  branch=$(git -c safe.directory='*' --git-dir="$DOKKU_ROOT/${PROD[0]}" symbolic-ref HEAD)
  : >"$DOKKU_ROOT/${PROD[0]}/$branch.lock"
  graduate --all
  assert_exit 4
  rm "$DOKKU_ROOT/${PROD[0]}/$branch.lock"
  assert_contains "$(dokku graduate:status "$GROUP")" 'needs-person'
  dokku graduate:recover --unattended
  assert_forward
  assert_equal "$(git_revision "${PROD[0]}")" "$(git_revision "${DEV[0]}")" 'commit'
  refute_contains "$(dokku graduate:recover --unattended)" 'being completed'
}

@test "recover: a live hook that outlives its coordinator is ended and run again" {
  x=$(exchange)
  rm -f "$x"/*
  mkfifo -m 666 "$x/began" "$x/go"
  exec {began}<>"$x/began" {go}<>"$x/go"
  hook=$(host_hook lives <<END
#!/bin/bash
echo \$\$ >$x/began
read -r word <$x/go
echo ended >>$x/ended
END
  )
  add_hook live lives --host "$hook" --timeout 5m
  settle "${PROD[@]}"
  start_load "${PROD[@]}"
  graduate_in_background --all
  read -r -t 90 -u "$began" first || fail "the hook did not begin; it said:" "$(cat "$ERRORS")" "$(tail -n 15 "$EVENTS")"
  kill -KILL "$(coordinator)"
  finish_graduation
  still_alive=$(ps -o stat= -p "$first")
  [[ $still_alive != Z* ]] || fail 'the hook has ended with its coordinator'

  in_background dokku graduate:recover "$GROUP" >"$BATS_TEST_TMPDIR/recovered" 2>&1
  read -r -t 90 -u "$began" second || fail "the hook was not run again: $(cat "$BATS_TEST_TMPDIR/recovered")"
  assert_ended "$first"
  echo yes >&"$go"
  await "$BACKGROUND_PID" 120
  assert_equal "$status" 0 'exit code of the recovery'
  [ "$first" != "$second" ] || fail 'it is the first hook'
  assert_equal "$(cat "$x/ended")" ended 'hooks that came to their end'
  assert_forward
}

@test "recover: killed in the midst of an abort, and again in the recovery" {
  add_hook post fails --app portal -- /app/probe task fails --exit 3
  crash before:outcome:aborted
  GRADUATE_FAILPOINT=before:outcome:aborted run dokku graduate:recover "$GROUP"
  dokku graduate:recover "$GROUP"
  assert_back
}

@test "recover: a command on a closed target completes the dead graduation first" {
  crash after:state:hold
  dokku config:set --no-restart "${PROD[0]}" AFTER=it
  assert_contains "$(dokku graduate:status "$GROUP")" 'aborted'
  stop_load
  assert_no_failed_requests
  assert_equal "$(dokku config:get "${PROD[0]}" AFTER)" it 'the config that was set'
  assert_nothing_left "${PROD[@]}"
}

@test "recover: there is nothing to recover" {
  assert_contains "$(dokku graduate:recover)" 'nothing to recover'
}

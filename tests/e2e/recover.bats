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

#!/usr/bin/env bats
# Whatever fails before the release point: the target is exactly what it was, and no request fails meanwhile.
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
# portal has a web and a worker process, webservices only web; dev has v2, prod v1, and keeps it throughout.

load one_group

setup_file() {
  make_group "$(name shop)" portal webservices
  may_go_wrong "${PROD[@]}"
  deploy "${DEV[0]}=$(image v2.worker --worker 1)" "${PROD[0]}=$(image v1.worker --worker 1)" \
    "${DEV[1]}=$(image v2)" "${PROD[1]}=$(image v1)"
  settle "${DEV[@]}" "${PROD[@]}"
  remember_group
}

teardown() {
  end_background
  remove_hooks
  for app in "${PROD[@]}"; do goes_wrong "$app"; done
}

# take_state: what the target is before, and load on it.
take_state() {
  settle "${PROD[@]}"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  start_load "${PROD[@]}"
}

# assert_restored: nothing failed meanwhile, nothing differs, and later deploys serve the old version.
assert_restored() {
  stop_load
  assert_no_failed_requests
  assert_version_never_seen v2
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_nothing_left "${PROD[@]}"
  assert_serves v1 "${PROD[@]}"
  for app in "${PROD[@]}"; do goes_wrong "$app"; done
  side_by_side ps:restart "${PROD[@]}"
  assert_serves v1 "${PROD[@]}"
  side_by_side ps:rebuild "${PROD[@]}"
  assert_serves v1 "${PROD[@]}"
  assert_contains "$(docker logs "${PROD[0]}.worker.1" 2>&1)" 'version=v1 .*works'
}

assert_outcome_aborted() {
  assert_exit 2
  assert_equal "$(tail -n 1 "$EVENTS" | jq --raw-output '"\(.type) \(.state) \(.code)"')" 'outcome aborted 2'
}

@test "abort: a container that exits at its start" {
  goes_wrong "${PROD[1]}" web-exits
  take_state
  graduate
  assert_outcome_aborted
  assert_one_error_line "${PROD[1]}"
  assert_log_is_named 'exits at its start|unhealthy|not running|exited'
  assert_restored
}

@test "abort: a check that fails" {
  goes_wrong "${PROD[1]}" check-fails
  take_state
  graduate
  assert_outcome_aborted
  assert_one_error_line "${PROD[1]}"
  assert_log_is_named
  assert_restored
}

@test "abort: a worker that crashes, before anything was switched" {
  goes_wrong "${PROD[0]}" worker-crashes=500ms
  take_state
  graduate
  assert_outcome_aborted
  assert_one_error_line "${PROD[0]}" worker
  assert_log_is_named
  assert_equal "$(released_at)" '' 'time of the release'
  assert_candidates_were_held "${PROD[1]}" web 1
  assert_restored
}

@test "abort: a post hook that exits 3" {
  add_hook post fails --app portal -- /app/probe task fails --exit 3
  take_state
  graduate
  assert_outcome_aborted
  assert_one_error_line 'post/fails' '\b3\b'
  assert_log_is_named 'task name=fails'
  assert_candidates_were_held "${PROD[0]}" web 1
  assert_candidates_were_held "${PROD[1]}" web 1
  assert_candidates_were_held "${PROD[0]}" worker 0
  assert_restored
}

@test "abort: people read one line with app or hook, reason and log, then the log's last lines" {
  add_hook post fails --app portal -- /app/probe task fails --exit 3
  attempt dokku graduate:run dev prod --group "$GROUP" --yes
  assert_equal "$status" 2 'exit code'
  ERRORS=$BATS_TEST_TMPDIR/attempt-errors
  assert_one_error_line 'post/fails' '\b3\b' "$E2E_DATA/runs/[0-9a-z]+/logs/[a-z/-]+\.log"
  assert_contains "$(tail -n +2 "$ERRORS")" 'version=v2 .*task name=fails'
  assert_serves v1 "${PROD[@]}"
}

@test "abort: a container hook past its time-out; the container is gone" {
  add_hook post slow --app portal --timeout 12s -- /app/probe task slow --sleep 600
  take_state
  graduate
  assert_outcome_aborted
  assert_one_error_line 'post/slow' '12s'
  assert_log_is_named 'task name=slow'
  started=$(time_of '.type == "hook" and .state == "started"')
  assert_at_most "$(milliseconds_between "$started" "$(time_of '.type == "outcome"')")" 30000 'milliseconds from the start of the hook to the end'
  assert_restored
}

@test "abort: a host hook past its time-out; it and its children are gone" {
  x=$(exchange)
  hook=$(host_hook slow <<END
#!/bin/bash
sleep 6001 &
echo "\$\$ \$!" >$x/pids
trap '' TERM
wait
sleep 6002
END
  )
  add_hook post slow --host "$hook" --timeout 2s
  take_state
  graduate
  assert_outcome_aborted
  assert_one_error_line 'post/slow'
  read -r pid child <"$x/pids"
  assert_ended "$pid"
  assert_ended "$child"
  assert_restored
}

@test "abort: a pre hook that fails; nothing was started" {
  add_hook pre backup --app portal -- /app/probe task backup --exit 4
  take_state
  graduate
  assert_outcome_aborted
  assert_one_error_line 'pre/backup' '\b4\b'
  assert_log_is_named 'task name=backup'
  assert_equal "$(event '.type == "candidate"')" '' 'candidates'
  assert_restored
}

@test "abort: Ctrl-C while everything is held" {
  add_hold_hook
  take_state
  graduate_in_background
  wait_until_held
  kill -INT -- "-$RUN_PID"
  finish_graduation 60
  assert_outcome_aborted
  assert_one_error_line
  assert_restored
}

@test "abort: Ctrl-C while candidates are started" {
  goes_wrong "${PROD[1]}" boot-delay=5m
  take_state
  graduate_in_background
  wait_for_event "\"candidate\".*\"app\":\"${PROD[0]}\""
  began=$EPOCHREALTIME
  kill -INT -- "-$RUN_PID"
  finish_graduation 60
  assert_outcome_aborted
  assert_at_most "$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')" 20 'seconds from Ctrl-C to the end'
  assert_restored
}

@test "abort: SIGTERM of the coordinator while everything is held" {
  add_hold_hook
  take_state
  graduate_in_background
  wait_until_held
  kill -TERM "$(coordinator)"
  finish_graduation 60
  assert_outcome_aborted
  assert_restored
}

@test "abort: a broken nginx file of another app at the release point" {
  add_hold_hook
  take_state
  graduate_in_background
  wait_until_held
  mkdir -p "$DOKKU_ROOT/${DEV[1]}/nginx.conf.d"
  echo 'this is no nginx configuration' >"$DOKKU_ROOT/${DEV[1]}/nginx.conf.d/broken.conf"
  let_go
  finish_graduation
  rm -r "$DOKKU_ROOT/${DEV[1]}/nginx.conf.d"
  assert_outcome_aborted
  assert_one_error_line nginx
  assert_equal "$(released_at)" '' 'time of the release'
  assert_restored
}

@test "abort: a candidate that dies while it is held" {
  add_hold_hook
  take_state
  graduate_in_background
  wait_until_held
  docker kill "$(jq --raw-output "select(.type == \"candidate\" and .candidate.app == \"${PROD[1]}\").candidate.container" "$EVENTS")" >/dev/null
  wait_for_event '"failure"|"failed"' 30
  finish_graduation 60
  assert_outcome_aborted
  assert_one_error_line "${PROD[1]}"
  assert_restored
}

@test "abort: a source whose image is gone" {
  deploy "${DEV[1]}=$(image v2.gone)"
  settle "${DEV[@]}"
  id=$(image_id "${DEV[1]}")
  docker tag "$id" "e2e$E2E_ID/kept:gone"
  docker image rm "dokku/${DEV[1]}:latest" >/dev/null
  take_state
  graduate
  docker tag "$id" "dokku/${DEV[1]}:latest"
  docker image rm "e2e$E2E_ID/kept:gone" >/dev/null
  assert_exit 1
  assert_one_error_line "${DEV[1]}" image
  assert_restored
}

@test "abort: the abort hooks run, in their order, after what failed; live hooks do not" {
  add_hook post fails --app portal -- /app/probe task fails --exit 3
  add_hook abort undo --app portal -- /app/probe task undo
  add_hook abort tell --app webservices -- /app/probe task tell
  add_hook abort last --app portal -- /app/probe task last
  add_hook live celebrate --app portal -- /app/probe task celebrate
  take_state
  graduate
  assert_outcome_aborted
  assert_equal "$(jq --raw-output 'select(.type == "hook" and .state != "started") | "\(.hook) \(.state)"' "$EVENTS" | tr '\n' ' ')" \
    'post/fails failed abort/undo succeeded abort/tell succeeded abort/last succeeded ' 'hooks'
  log=$(jq --raw-output 'select(.type == "hook" and .hook == "abort/undo").log' "$EVENTS" | head -n 1)
  assert_contains "$(cat "$log")" 'version=v2 .*task name=undo'
  assert_restored
}

@test "abort: an abort hook that fails does not keep the others from running, nor the target from being restored, nor the next run" {
  add_hook post fails --app portal -- /app/probe task fails --exit 3
  add_hook abort undo --app portal -- /app/probe task undo --exit 1
  add_hook abort last --app portal -- /app/probe task last
  take_state
  graduate
  assert_outcome_aborted
  assert_one_error_line 'post/fails' 'abort.*undo'
  assert_equal "$(jq --raw-output 'select(.type == "hook" and .state != "started") | "\(.hook) \(.state)"' "$EVENTS" | tr '\n' ' ')" \
    'post/fails failed abort/undo failed abort/last succeeded ' 'hooks'
  remove_hooks
  add_hook post fails --app portal -- /app/probe task fails --exit 3
  graduate
  assert_outcome_aborted
  assert_equal "$(event '.type == "hook" and (.hook | startswith("abort"))')" '' 'abort hooks of the next run'
  assert_restored
}

@test "abort: a caller that goes away does not stop it" {
  add_hold_hook
  take_state
  graduate_in_background
  wait_until_held
  pid=$(coordinator)
  kill -HUP -- "-$RUN_PID" || true
  [ -d "/proc/$pid" ] || fail 'the coordinator ended at SIGHUP'
  let_go no
  timeout 60 tail --pid="$pid" -s 0.05 -f /dev/null
  await "$RUN_PID" 10
  wait_for_event '"outcome".*"aborted"' 10
  assert_restored
}

@test "abort: a target with a running deploy is refused, nothing is touched" {
  lock=$DOKKU_LIB_ROOT/data/apps/${PROD[1]}/.deploy.lock
  settle "${PROD[@]}"
  touch "$lock"
  chown --reference="$DOKKU_LIB_ROOT/data/apps/${PROD[1]}" "$lock"
  exec {held}<>"$lock"
  flock --nonblock "$held"
  take_state
  graduate
  assert_exit 1
  assert_one_error_line "${PROD[1]}" 'deploy|lock'
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  exec {held}>&-
  rm -f "$lock"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  assert_restored
}

@test "abort: after all of these the same graduation succeeds" {
  graduate
  assert_exit 0
  assert_serves v2 "${PROD[@]}"
}

#!/usr/bin/env bats
# graduate:run --wait: what a process holds is waited for, with a bound; what a person locked never is.

load one_group

setup_file() {
  make_group "$(name shop)" portal
  may_go_wrong "${PROD[@]}"
  deploy "${DEV[0]}=$(image v2)" "${PROD[0]}=$(image v1)"
  settle "${DEV[@]}" "${PROD[@]}"
  remember_group
}

teardown() {
  end_background
  remove_hooks
  goes_wrong "${PROD[0]}"
  rm -f "$(lock)"
}

lock() { echo "$DOKKU_LIB_ROOT/data/apps/${PROD[0]}/.deploy.lock"; }

# deploy_in_background: a deploy of the target's own version that boots for some seconds; it has the deploy lock.
deploy_in_background() {
  goes_wrong "${PROD[0]}" boot-delay=3s
  in_background dokku git:from-image "${PROD[0]}" "$(image v1.again)" >"$BATS_TEST_TMPDIR/deploy" 2>&1
  DEPLOY_PID=$BACKGROUND_PID
  wait_for "$(lock)" . 30 >/dev/null || fail "no deploy lock: $(cat "$BATS_TEST_TMPDIR/deploy")"
}

# assert_refused PATTERN…: the graduation was refused in one line, and the target is as it was.
assert_refused() {
  assert_exit 1
  assert_one_error_line "$@"
  assert_equal "$(tail -n 1 "$EVENTS" | jq --raw-output '"\(.type) \(.state) \(.code)"')" 'outcome refused 1'
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

take_state() {
  settle "${PROD[@]}"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
}

@test "wait: a lock that a person set is refused at once, however long one would wait" {
  dokku apps:lock "${PROD[0]}" >/dev/null
  take_state
  began=$EPOCHREALTIME
  graduate --wait 5m
  assert_at_most "$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')" 20 'seconds until it was refused'
  assert_refused "${PROD[0]} is locked.*dokku apps:unlock ${PROD[0]}"
  assert_equal "$(event '.type == "notice"')" '' 'notices'
  dokku apps:unlock "${PROD[0]}" >/dev/null 2>&1
}

# lock_anew: a lock that a person has set on a target that is locked for the graduation: apps:unlock and apps:lock as
# whoever passes by user-auth has them (Dokku itself refuses both then).
lock_anew() {
  local command
  for command in unlock lock; do
    "$PLUGIN_PATH/enabled/apps/subcommands/$command" "apps:$command" "${PROD[0]}" >/dev/null 2>&1
  done
}

@test "wait: a lock that a person sets meanwhile outlives the graduation, its abort and its recovery" {
  add_hold_hook
  graduate_in_background --all
  wait_until_held
  lock_anew
  let_go no
  finish_graduation
  assert_exit 2
  dokku apps:locked "${PROD[0]}"
  dokku apps:unlock "${PROD[0]}" >/dev/null 2>&1

  graduate_in_background --all
  wait_until_held
  lock_anew
  let_go
  finish_graduation
  assert_exit 0
  dokku apps:locked "${PROD[0]}"
  dokku apps:unlock "${PROD[0]}" >/dev/null 2>&1

  graduate_in_background --all
  wait_until_held
  lock_anew
  pid=$(coordinator)
  kill -KILL "$pid"
  timeout 10 tail --pid="$pid" -s 0.02 -f /dev/null
  dokku graduate:recover "$GROUP"
  assert_contains "$(dokku graduate:status "$GROUP")" 'aborted'
  dokku apps:locked "${PROD[0]}"
  graduate
  assert_exit 1
  assert_one_error_line "${PROD[0]} is locked.*dokku apps:unlock ${PROD[0]}"
  dokku apps:unlock "${PROD[0]}" >/dev/null 2>&1
  assert_nothing_left "${PROD[@]}"
  deploy "${PROD[0]}=$(image v1.back)" # for the tests that follow
}

@test "wait: a lock that a person sets after the plan was made ends the graduation in one line, and stays" {
  take_state
  GRADUATE_FAILPOINT=stop:before:state:prepare graduate_in_background --all
  wait_for_event '"type":"run"'
  pid=$(coordinator)
  for _ in {1..200}; do
    [[ $(ps -o stat= -p "$pid") != T* ]] || break
    sleep 0.05
  done
  [[ $(ps -o stat= -p "$pid") == T* ]] || fail 'the coordinator did not stop before it took the lock'
  dokku apps:lock "${PROD[0]}" >/dev/null
  kill -CONT "$pid"
  finish_graduation
  assert_exit 1
  assert_one_error_line "${PROD[0]} is locked .*dokku apps:unlock ${PROD[0]}"
  dokku apps:locked "${PROD[0]}"
  dokku apps:unlock "${PROD[0]}" >/dev/null 2>&1
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "wait: a target that is being deployed is refused after the bound, in one line; a terminal shows the time that is left" {
  settle "${PROD[@]}"
  touch "$(lock)"
  chown --reference="$(dirname "$(lock)")" "$(lock)"
  exec {held}<>"$(lock)"
  flock --nonblock "$held"
  take_state
  graduate
  assert_refused "${PROD[0]} is being deployed" '--wait'
  graduate --wait 1s
  assert_refused "${PROD[0]} is still being deployed" 1s
  assert_equal "$(jq --raw-output 'select(.type == "notice") | "\(.group) \(.app)"' "$EVENTS")" "$GROUP ${PROD[0]}" 'notices'
  attempt dokku graduate:run dev prod --group "$GROUP" --yes --wait 1s
  assert_equal "$status" 1 'exit code'
  assert_equal "$(grep -c . <<<"$output")" 1 "lines of: $output"
  assert_contains "$output" "^-----> Waiting up to 1s: ${PROD[0]} is being deployed"
  attempt script --quiet --return --command "dokku graduate:run dev prod --group $GROUP --yes --wait 3s" /dev/null </dev/null
  assert_equal "$status" 1 "exit code on a terminal ($output)"
  assert_contains "$output" "Waiting \(2s left\): ${PROD[0]} is being deployed"
  exec {held}>&-
}

@test "wait: a target that is being deployed is waited for, then graduates from what that deploy left" {
  deploy_in_background
  graduate --wait 5m
  await "$DEPLOY_PID" 10
  assert_equal "$status" 0 "exit code of the deploy: $(cat "$BATS_TEST_TMPDIR/deploy")"
  status=0
  assert_equal "$(tail -n 1 "$EVENTS" | jq --raw-output '"\(.type) \(.state)"')" 'outcome live' "end of the graduation ($(cat "$ERRORS"))"
  assert_equal "$(jq --raw-output 'select(.type == "notice" and .app).app' "$EVENTS" | paste -sd ' ')" "${PROD[0]} ${PROD[0]}" 'notices'
  assert_serves v2 "${PROD[@]}"
  assert_nothing_left "${PROD[@]}"
}

@test "wait: a group that is being graduated is named, and waited for with the same bound" {
  add_hold_hook
  NAME=ann graduate_in_background --all
  wait_until_held
  first=$RUN_PID id=$(jq --raw-output .run "$EVENTS" | head -n 1)
  EVENTS=$BATS_TEST_TMPDIR/second ERRORS=$BATS_TEST_TMPDIR/second-errors status=0
  dokku graduate:run dev prod --group "$GROUP" --yes --format json --wait 1s >"$EVENTS" 2>"$ERRORS" || status=$?
  assert_exit 1
  assert_one_error_line "$GROUP is still being graduated .*$id from dev to prod, by ann.*1s" "graduate:abort"
  in_background dokku graduate:run dev prod --group "$GROUP" --yes --wait 5m >"$BATS_TEST_TMPDIR/third" 2>&1
  wait_for "$BATS_TEST_TMPDIR/third" "^-----> Waiting up to 5m: group $GROUP is being graduated \($id from dev to prod, by ann\)" 20 >/dev/null
  third=$BACKGROUND_PID
  let_go
  await "$first" 60
  assert_equal "$status" 0 'exit code of the first'
  await "$third" 60
  assert_equal "$status" 0 "exit code of the one that waited: $(cat "$BATS_TEST_TMPDIR/third")"
  assert_contains "$(cat "$BATS_TEST_TMPDIR/third")" 'Nothing to do'
}

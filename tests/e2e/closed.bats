#!/usr/bin/env bats
# While it is being graduated a target is closed to whatever would change it, and to nothing else; who aborts, how soon,
# and until when; a caller, a Ctrl-C and a killed coordinator.
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
# shellcheck disable=SC2154 # attempt sets status, output and errors

load one_group

# There are two groups, $GROUP and $GROUP-2, of one app each, and an app of no group.
setup_file() {
  make_group "$(name shop)-2" portal
  make_group "$(name shop)" portal
  create_apps "$GROUP-0"
  may_go_wrong "${PROD[@]}"
  deploy "$GROUP-0=$(image v1)" "${DEV[0]}=$(image v2)" "${PROD[0]}=$(image v1)" \
    "$GROUP-2-portal-dev=$(image v2)" "$GROUP-2-portal-prod=$(image v1)"
  dokku config:set --no-restart "${PROD[0]}" KEPT=yes >/dev/null
  settle "${DEV[@]}" "${PROD[@]}" "$GROUP-0"
  remember_group
}

teardown_file() {
  recall_group
  remove_group "$GROUP"
  remove_group "$GROUP-2"
  remove_apps "$GROUP-0" "${DEV[@]}" "${PROD[@]}" "$GROUP-2-portal-dev" "$GROUP-2-portal-prod"
}

# hold_in_background [option…]: a graduation, by ann, that stops at its post hook.
hold_in_background() {
  add_hold_hook
  NAME=ann graduate_in_background "$@"
  wait_until_held
}

# assert_closed APP COMMAND…: refused in one line that names the app, the graduation, who runs it and what to do.
assert_closed() {
  local app=$1 id
  shift
  id=$(head -n 1 "$EVENTS" | jq --raw-output .run)
  attempt "$@" </dev/null
  [ "$status" -ne 0 ] || fail "it was let in: $*" "$output"
  assert_equal "$(grep -Ec "^(remote: )? !     $app is being graduated \($id of $GROUP from dev to prod, by ann\): await it with dokku graduate:status $GROUP, or dokku graduate:abort prod --group $GROUP *$" <<<"$output"$'\n'"$errors")" 1 \
    "lines that say why $* is refused in: $output $errors"
}

assert_open() { # assert_open COMMAND…
  attempt "$@" </dev/null
  [ "$status" -eq 0 ] || fail "exit code $status of: $*" "$output" "$errors"
}

has_gatekeeper() { [ -e "$PLUGIN_PATH/enabled/graduate/user-auth" ]; }

id_of() { docker inspect --format '{{.Id}}' "$1.web.1"; }

@test "closed: every command that would change a target is refused in one line; reading and other apps are free" {
  local app=${PROD[0]} repository=$BATS_TEST_TMPDIR/repository command
  "$REPO/tests/apps/git-repo" "$repository" v9
  settle "$app"
  hold_in_background
  has_gatekeeper
  fingerprint "$app" >"$BATS_TEST_TMPDIR/before"
  for command in "ps:restart $app" "ps:scale $app web=2" "ps:scale --skip-deploy $app web=2" "ps:stop $app" "ps:start $app" \
    "ps:rebuild $app" "ps:set $app restart-policy always" "config:set $app A=b" "config:set --no-restart $app A=b" "config:unset $app KEPT" \
    "config:clear $app" "git:from-image $app $(image v1)" "git:set $app deploy-branch other" "domains:add $app x.test" \
    "domains:disable $app" "apps:rename $app $app-new" "apps:destroy $app --force" "apps:lock $app" "apps:unlock $app" \
    "checks:disable $app" "checks:set $app wait-to-retire 9" "docker-options:add $app deploy --label=a=b" "ports:set $app http:80:5000" \
    "proxy:disable $app" "proxy:build-config $app" "nginx:set $app client-max-body-size 9m" "network:set $app bind-all-interfaces true" \
    "storage:mount $app /tmp:/x" "resource:limit --memory 9m $app" "certs:add $app" "certs:remove $app" "--app $app ps:restart"; do
    # shellcheck disable=SC2086
    assert_closed "$app" dokku $command
  done
  assert_closed "$app" git -C "$repository" push "$E2E_GIT_URL:$app" master
  other=$(id_of "$GROUP-0")
  for command in "ps:restart --all" "ps:rebuild --all" "ps:stop --all" "ps:start --all" "proxy:build-config --all" "domains:disable --all"; do
    # shellcheck disable=SC2086
    assert_closed "$app" dokku $command
  done
  assert_equal "$(id_of "$GROUP-0")" "$other" 'container of an app that is no target'
  fingerprint "$app" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"

  for command in "ps:report $app" "apps:report $app" "domains:report $app" "config:get $app KEPT" "config:show $app" "logs $app" \
    "urls $app" "ps:scale $app" "resource:limit $app" "ps:report" "graduate:report $GROUP" "graduate:status $GROUP" "graduate:list" \
    "config:set --no-restart $GROUP-0 A=b" "domains:add $GROUP-0 x-$GROUP.test" "config:set --no-restart ${DEV[0]} A=b"; do
    # shellcheck disable=SC2086
    assert_open dokku $command
  done
  let_go
  finish_graduation
  assert_exit 0
  ! has_gatekeeper || fail "user-auth is still linked"
  assert_open dokku config:set "$app" A=b
  assert_unlocked "$app"
}

@test "closed: while its old instances are kept off the data an app starts no other one by dokku run" {
  local app=${PROD[0]}
  hold_in_background --all
  assert_open dokku run "$app" /app/probe task once
  let_go
  finish_graduation
  assert_exit 0

  remove_hooks
  dokku graduate:set "$GROUP" quiesce 'max_wait=30s drain=3s' >/dev/null
  hold_in_background --all
  assert_closed "$app" dokku run "$app" /app/probe task once
  assert_closed "$app" dokku run:detached "$app" /app/probe task once
  assert_closed "$app" dokku --app "$app" run /app/probe task once
  assert_open dokku run "$GROUP-0" /app/probe task once
  assert_open dokku run:list "$app"
  let_go
  finish_graduation
  dokku graduate:set "$GROUP" quiesce >/dev/null
  assert_exit 0
  assert_open dokku run "$app" /app/probe task once
}

@test "closed: two groups graduate side by side; the end of one opens its own targets only" {
  hold_in_background --all
  first=$RUN_PID first_events=$EVENTS first_go=$GO
  EVENTS=$BATS_TEST_TMPDIR/second
  in_background dokku graduate:run dev prod --group "$GROUP-2" --yes --all --format json >"$EVENTS" 2>"$ERRORS"
  second=$BACKGROUND_PID
  wait_for_event '"state":"hold"'
  attempt dokku graduate:abort prod
  assert_equal "$status" 1 "exit code of an abort that names no group ($output)"
  assert_contains "$errors" "^ !     more than one .*--group.*$GROUP(-2)?, $GROUP"
  await "$second" 60
  assert_equal "$status" 0 "exit code of the second ($(cat "$ERRORS"))"
  assert_serves v2 "$GROUP-2-portal-prod"
  EVENTS=$first_events
  has_gatekeeper
  assert_open dokku config:set --no-restart "$GROUP-2-portal-prod" A=b
  assert_closed "${PROD[0]}" dokku ps:restart "${PROD[0]}"
  GO=$first_go let_go
  await "$first" 60
  assert_exit 0
  ! has_gatekeeper || fail "user-auth is still linked"
}

@test "closed: an abort from another terminal begins within a second; who asked is recorded; a Ctrl-C hears that it is under way" {
  settle "${PROD[@]}"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  add_hook post slow --app portal -- /app/probe task slow --sleep 600
  add_hold_hook abort
  NAME=ann graduate_in_background --all
  wait_for_event '"hook":"post/slow"'
  pid=$(coordinator)
  kill -HUP -- "-$RUN_PID" || true # the caller's line is lost
  assert_contains "$(dokku graduate:status "$GROUP")" "^=====> $GROUP from dev to prod: running"
  asked=$(date +%s%N)
  NAME=bob dokku graduate:abort prod --group "$GROUP"
  wait_for_event '"state":"aborting"' 10
  took=$((($(nanoseconds "$(time_of '.type == "state" and .state == "aborting"')") - asked) / 1000000))
  echo "# milliseconds from graduate:abort to the aborting state: $took" >&3
  assert_at_most "$took" 1000 'milliseconds from graduate:abort to the aborting state'
  wait_until_held # in the abort hook
  status=$(dokku graduate:status "$GROUP")
  assert_contains "$status" 'running'
  assert_contains "$status" 'Started by ann .*last state aborting'
  assert_contains "$status" 'Reason: it was aborted by bob'
  kill -INT "$pid"
  wait_for_event '"notice".*abort of .* is under way' 10
  let_go
  wait_for_event '"outcome".*"aborted"' 60
  timeout 20 tail --pid="$pid" -s 0.05 -f /dev/null
  [ -n "$(jq 'select(.type == "failure" and (.message | test("aborted by bob")))' "$E2E_DATA/runs/$(head -n 1 "$EVENTS" | jq --raw-output .run)/journal.jsonl")" ]
  assert_contains "$(dokku graduate:status "$GROUP")" 'Reason: it was aborted by bob'
  attempt dokku graduate:abort prod
  assert_equal "$status" 1 'exit code of an abort of nothing'
  assert_contains "$errors" '^ !     no graduation is running'
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "closed: after the release point neither Ctrl-C nor graduate:abort stops it, and both are told so" {
  add_hold_hook live
  graduate_in_background --all
  wait_until_held
  kill -INT -- "-$RUN_PID"
  wait_for_event '"notice".*being finished.*Ctrl-C does not stop it' 10
  kill -TERM "$(coordinator)"
  attempt dokku graduate:abort prod --group "$GROUP"
  assert_equal "$status" 1 'exit code of the abort'
  assert_contains "$errors" "^ !     graduation .* of $GROUP to prod cannot be aborted any more: it is past its release point"
  assert_equal "$(grep -c . <<<"$errors")" 1 "lines of: $errors"
  let_go
  finish_graduation
  assert_exit 0
  assert_serves v2 "${PROD[@]}"
}

@test "closed: no lock outlives its process; the next command on a target completes what was begun" {
  settle "${PROD[@]}"
  hold_in_background --all
  id=$(head -n 1 "$EVENTS" | jq --raw-output .run)
  locks=("$DOKKU_LIB_ROOT/data/apps/${PROD[0]}/.deploy.lock" "$E2E_DATA/locks/$GROUP" "$E2E_DATA/runs/$id/lock")
  for lock in "${locks[@]}"; do
    [ -e "$lock" ] || fail "there is no lock $lock"
    ! flock --nonblock "$lock" true || fail "$lock is not held"
  done
  pid=$(coordinator)
  kill -KILL "$pid"
  timeout 10 tail --pid="$pid" -s 0.02 -f /dev/null
  for lock in "${locks[@]}" "$E2E_DATA/closed.lock"; do flock --nonblock "$lock" true || fail "$lock is still held"; done
  assert_contains "$(dokku graduate:status "$GROUP")" 'abandoned'
  assert_open dokku config:set --no-restart "${PROD[0]}" B=c
  assert_contains "$(dokku graduate:status "$GROUP")" 'aborted'
  ! has_gatekeeper || fail "user-auth is still linked"
  assert_nothing_left "${PROD[@]}"
}

@test "closed: a server that starts its apps waits for an abort that is under way" {
  [ "$E2E_MODE" = sandbox ] || skip 'it would clear the proxy of every app of this server'
  settle "${PROD[@]}"
  add_hook post slow --app portal -- /app/probe task slow --sleep 600
  add_hold_hook abort
  graduate_in_background --all
  wait_for_event '"hook":"post/slow"'
  dokku graduate:abort prod --group "$GROUP"
  wait_until_held # in the abort hook
  docker container stop --time 1 "${PROD[0]}.web.1" >/dev/null # as Docker's restart does
  in_background dokku ps:restore >"$BATS_TEST_TMPDIR/restore" 2>&1
  restore=$BACKGROUND_PID
  wait_for "$BATS_TEST_TMPDIR/restore" "^-----> Waiting up to 5m: graduation .* of $GROUP to prod is being turned back" 30 >/dev/null
  let_go
  finish_graduation
  assert_exit 2
  await "$restore" 120
  assert_equal "$status" 0 "exit code of ps:restore: $(cat "$BATS_TEST_TMPDIR/restore")"
  assert_equal "$(containers "${PROD[0]}")" "${PROD[0]}.web.1" 'containers of the target'
}

#!/usr/bin/env bats
# The way back after the release point: graduate:rollback, and the rollback of a release that fails late.
# portal has a web and a worker process, webservices only web. Each test leaves the set that the next one begins with.
load one_group

setup_file() {
  make_group "$(name shop)" portal webservices
  may_go_wrong "${PROD[@]}"
  deploy "${PROD[0]}=$(portal v1)" "${PROD[1]}=$(image v1)"
  remember_group
}

portal() { image "$1.worker" --worker 1; }

dev_gets() { deploy "${DEV[0]}=$(portal "$1")" "${DEV[1]}=$(image "$1")"; }

# released VERSION: dev gets it and it is graduated; its id is in $ID.
released() {
  dev_gets "$1"
  graduate
  assert_exit 0
  ID=$(jq --raw-output .run "$EVENTS" | head -n 1)
}

# assert_set VERSION: both apps serve it and run it in every process, and nothing else is there.
assert_set() {
  assert_serves "$1" "${PROD[@]}"
  settle "${PROD[@]}"
  assert_equal "$(containers "${PROD[0]}" | paste -sd ' ')" "${PROD[0]}.web.1 ${PROD[0]}.worker.1" 'containers'
  assert_contains "$(docker logs "${PROD[0]}.worker.1" 2>&1)" "version=$1 .*works"
  assert_nothing_left "${PROD[@]}"
}

# kept: the kept versions of the group's apps.
kept() { docker image ls --format '{{.Repository}}:{{.Tag}}' "dokku-graduate/$GROUP-*" | sort; }

# run_of_group: the folder of the group's last run.
run_of_group() { echo "$E2E_DATA/runs/$(dokku graduate:status "$GROUP" --format json | jq --raw-output .id)"; }

@test "rollback: twice in a row, under load, the set goes back one release each time" {
  released v2
  rev2=$(git_revision "${PROD[0]}")
  released v3
  settle "${PROD[@]}"
  start_load "${PROD[@]}"
  roll_back
  assert_exit 0
  stop_load
  assert_no_failed_requests
  assert_version_not_seen_before v2 "$(released_at)"
  assert_candidates_were_held "${PROD[0]}" web 1
  assert_candidates_were_held "${PROD[0]}" worker 1
  assert_candidates_were_held "${PROD[1]}" web 1
  assert_set v2
  assert_equal "$(git_revision "${PROD[0]}")" "$rev2" HEAD
  assert_equal "$(dokku config:get "${PROD[0]}" GIT_REV)" "$rev2" GIT_REV
  assert_equal "$(ask "${PROD[0]}" '/env?key=GIT_REV')" "$rev2" 'GIT_REV in the live container'
  assert_equal "$(dokku git:report "${PROD[0]}" --git-source-image)" "$(portal v2)" 'source image'

  roll_back
  assert_exit 0
  assert_set v1
  side_by_side ps:restart "${PROD[@]}"
  assert_serves v1 "${PROD[@]}"
  # ps:retire has removed the images that git:from-image was given; a rebuild begins with them.
  portal v1 >/dev/null
  image v1 >/dev/null
  side_by_side ps:rebuild "${PROD[@]}"
  assert_serves v1 "${PROD[@]}"

  roll_back
  assert_exit 1
  assert_one_error_line 'no earlier set'
}

@test "rollback: a graduation after a rollback can be taken back too; automatic ones are held until they are released" {
  assert_contains "$(dokku graduate:report "$GROUP" --graduate-held-prod)" '^[0-9a-z]{26}$'
  assert_contains "$(dokku graduate:release prod --group "$GROUP")" 'is released'
  assert_equal "$(dokku graduate:report "$GROUP" --graduate-held-prod)" ''
  assert_contains "$(dokku graduate:release prod --group "$GROUP")" 'is not held'
  released v4
  roll_back
  assert_exit 0
  assert_set v1
}

@test "rollback: to what a certain graduation left; kept versions outlive Dokku's clean-ups; older ones go" {
  released v5
  fifth=$ID
  dokku config:set --no-restart "${PROD[0]}" COLOUR=blue SECRET=deep-secret >/dev/null
  released v6
  released v7
  settle "${PROD[@]}"
  dokku ps:retire >/dev/null
  for app in "${PROD[@]}"; do dokku cleanup "$app" >/dev/null; done
  roll_back --to "$fifth"
  assert_exit 0
  assert_set v5
  assert_equal "$(ask "${PROD[0]}" '/env?key=COLOUR')" blue 'the config of now'
  side_by_side ps:restart "${PROD[@]}"
  assert_serves v5 "${PROD[@]}"

  dokku graduate:set "$GROUP" keep 2
  released v8
  assert_equal "$(kept | sed 's/.*://; s/-before//' | sort -u | wc -l)" 2 'graduations whose versions are kept'
  assert_contains "$(kept)" ":$ID-before\$"
  dokku graduate:set "$GROUP" keep
}

@test "rollback: what does not come back is named first: config keys, never their values" {
  released v9
  dokku config:set --no-restart "${PROD[0]}" SECRET=third-secret >/dev/null
  add_hook rollback undo --app portal -- /app/probe task undo
  attempt dokku graduate:rollback prod --group "$GROUP" --yes
  assert_equal "$status" 0 "exit code (${errors:=})"
  assert_contains "$output" "the config of ${PROD[0]} has changed since.*SECRET"
  assert_contains "$output" 'rollback hooks do not run \(--hooks'
  assert_contains "$output" "Rolling $GROUP back in prod"
  refute_contains "$output$errors$(cat "$(run_of_group)/journal.jsonl")" 'third-secret|deep-secret'
  digest=$(jq --raw-output --arg app "${PROD[0]}" '.[$app].SECRET' "$(run_of_group)/config.json")
  refute_contains "$output$(cat "$(run_of_group)/journal.jsonl")" "$digest"
  assert_set v8
}

@test "rollback: --hooks runs the rollback hooks in the hold, in the image of the release that is taken back" {
  add_hook rollback undo --app portal -- /app/probe task undo
  released v10
  # what a plan looks at is looked at here, too
  dokku graduate:set "$GROUP" quiesce 'max_wait=30s drain=3s' >/dev/null
  dokku nginx:set "${PROD[0]}" proxy-read-timeout 20s >/dev/null
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  roll_back --hooks
  assert_exit 1
  assert_one_error_line "nginx ends requests of ${PROD[0]} after 20s" 'proxy-read-timeout'
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  roll_back --hooks --no-quiesce
  dokku nginx:set "${PROD[0]}" proxy-read-timeout >/dev/null
  dokku graduate:set "$GROUP" quiesce >/dev/null
  assert_exit 0
  assert_equal "$(jq 'select(.type == "quiesce")' "$EVENTS")" '' 'events of a quiesce'
  assert_equal "$(jq --raw-output 'select(.type == "hook" and .state == "succeeded").hook' "$EVENTS")" rollback/undo 'hooks'
  assert_contains "$(cat "$(run_of_group)/logs/rollback/undo.log")" 'version=v10 .*task name=undo'
  assert_order "$(time_of '.type == "candidate"')" "$(time_of '.type == "hook"')" "$(released_at)"
  assert_set v8
}

@test "rollback: one that fails before its release point leaves the present set" {
  released v11
  settle "${PROD[@]}"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  goes_wrong "${PROD[1]}" web-exits
  roll_back
  goes_wrong "${PROD[1]}"
  assert_exit 2
  assert_one_error_line "${PROD[1]}"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_set v11
}

@test "rollback: an image that somebody removed is named, and nothing is touched" {
  settle "${PROD[@]}"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  for image in $(kept | grep "${PROD[1]}:.*-before\$"); do docker image rm "$image" >/dev/null; done
  roll_back
  assert_exit 1
  assert_one_error_line "${PROD[1]}" 'image .* is gone' '--to'
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "rollback: a live hook that fails takes the release back by itself, exit code 3" {
  dev_gets v12
  add_hook live celebrate --app portal -- /app/probe task celebrate --exit 7
  start_load "${PROD[@]}"
  graduate
  assert_exit 3
  stop_load
  assert_one_error_line 'live/celebrate' '\b7\b' 'previous set is live again'
  assert_no_failed_requests
  assert_equal "$(event '.type == "outcome"' | tail -n 1 | jq --raw-output '"\(.state) \(.code)"')" 'rolled-back 3'
  assert_set v11
  seen=$(dokku graduate:status "$GROUP")
  assert_contains "$seen" "rollback of $GROUP in prod: live"
  assert_contains "$seen" 'takes a release back that failed: .*live/celebrate'
  assert_contains "$(dokku graduate:history "$GROUP")" 'rollback\) +prod .*live$'
  assert_contains "$(dokku graduate:history "$GROUP")" 'dev +prod .*rolled-back$'
}

@test "rollback: with a migration and nothing that undoes it the new set stays, exit code 4, with both commands" {
  add_hook post migrate --app portal -- /app/probe task migrate
  add_hook live celebrate --app portal -- /app/probe task celebrate --exit 7
  graduate
  assert_exit 4
  assert_one_error_line 'live/celebrate' 'not taken back' "graduate:recover $GROUP" 'graduate:rollback prod'
  assert_serves v12 "${PROD[@]}"
  remove_hooks
  roll_back
  assert_exit 0
  assert_set v11
}

@test "rollback: a rollback hook makes a migration reversible, and runs in the image of the release that failed" {
  add_hook post migrate --app portal -- /app/probe task migrate
  add_hook rollback undo --app portal -- /app/probe task undo
  add_hook live celebrate --app portal -- /app/probe task celebrate --exit 7
  graduate
  assert_exit 3
  assert_contains "$(cat "$(run_of_group)/logs/rollback/undo.log")" 'version=v12 .*task name=undo'
  assert_set v11
}

@test "rollback: the group's word makes it reversible too; one that fails is not tried for ever, and recover completes the release" {
  dokku graduate:set "$GROUP" reversible true
  chmod 666 "$E2E_SHARED/behaviour/${PROD[1]}"
  hook=$(host_hook breaks <<END
#!/bin/sh
[ ! -e $E2E_SHARED/no-more ] || exit 0
echo web-exits >$E2E_SHARED/behaviour/${PROD[1]}
exit 1
END
  )
  add_hook post migrate --app portal -- /app/probe task migrate
  add_hook live breaks --host "$hook"
  graduate
  goes_wrong "${PROD[1]}"
  assert_exit 4
  assert_serves v12 "${PROD[@]}"
  assert_one_error_line "could not be taken back.*${PROD[1]}"
  touch "$E2E_SHARED/no-more"
  dokku graduate:recover "$GROUP"
  assert_set v12
  dokku graduate:set "$GROUP" reversible
}

#!/usr/bin/env bats
# Six apps as one group: one abort that must not wait for the slowest, one success with one switch.

load one_group

setup_file() {
  make_group "$(name shop)" portal webservices mailer search billing admin
  may_go_wrong "${PROD[@]}"
  pairs=()
  for i in 0 1 2 3 4 5; do pairs+=("${PROD[i]}=$(image v1)" "${DEV[i]}=$(image v2)"); done
  pairs[9]="${DEV[4]}=$(image v2.patient --attempts 600)" # its check outlasts a boot of five minutes
  deploy "${pairs[@]}"
  settle "${DEV[@]}" "${PROD[@]}"
  remember_group
}

@test "six apps: the second fails its check: all others stop at once, the one that would still take minutes too" {
  goes_wrong "${PROD[1]}" web-exits
  goes_wrong "${PROD[4]}" boot-delay=5m
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  start_load "${PROD[@]}"
  graduate
  assert_exit 2
  stop_load

  assert_one_error_line "${PROD[1]}"
  assert_log_is_named
  failed=$(time_of ".type == \"app\" and .state == \"failed\" or .type == \"failure\"")
  took=$(milliseconds_between "$failed" "$(time_of '.type == "outcome"')")
  echo "# milliseconds from the failed check to the end of the abort: $took" >&3
  assert_at_most "$took" 30000 'milliseconds from the failed check to the end of the abort'
  assert_no_failed_requests
  assert_version_never_seen v2
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_nothing_left "${PROD[@]}"
  goes_wrong "${PROD[1]}"
  goes_wrong "${PROD[4]}"
  side_by_side ps:restart "${PROD[@]:0:3}"
  side_by_side ps:restart "${PROD[@]:3}"
  assert_serves v1 "${PROD[@]}"
}

@test "six apps: all go live at one reload" {
  watch_reloads
  start_load "${PROD[@]}"
  graduate
  assert_exit 0
  stop_load
  assert_no_failed_requests
  assert_version_not_seen_before v2 "$(released_at)"
  assert_serves v2 "${PROD[@]}"
  spread=$(load_value 'milliseconds from first to last app live' --new-version v2)
  echo "# milliseconds from first to last app live: $spread" >&3
  assert_at_most "$spread" 300 'milliseconds from first to last app live'
  assert_equal "$(reloads_between "$(time_of '.type == "state" and .state == "hold"')" "$(all_live_at v2)")" 1 'reloads of nginx until all were live'
  settle "${PROD[@]}"
  assert_nothing_left "${PROD[@]}"
}

@test "six apps: rolled back twice in a row, each time all at one reload" {
  pairs=()
  for app in "${DEV[@]}"; do pairs+=("$app=$(image v3)"); done
  deploy "${pairs[@]}"
  graduate
  assert_exit 0
  assert_serves v3 "${PROD[@]}"
  settle "${PROD[@]}"
  for version in v2 v1; do
    watch_reloads
    start_load "${PROD[@]}"
    roll_back
    assert_exit 0
    stop_load
    assert_no_failed_requests
    assert_serves "$version" "${PROD[@]}"
    spread=$(load_value 'milliseconds from first to last app live' --new-version "$version")
    echo "# milliseconds from first to last app back at $version: $spread" >&3
    assert_at_most "$spread" 300 'milliseconds from first to last app live'
    assert_equal "$(reloads_between "$(time_of '.type == "state" and .state == "hold"')" "$(all_live_at "$version")")" 1 'reloads of nginx until all were live'
    settle "${PROD[@]}"
    assert_nothing_left "${PROD[@]}"
    rm -rf "$LOAD"
  done
  roll_back
  assert_exit 1
  assert_one_error_line 'no earlier set'
}

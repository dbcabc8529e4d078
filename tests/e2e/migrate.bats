#!/usr/bin/env bats
# Migrations: one at a time, never twice, and their reversal only where they had begun; whatever becomes of the coordinator.
# shellcheck disable=SC2154 # attempt sets status, output and errors

load one_group

setup_file() {
  make_group "$(name shop)" portal
  deploy "${DEV[0]}=$(image v2.shell --shell)" "${PROD[0]}=$(image v1)"
  settle "${DEV[@]}" "${PROD[@]}"
  remember_group
}

# add_migration [SECONDS]: a migration that tells when it has begun, and its reversal. $x/did has a line for each that ran.
add_migration() {
  x=$(exchange)
  rm -f "$x/did"
  dokku docker-options:add "${PROD[0]}" run "--volume $x:/x" >/dev/null
  echo "$x" >"$BATS_TEST_TMPDIR/mounted"
  add_hook post migrate --app portal --migrate --timeout 40s -- /bin/sh -c "echo migrate >>/x/did; /app/probe task migrate --sleep ${1:-0}; echo migrated >>/x/did"
  add_hook abort undo --app portal --reverses migrate -- /bin/sh -c 'echo undo >>/x/did'
}

teardown() {
  end_background
  # In the other order: a reversal names its migration.
  tac "$BATS_TEST_TMPDIR/hooks" >"$BATS_TEST_TMPDIR/hooks.new" && mv "$BATS_TEST_TMPDIR/hooks.new" "$BATS_TEST_TMPDIR/hooks"
  remove_hooks
  [ ! -f "$BATS_TEST_TMPDIR/mounted" ] || dokku docker-options:remove "${PROD[0]}" run "--volume $(cat "$BATS_TEST_TMPDIR/mounted"):/x" >/dev/null
}

did() { tr '\n' ' ' <"$x/did" 2>/dev/null; }

# kill_in_migration: a graduation whose coordinator is killed while the migration runs.
kill_in_migration() {
  graduate_in_background
  wait_for "$x/did" migrate 60 >/dev/null
  kill -KILL "$(coordinator)"
  finish_graduation
}

journal_states() { # journal_states HOOK: what the journal says of a hook of the last graduation
  jq --raw-output --arg hook "$1" 'select(.type == "hook" and .hook == $hook).state' "$(find "$E2E_DATA/runs" -name journal.jsonl | sort | tail -n 1)" | tr '\n' ' '
}

@test "a migration waits for another one of its group, and its reversal runs where it had begun" {
  add_migration
  add_hook post stop --app portal -- /app/probe task stop --exit 9
  attempt dokku graduate:plan dev prod --group "$GROUP" --format json
  assert_equal "$(jq --compact-output '[.hooks[].migrate]' <<<"$output")" '[true,null]'
  mkfifo "$BATS_TEST_TMPDIR/held" "$BATS_TEST_TMPDIR/end"
  mkdir -p "$E2E_DATA/locks"
  in_background flock "$E2E_DATA/locks/$GROUP.migrations" -c "echo held >$BATS_TEST_TMPDIR/held; read -r _ <$BATS_TEST_TMPDIR/end"
  read -r _ <"$BATS_TEST_TMPDIR/held"
  chmod a+rw "$E2E_DATA/locks/$GROUP.migrations"
  graduate_in_background
  wait_for_event '"hook":"post/migrate"' 60
  wait_for "$(jq --raw-output 'select(.hook == "post/migrate").log' "$EVENTS" | head -n 1)" 'waiting for another migration of ' 20 >/dev/null
  assert_equal "$(did)" '' 'what has run beside the other migration'
  echo end >"$BATS_TEST_TMPDIR/end"
  finish_graduation
  assert_exit 2
  assert_equal "$(did)" 'migrate migrated undo ' 'what has run'
}

@test "the reversal of a migration that had not begun does not run" {
  add_hook pre broken --app portal -- /app/probe task broken --exit 9
  add_migration
  graduate
  assert_exit 2
  assert_equal "$(did)" ''
  assert_equal "$(event '.hook == "abort/undo"' | jq --raw-output '.state + " " + .message')" 'skipped migrate had not begun'
}

@test "a migration that outlives its coordinator is awaited, and not run again" {
  add_migration 8
  kill_in_migration
  attempt dokku graduate:recover "$GROUP"
  assert_equal "$(did)" 'migrate migrated undo ' 'what has run'
  assert_equal "$(journal_states post/migrate)" 'started succeeded '
  assert_equal "$(journal_states abort/undo)" 'started succeeded '
  assert_serves v1 "${PROD[@]}"
  assert_nothing_left "${PROD[@]}"
}

@test "where nobody knows how a migration ended the recovery stops, and a person decides" {
  for decision in keep undo; do
    remove_hooks_of_migration
    add_migration 600
    kill_in_migration
    docker rm --force "$(docker ps --quiet --filter label=com.dokku.graduate.hook=post/migrate)" >/dev/null
    for try in 1 2; do
      attempt dokku graduate:recover "$GROUP"
      [ "$status" -ne 0 ] || fail "recovery $try did not stop: $output"
      assert_contains "$errors" "nobody knows how post/migrate ended.* dokku graduate:recover $GROUP --migration undo .* or --migration keep"
      assert_serves v1 "${PROD[@]}"
    done
    graduate
    assert_exit 4
    assert_contains "$(cat "$ERRORS")" "^ !     .*dokku graduate:recover $GROUP --migration undo"
    attempt dokku graduate:recover "$GROUP" --migration "$decision"
    assert_equal "$status" 0 "exit code of graduate:recover --migration $decision ($errors)"
    expected='migrate '
    [ "$decision" = keep ] || expected='migrate undo '
    assert_equal "$(did)" "$expected" "what has run, with $decision"
    assert_nothing_left "${PROD[@]}"
  done
}

remove_hooks_of_migration() {
  [ -f "$BATS_TEST_TMPDIR/hooks" ] || return 0
  teardown
  rm -f "$BATS_TEST_TMPDIR/mounted"
}

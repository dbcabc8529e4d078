#!/usr/bin/env bats
# Kinds of hooks, and what each may be told: when to run, how often, beside which others, and what its failure means.

load one_group

setup_file() {
  make_group "$(name shop)" portal ws
  deploy "${DEV[0]}=$(image v2)" "${PROD[0]}=$(image v1)" "${DEV[1]}=$(image v2)" "${PROD[1]}=$(image v1)"
  settle "${DEV[@]}" "${PROD[@]}"
  remember_group
}

# hook_log HOOK: what it has printed.
hook_log() { cat "$(jq --raw-output --arg hook "$1" 'select(.type == "hook" and .hook == $hook).log' "$EVENTS" | head -n 1)"; }

# hook_states HOOK: what happened to it, in words.
hook_states() { jq --raw-output --arg hook "$1" 'select(.type == "hook" and .hook == $hook).state' "$EVENTS" | tr '\n' ' '; }

@test "finally hooks run after an abort, in the image that is restored, and change nothing" {
  x=$(exchange)
  hook=$(host_hook finally <<END
#!/bin/bash
echo "\$GRADUATE_PHASE \$GRADUATE_OUTCOME" >>$x/finally
exit 3
END
  )
  add_hook post stop --app portal -- /app/probe task stop --exit 9
  add_hook finally told --host "$hook"
  add_hook finally look --app portal -- /app/probe task look --print-env
  attempt dokku graduate:plan dev prod --group "$GROUP"
  assert_contains "$output" 'finally/told +in host'
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  graduate
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_exit 2
  assert_one_error_line 'post/stop' 'besides, hook finally/told failed'
  assert_equal "$(cat "$x/finally")" 'finally aborted'
  assert_contains "$(hook_log finally/look)" 'version=v1 .*task name=look'
  assert_contains "$(hook_log finally/look)" '^GRADUATE_OUTCOME=aborted$'
  assert_order "$(time_of '.type == "state" and .state == "aborting"')" "$(time_of '.hook == "finally/told"')" "$(time_of '.type == "outcome"')"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_nothing_left "${PROD[@]}"
}

@test "finally hooks run after a release, and one that fails leaves it live with exit code 0" {
  x=$(exchange)
  hook=$(host_hook finally <<END
#!/bin/bash
echo "\$GRADUATE_OUTCOME" >>$x/finally
exit 3
END
  )
  add_hook live tell --app portal -- /app/probe task tell
  add_hook finally told --host "$hook"
  add_hook finally look --app portal -- /app/probe task look
  graduate
  assert_exit 0
  assert_equal "$(cat "$x/finally")" live
  assert_contains "$(hook_log finally/look)" 'version=v2'
  assert_order "$(time_of '.hook == "live/tell"')" "$(time_of '.hook == "finally/told"')" "$(time_of '.hook == "finally/look"')" "$(time_of '.type == "outcome"')"
  assert_contains "$(event '.type == "notice"')" 'finally/told failed'
  assert_serves v2 "${PROD[@]}"
  rm "$HOOKS_DIR/$hook" # no rollback is refused for its sake
  attempt dokku graduate:rollback prod --group "$GROUP" --yes
  assert_equal "$status" 0 'exit code of the rollback'
  assert_contains "$output" 'hook finally/told runs at the end'
  assert_contains "$output" 'hook finally/told failed'
  assert_contains "$output" 'finally/look succeeded'
  assert_serves v1 "${PROD[@]}"
}

@test "a recovery that nobody asked for, as at the server's start, leaves the finally hooks to a later command" {
  x=$(exchange)
  hook=$(host_hook finally <<END
#!/bin/bash
echo "\$GRADUATE_OUTCOME" >>$x/finally
END
  )
  add_hold_hook
  add_hook finally told --host "$hook"
  graduate_in_background
  wait_until_held
  kill -KILL "$(coordinator)"
  finish_graduation
  attempt dokku graduate:recover --unattended --wait 5m
  assert_equal "$status" 0 'exit code of the recovery'
  assert_contains "$output" "Hook finally/told waits: dokku graduate:recover $GROUP, or the group's next graduation, runs it"
  [ ! -e "$x/finally" ] || fail 'the hook ran'
  assert_contains "$(dokku graduate:status "$GROUP")" 'aborted'
  assert_contains "$(dokku graduate:status "$GROUP")" 'Not run yet: finally/told'
  assert_serves v1 "${PROD[@]}"
  dokku graduate:recover "$GROUP" >/dev/null
  assert_equal "$(cat "$x/finally")" aborted
  assert_contains "$(dokku graduate:recover "$GROUP")" 'nothing to recover'
  assert_nothing_left "${PROD[@]}"
}

@test "a hook runs only in the environment, and only where the role changes, that its condition names" {
  graduate --only ws # so that it stays as it is
  assert_exit 0
  hook=$(host_hook missing <<<'#!/bin/sh')
  add_hook post elsewhere --host "$hook" --when-env dev
  add_hook post unchanged --app ws --when-changed ws -- /app/probe task unchanged --exit 9
  add_hook post here --app portal --when-env prod --when-changed portal -- /app/probe task here
  rm "$HOOKS_DIR/$hook" # what does not run need not be there
  attempt dokku graduate:plan dev prod --group "$GROUP"
  assert_equal "$status" 0 'exit code of the plan'
  assert_contains "$output" 'post/elsewhere .*left out: only in'
  attempt dokku graduate:plan dev prod --group "$GROUP" --format json
  assert_equal "$(jq --raw-output '[.hooks[] | .skip // "runs"] | join(", ")' <<<"$output")" 'only in dev, only where ws changes, runs'
  graduate
  assert_exit 0
  assert_equal "$(hook_states post/elsewhere)" 'skipped '
  assert_equal "$(hook_states post/unchanged)" 'skipped '
  assert_equal "$(hook_states post/here)" 'started succeeded '
  deploy "${PROD[0]}=$(image v1)" "${PROD[1]}=$(image v1)" # as the next test finds it
}

@test "a hook that fails is tried again, and one whose failure only warns lets the graduation go on" {
  x=$(exchange)
  hook=$(host_hook flaky <<END
#!/bin/bash
echo try >>$x/tries
echo "this is try \$(wc -l <$x/tries)"
[ "\$(wc -l <$x/tries)" -eq 3 ]
END
  )
  add_hook post flaky --host "$hook" --retries 5
  add_hook post optional --app ws --on-failure warn --retries 1 -- /app/probe task optional --exit 7
  add_hook live tell --app portal --on-failure warn -- /app/probe task tell --exit 8
  attempt dokku graduate:plan dev prod --group "$GROUP" --format json
  assert_equal "$(jq --compact-output '[.hooks[] | [.retries, .warns]]' <<<"$output")" '[[5,null],[1,true],[null,true]]'
  graduate
  assert_exit 0
  assert_equal "$(hook_states post/flaky)" 'started retried retried succeeded '
  assert_equal "$(tr '\n' ',' <<<"$(hook_log post/flaky)")" 'this is try 1,this is try 2,this is try 3,'
  assert_equal "$(hook_states post/optional)" 'started retried failed '
  assert_contains "$(event '.type == "notice"')" 'post/optional failed, and the graduation goes on .*exit code 7 .the last of 2 tries'
  assert_contains "$(event '.type == "notice"')" 'live/tell failed, and the graduation goes on .*exit code 8'
  assert_serves v2 "${PROD[@]}"
  deploy "${PROD[0]}=$(image v1)" "${PROD[1]}=$(image v1)" # as the next test finds it
}

@test "parallel hooks run side by side, all are awaited, and one that is cut off takes no other along" {
  x=$(exchange)
  mkfifo -m 666 "$x/one" "$x/other"
  first=$(host_hook first <<END
#!/bin/bash
echo met >$x/one
read -r word <$x/other
echo "first \$word"
END
  )
  second=$(host_hook second <<END
#!/bin/bash
read -r word <$x/one
echo met >$x/other
echo "second \$word"
END
  )
  late=$(host_hook late <<<$'#!/bin/bash\nexec sleep 600')
  add_hook post first --host "$first" --timeout 30s --parallel
  add_hook post second --host "$second" --timeout 30s --parallel
  add_hook post late --host "$late" --timeout 2s --parallel
  add_hook post container --app portal --parallel -- /app/probe task container --sleep 6
  add_hook post after --app portal -- /app/probe task after
  attempt dokku graduate:plan dev prod --group "$GROUP" --format json
  assert_equal "$(jq --compact-output '[.hooks[].parallel]' <<<"$output")" '[true,true,true,true,null]'
  graduate
  assert_exit 2
  assert_one_error_line 'post/late' 'time-out of 2s'
  assert_equal "$(hook_log post/first)" 'first met'
  assert_equal "$(hook_log post/second)" 'second met'
  assert_equal "$(hook_states post/late)" 'started failed '
  assert_equal "$(hook_states post/container)" 'started succeeded '
  assert_equal "$(hook_states post/after)" ''
  assert_order "$(time_of '.hook == "post/late" and .state == "failed"')" "$(time_of '.hook == "post/container" and .state == "succeeded"')" \
    "$(time_of '.type == "state" and .state == "aborting"')"
  assert_serves v1 "${PROD[@]}"
}

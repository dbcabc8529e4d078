#!/usr/bin/env bats
# How hooks end: what is told of it, and what is left of them.

load one_group

setup_file() {
  make_group "$(name shop)" portal
  deploy "${DEV[0]}=$(image v2.shell --shell)" "${PROD[0]}=$(image v1)"
  settle "${DEV[@]}" "${PROD[@]}"
  remember_group
}

# marker WORD: a word that stands in the command of this test's processes only.
marker() { echo "$E2E_ID-$BATS_TEST_NUMBER-$1"; }

# assert_gone MARKER: neither a process nor a container with that word in its command is left.
assert_gone() {
  ! pgrep --full --list-full -- "task $1" || fail "a process of the hook is left"
  assert_equal "$(docker ps --all --no-trunc --format '{{.Names}} {{.Command}}' --filter label=com.dokku.container-type=run | grep -- "$1" || true)" '' 'its containers'
}

# with_children NAME: a hook in a container whose main process has a child and a grandchild.
with_children() {
  add_hook "$1" "$2" --app portal "${@:3}" -- /bin/sh -c "(/app/probe task $(marker grandchild) --sleep 600 & /app/probe task $(marker child) --sleep 600) & /app/probe task $(marker main) --sleep 600"
}

@test "a container hook's exit code, signal, time-out and lack of memory are told apart" {
  add_hook post code --app portal --on-failure warn -- /app/probe task code --exit 7
  add_hook post missing --app portal --on-failure warn -- /bin/sh -c 'exec /no/such/file'
  add_hook post signal --app portal --on-failure warn -- /bin/sh -c "exec /app/probe task $(marker signal) --sleep 600"
  add_hook post late --app portal --on-failure warn --timeout 4s -- /app/probe task late --sleep 600
  # shellcheck disable=SC2016 # for the shell in the container
  add_hook post memory --app portal -- /bin/sh -c 'a=aaaaaaaaaaaaaaaa; while :; do a=$a$a; done'
  dokku docker-options:add "${PROD[0]}" run '--memory 24m' >/dev/null
  graduate_in_background
  wait_for_event '"hook":"post/signal"' 60
  wait_for "$(jq --raw-output 'select(.hook == "post/signal").log' "$EVENTS" | head -n 1)" 'task name' 30 >/dev/null
  docker kill --signal KILL "$(docker ps --quiet --filter label=com.dokku.graduate.hook=post/signal)" >/dev/null
  finish_graduation
  dokku docker-options:remove "${PROD[0]}" run '--memory 24m' >/dev/null
  assert_exit 2
  assert_one_error_line 'hook post/memory: it ran out of memory: its container may use 24 MB .exit code 137'
  why() { jq --raw-output --arg hook "$1" 'select(.hook == $hook and .state == "failed").message' "$EVENTS"; }
  assert_equal "$(why post/code)" 'it ended with exit code 7'
  assert_equal "$(why post/missing)" 'it ended with exit code 127'
  assert_equal "$(why post/signal)" 'it was ended by the signal killed (exit code 137)'
  assert_equal "$(why post/late)" 'it did not end within its time-out of 4s'
  assert_nothing_left "${PROD[@]}"
}

@test "a container hook that is cut off by its time-out, or by an abort, is gone with its children" {
  with_children post late --timeout 8s
  graduate
  assert_exit 2
  assert_one_error_line 'post/late' 'time-out of 8s'
  assert_gone "$(marker '')"
  remove_hooks
  with_children post stopped
  graduate_in_background
  wait_for_event '"hook":"post/stopped"' 60
  wait_for "$(jq --raw-output 'select(.hook == "post/stopped").log' "$EVENTS" | head -n 1)" "task name=$(marker grandchild)" 30 >/dev/null
  pgrep --full -- "task $(marker grandchild)" >/dev/null
  dokku graduate:abort --group "$GROUP" >/dev/null
  finish_graduation
  assert_exit 2
  assert_gone "$(marker '')"
  assert_nothing_left "${PROD[@]}"
}

@test "what a host hook has started is gone with it, in whatever process group it is" {
  x=$(exchange)
  hook=$(host_hook groups <<END
#!/bin/bash
echo try >>$x/tries
pgrep --full -- "task $(marker '')" >>$x/left
setsid bash -c 'sleep 600; : task $(marker session)' &
timeout 600 bash -c 'sleep 600; : task $(marker timeout)' &
[ "\$(wc -l <$x/tries)" -lt 3 ] || exit 0
wait
END
  )
  add_hook post groups --host "$hook" --timeout 3s --retries 2
  add_hook post after --app portal -- /app/probe task after --exit 9
  graduate
  assert_exit 2
  assert_one_error_line 'post/after'
  assert_equal "$(wc -l <"$x/tries")" 3 'tries'
  assert_equal "$(cat "$x/left")" '' 'processes that the next try has found'
  assert_gone "$(marker '')"
  assert_nothing_left "${PROD[@]}"
}

@test "a container hook may be a process of the new version's Procfile" {
  deploy "${DEV[0]}=$(image v3.procfile --shell --release '/app/probe task from-release' --process 'migrate=/app/probe task from-migrate --print-env')"
  dokku graduate:set "$GROUP" release-tasks skip
  add_hook post release --app portal --process release
  add_hook post migrate --app portal --process migrate
  add_hook post missing --app portal --process missing
  attempt dokku graduate:plan dev prod --group "$GROUP" --format json
  assert_equal "$(jq --raw-output '.hooks[] | select(.name == "migrate").what' <<<"$output")" "Procfile's migrate: /app/probe task from-migrate --print-env"
  assert_equal "$(jq --raw-output '.findings[] | select(.code == "hook-command").severity' <<<"$output")" warning
  graduate
  dokku graduate:set "$GROUP" release-tasks
  assert_exit 2
  assert_one_error_line 'hook post/missing: the Procfile of .* has no process missing'
  assert_contains "$(cat "$(jq --raw-output 'select(.hook == "post/release").log' "$EVENTS" | head -n 1)")" 'version=v3 .*task name=from-release'
  migrate=$(cat "$(jq --raw-output 'select(.hook == "post/migrate").log' "$EVENTS" | head -n 1)")
  assert_contains "$migrate" 'task name=from-migrate'
  assert_contains "$migrate" '^GRADUATE_PHASE=post$'
}

@test "the plan says what becomes of the apps' release tasks, and that is what happens" {
  deploy "${DEV[0]}=$(image v4.tasks --shell --predeploy '/app/probe task predeployed' --release '/app/probe task released')"
  add_hook pre first --app portal -- /app/probe task first
  add_hook post stop --app portal -- /app/probe task stop --exit 9
  planned() {
    attempt dokku graduate:plan dev prod --group "$GROUP" --format json
    jq --raw-output '[.hooks[] | .name + " " + (.moment // .skip // "")] | join(", ")' <<<"$output"
  }
  run_tasks() { event '.type == "hook" and .state == "succeeded"' | jq --raw-output .hook | tr '\n' ' '; }
  assert_equal "$(planned)" 'first , portal/predeploy hold, portal/release hold, stop '
  graduate
  assert_equal "$(run_tasks)" 'pre/first portal/predeploy portal/release '
  dokku graduate:set "$GROUP" release-tasks skip
  assert_equal "$(planned)" 'first , portal/predeploy release-tasks is skip, portal/release release-tasks is skip, stop '
  graduate
  assert_equal "$(run_tasks)" 'pre/first '
  dokku graduate:set "$GROUP" release-tasks before
  assert_equal "$(planned)" 'portal/predeploy before, portal/release before, first , stop '
  graduate
  dokku graduate:set "$GROUP" release-tasks
  assert_equal "$(run_tasks)" 'pre/first '
  assert_contains "$(cat "$E2E_DATA/runs/$(jq --raw-output .run "$EVENTS" | head -n 1)/logs/${PROD[0]}.log")" 'task name=predeployed'
}

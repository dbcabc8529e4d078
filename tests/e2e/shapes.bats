#!/usr/bin/env bats
# Graduations of apps of other shapes: several web processes, workers alone, first deploys, git pushes, release tasks.

setup() {
  load helpers
  GROUP='' DEV=() PROD=()
}

teardown() {
  end_background
  remove_hooks
  [ -z "$GROUP" ] || remove_group "$GROUP"
  remove_apps "${DEV[@]}" "${PROD[@]}"
}

@test "shapes: web=3 and two workers: every container is held before the release, all go live together" {
  make_group "$(name many)" portal
  deploy "${DEV[0]}=$(image v2.many --web 3 --worker 2)" "${PROD[0]}=$(image v1)"
  start_load "${PROD[0]}"
  graduate
  assert_exit 0
  stop_load
  assert_candidates_were_held "${PROD[0]}" web 3
  assert_candidates_were_held "${PROD[0]}" worker 2
  assert_no_failed_requests
  assert_version_not_seen_before v2 "$(released_at)"
  settle "${PROD[0]}"
  assert_equal "$(containers "${PROD[0]}" | sed 's/.*prod\.//' | tr '\n' ' ')" 'web.1 web.2 web.3 worker.1 worker.2 ' 'running containers'
  for n in 1 2 3 4 5 6 7 8 9; do ask "${PROD[0]}"; done | sed -n 's/.*dyno=\([^ ]*\).*/\1/p' | sort -u >"$BATS_TEST_TMPDIR/dynos"
  assert_equal "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/dynos")" 'web.1 web.2 web.3 ' 'who answers'
  assert_contains "$(dokku ps:scale "${PROD[0]}" 2>&1)" 'web: *3'
  assert_nothing_left "${PROD[0]}"
}

@test "shapes: a formation that shrinks ends the containers and process types that the new version does not have" {
  make_group "$(name less)" portal
  deploy "${DEV[0]}=$(image v2.one --web 1)" "${PROD[0]}=$(image v1.much --web 2 --worker 1)"
  graduate
  assert_exit 0
  settle "${PROD[0]}"
  assert_serves v2 "${PROD[0]}"
  assert_equal "$(containers "${PROD[0]}" | tr '\n' ' ')" "${PROD[0]}.web.1 " 'running containers'
}

@test "shapes: a role that is only a worker is checked, held and released with the others" {
  make_group "$(name jobs)" portal jobs
  deploy "${DEV[0]}=$(image v2)" "${PROD[0]}=$(image v1)" \
    "${DEV[1]}=$(image v2.jobs --web 0 --worker 1)" "${PROD[1]}=$(image v1.jobs --web 0 --worker 1)"
  graduate
  assert_exit 0
  assert_candidates_were_held "${PROD[1]}" worker 1
  assert_serves v2 "${PROD[0]}"
  settle "${PROD[1]}"
  assert_equal "$(containers "${PROD[1]}")" "${PROD[1]}.worker.1"
  assert_contains "$(docker logs "${PROD[1]}.worker.1" 2>&1)" 'version=v2'
  side_by_side ps:restart "${PROD[1]}"
  assert_contains "$(docker logs "${PROD[1]}.worker.1" 2>&1)" 'version=v2'
}

@test "shapes: a target that was never deployed is again one after an abort, and goes live at the next success" {
  make_group "$(name new)" portal
  deploy "${DEV[0]}=$(image v1)"
  fingerprint "${PROD[0]}" >"$BATS_TEST_TMPDIR/before"
  add_hook post fails --app portal -- /app/probe task fails --exit 3
  graduate
  assert_exit 2
  assert_one_error_line
  fingerprint "${PROD[0]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_equal "$(dokku ps:report "${PROD[0]}" --deployed)" false
  remove_hooks

  graduate
  assert_exit 0
  assert_serves v1 "${PROD[0]}"
  assert_equal "$(git_revision "${PROD[0]}")" "$(git_revision "${DEV[0]}")" HEAD
  side_by_side ps:restart "${PROD[0]}"
  assert_serves v1 "${PROD[0]}"
  side_by_side ps:rebuild "${PROD[0]}"
  assert_serves v1 "${PROD[0]}"
}

# push APP VERSION: git push of a Dockerfile, whatever was there before; prints the commit.
push() {
  local repository=$BATS_TEST_TMPDIR/$1
  "$REPO/tests/apps/git-repo" "$repository" "$2"
  git -C "$repository" push --quiet --force "$E2E_GIT_URL:$1" master >"$BATS_TEST_TMPDIR/push.log" 2>&1 3>&- ||
    fail "git push: $(cat "$BATS_TEST_TMPDIR/push.log")"
}

@test "shapes: a source that was deployed by git push graduates with its commit" {
  make_group "$(name git)" portal
  push "${PROD[0]}" v1 >/dev/null
  revision=$(push "${DEV[0]}" v2)
  assert_serves v1 "${PROD[0]}"
  graduate
  assert_exit 0
  assert_serves v2 "${PROD[0]}"
  assert_equal "$(git_revision "${PROD[0]}")" "$revision" HEAD
  assert_equal "$(dokku config:get "${PROD[0]}" GIT_REV)" "$revision" GIT_REV
  assert_equal "$(ask "${PROD[0]}" '/env?key=GIT_REV')" "$revision" 'GIT_REV in the live container'
  side_by_side ps:restart "${PROD[0]}"
  assert_serves v2 "${PROD[0]}"
  side_by_side ps:rebuild "${PROD[0]}"
  assert_serves v2 "${PROD[0]}"
  # The ordinary way stays open: the next push of the target's own repository builds on the commit.
  assert_equal "$(git_revision "${PROD[0]}")" "$revision" 'HEAD after ps:rebuild'
}

@test "shapes: a git-pushed target takes the version of a source that was deployed from an image, and back" {
  make_group "$(name mixed)" portal
  push "${PROD[0]}" v1 >/dev/null
  deploy "${DEV[0]}=$(image v2)"
  graduate
  assert_exit 0
  assert_serves v2 "${PROD[0]}"
  assert_equal "$(dokku git:report "${PROD[0]}" --git-source-image)" "$(image v2)" 'source image'
  side_by_side ps:rebuild "${PROD[0]}"
  assert_serves v2 "${PROD[0]}"

  revision=$(push "${DEV[0]}" v3)
  graduate
  assert_exit 0
  assert_serves v3 "${PROD[0]}"
  assert_equal "$(dokku config:get "${PROD[0]}" GIT_REV)" "$revision" GIT_REV
  assert_equal "$(dokku git:report "${PROD[0]}" --git-source-image)" '' 'source image'
  side_by_side ps:rebuild "${PROD[0]}"
  assert_serves v3 "${PROD[0]}"
}

# With a shell in the image Dokku can run release tasks.
tasks() { image "$1.tasks" --shell --predeploy '/app/probe task predeploy' --release '/app/probe task release'; }

run_folder() { echo "$E2E_DATA/runs/$(jq --raw-output .run "$EVENTS" | head -n 1)"; }

# ran TASK: how often the last graduation ran it, by its logs.
ran() { grep -rhE "task name=$1\$" "$(run_folder)/logs" | wc -l; }

@test "shapes: an app's own release tasks run once, in the hold, and stay in the stored files" {
  make_group "$(name tasks)" portal
  deploy "${DEV[0]}=$(tasks v2)" "${PROD[0]}=$(image v1)"
  graduate
  assert_exit 0
  for task in predeploy release; do
    assert_equal "$(ran $task)" 1 "how often $task ran"
    began=$(time_of ".type == \"hook\" and (.hook | endswith(\"/$task\")) and .state == \"started\"")
    ended=$(time_of ".type == \"hook\" and (.hook | endswith(\"/$task\")) and .state == \"succeeded\"")
    assert_order "$(time_of '.type == "candidate" and .candidate.process == "web"')" "$began" "$ended" "$(released_at)"
  done
  assert_equal "$(jq --raw-output .scripts.dokku.predeploy "$(stored "${PROD[0]}" app.json)")" '/app/probe task predeploy' 'stored predeploy'
  assert_contains "$(cat "$(stored "${PROD[0]}" Procfile)")" '^release: /app/probe task release$'
}

@test "shapes: release tasks do not run where a check fails before, nor where they are to be skipped; before means before the start" {
  make_group "$(name modes)" portal
  may_go_wrong "${PROD[0]}"
  deploy "${DEV[0]}=$(tasks v2)" "${PROD[0]}=$(image v1)"
  goes_wrong "${PROD[0]}" web-exits
  graduate
  assert_exit 2
  assert_equal "$(ran predeploy) $(ran release)" '0 0' 'runs of predeploy and release'
  assert_equal "$(event '.type == "hook"')" '' 'events of hooks'
  goes_wrong "${PROD[0]}"

  dokku graduate:set "$GROUP" release-tasks skip
  graduate
  assert_exit 0
  assert_equal "$(ran predeploy) $(ran release)" '0 0' 'runs of predeploy and release'

  dokku graduate:set "$GROUP" release-tasks before
  deploy "${DEV[0]}=$(tasks v3)"
  graduate
  assert_exit 0
  assert_equal "$(ran predeploy) $(ran release)" '1 1' 'runs of predeploy and release'
  log=$(grep -rlE 'task name=release$' "$(run_folder)/logs")
  [ "$(grep -nE 'task name=release$' "$log" | cut -d : -f 1)" -lt "$(grep -n 'Deploying web' "$log" | cut -d : -f 1)" ]
  assert_serves v3 "${PROD[0]}"
}

@test "shapes: a release task that fails aborts" {
  make_group "$(name bad)" portal
  # shellcheck disable=SC2016 # for the shell in the container
  deploy "${PROD[0]}=$(image v1)" "${DEV[0]}=$(image v2.badtask --shell --release 'test -n "$MAY" || exit 0; /app/probe task release --exit 5')"
  dokku config:set --no-restart "${PROD[0]}" MAY=1 >/dev/null
  settle "${PROD[0]}"
  fingerprint "${PROD[0]}" >"$BATS_TEST_TMPDIR/before"
  graduate
  assert_exit 2
  assert_one_error_line release
  assert_log_is_named 'task name=release'
  fingerprint "${PROD[0]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_serves v1 "${PROD[0]}"
}

@test "shapes: a postdeploy script runs after the release, as Dokku does it" {
  make_group "$(name postdeploy)" portal
  deploy "${DEV[0]}=$(image v2.postdeploy --shell --postdeploy '/app/probe task postdeploy')" "${PROD[0]}=$(image v1)"
  graduate
  assert_exit 0
  assert_equal "$(ran postdeploy)" 1 'how often postdeploy ran'
  assert_serves v2 "${PROD[0]}"
}

@test "shapes: workers of a role that starts before post are held before the post hooks run" {
  make_group "$(name early)" portal
  dokku graduate:export "$GROUP" | sed 's/\(portal: {.*\)}/\1, start: before-post}/' | dokku graduate:apply >/dev/null
  deploy "${DEV[0]}=$(image v2.worker --worker 1)" "${PROD[0]}=$(image v1.worker --worker 1)"
  add_hook post migrate --app portal -- /app/probe task migrate
  graduate
  assert_exit 0
  assert_order "$(time_of '.type == "candidate" and .candidate.process == "worker"')" \
    "$(time_of '.type == "hook" and .hook == "post/migrate" and .state == "started"')" "$(released_at)"
}

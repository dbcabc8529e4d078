#!/usr/bin/env bats
# A graduation of two apps that goes well: portal has a web and a worker process, webservices only web.

load one_group

setup_file() {
  make_group "$(name shop)" portal webservices
  dev_gets v1
  deploy "${PROD[0]}=$(portal v1)" "${PROD[1]}=$(webservices v1)"
  settle "${DEV[@]}" "${PROD[@]}"
  remember_group
}

portal() { image "$1.worker" --worker 1; }
webservices() { image "$1"; }

dev_gets() { deploy "${DEV[0]}=$(portal "$1")" "${DEV[1]}=$(webservices "$1")"; }

# given_live VERSION: it has been graduated, by an earlier test or now.
given_live() {
  if [ "$(version_of "${PROD[0]}")" != "$1" ] || [ "$(version_of "${PROD[1]}")" != "$1" ]; then
    dev_gets "$1"
    graduate
    assert_exit 0
  fi
}

@test "run: both apps go live at one reload, no request fails, no answer of the new version comes early" {
  dev_gets v2
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
  assert_equal "$(reloads_between "$(time_of '.type == "state" and .state == "hold"')" "$(all_live_at v2)")" 1 'reloads of nginx until both were live'
}

@test "run: the events tell the phases in their order and end with the outcome" {
  dev_gets v3
  graduate
  assert_exit 0
  states=$(jq --raw-output 'select(.type == "state").state' "$EVENTS" | tr '\n' ' ')
  assert_contains "$states" 'stage pre start hold post rest .*release settle live finish'
  jq --exit-status 'has("time") and has("type") and .group and .run' "$EVENTS" >/dev/null
  assert_equal "$(tail -n 1 "$EVENTS" | jq --raw-output '"\(.type) \(.state) \(.code // 0)"')" 'outcome live 0'
  for app in "${PROD[@]}"; do
    for state in staged starting released finished; do
      [ -n "$(event ".type == \"app\" and .app == \"$app\" and .state == \"$state\"")" ] || fail "no event '$state' of $app"
    done
  done
  assert_equal "$(cat "$ERRORS")" '' 'error output'
}

@test "run: people see each app's progress in Dokku's own manner" {
  dev_gets v4
  run dokku graduate:run dev prod --group "$GROUP" --yes
  assert_equal "$status" 0 "exit code ($output)"
  assert_contains "$output" "^=====> Graduating $GROUP from dev to prod \([0-9a-z]+\)"
  assert_contains "$output" "^-----> ${PROD[0]}: web\.1 .*held at [0-9.]+:5000"
  assert_contains "$output" "^-----> ${PROD[1]}: web\.1 .*held at [0-9.]+:5000"
  assert_contains "$output" "=====> $GROUP is live in prod"
  assert_serves v4 "${PROD[@]}"
}

@test "run: workers start after the post hooks, are checked and held, and only then the release comes" {
  dev_gets v5
  add_hook post migrate --app portal -- /app/probe task migrate
  graduate
  assert_exit 0
  assert_candidates_were_held "${PROD[0]}" web 1
  assert_candidates_were_held "${PROD[0]}" worker 1
  assert_candidates_were_held "${PROD[1]}" web 1
  hook=$(time_of '.type == "hook" and .hook == "post/migrate" and .state == "succeeded"')
  web=$(time_of '.type == "candidate" and .candidate.process == "web"')
  worker=$(time_of '.type == "candidate" and .candidate.process == "worker"')
  assert_order "$web" "$hook" "$worker" "$(released_at)"
  assert_equal "$(docker inspect --format '{{.Image}}' "${PROD[0]}.worker.1")" "$(image_id "${PROD[0]}")" 'image of the worker'
  assert_contains "$(docker logs "${PROD[0]}.worker.1" 2>&1)" 'version=v5 .*works'
}

@test "run: HEAD, GIT_REV, latest and the deploy source of the target are those of the source" {
  given_live v5
  for i in 0 1; do
    assert_equal "$(git_revision "${PROD[i]}")" "$(git_revision "${DEV[i]}")" HEAD
    assert_equal "$(dokku config:get "${PROD[i]}" GIT_REV)" "$(git_revision "${DEV[i]}")" GIT_REV
    assert_equal "$(ask "${PROD[i]}" '/env?key=GIT_REV')" "$(git_revision "${DEV[i]}")" 'GIT_REV in the live container'
    for key in --git-sha --git-source-image; do
      assert_equal "$(dokku git:report "${PROD[i]}" $key)" "$(dokku git:report "${DEV[i]}" $key)" "git:report $key"
    done
    for key in --app-deploy-source --app-deploy-source-metadata; do
      assert_equal "$(dokku apps:report "${PROD[i]}" $key)" "$(dokku apps:report "${DEV[i]}" $key)" "apps:report $key"
    done
    assert_equal "$(docker inspect --format '{{.Image}}' "${PROD[i]}.web.1")" "$(image_id "${PROD[i]}")" 'image of the live container'
    assert_equal "$(docker image inspect --format '{{.RootFS.Layers}}' "dokku/${PROD[i]}:latest")" \
      "$(docker image inspect --format '{{.RootFS.Layers}}' "dokku/${DEV[i]}:latest")" 'layers of the image'
    assert_equal "$(docker image inspect --format '{{index .Config.Labels "com.dokku.app-name"}}' "dokku/${PROD[i]}:latest")" "${PROD[i]}" 'label of the image'
  done
}

@test "run: the stored Procfile and app.json are those of the promoted version, byte for byte" {
  given_live v5
  for i in 0 1; do
    cmp "$(stored "${DEV[i]}" Procfile)" "$(stored "${PROD[i]}" Procfile)"
    cmp "$(stored "${DEV[i]}" app.json)" "$(stored "${PROD[i]}" app.json)"
    refute_contains "$(cat "$(stored "${PROD[i]}" app.json)")" max_parallel
  done
}

@test "run: nothing of it is left but its record, and Dokku would write the same nginx files" {
  given_live v5
  settle "${PROD[@]}"
  assert_nothing_left "${PROD[@]}"
  for app in "${PROD[@]}"; do
    cp "$DOKKU_ROOT/$app/nginx.conf" "$BATS_TEST_TMPDIR/nginx.conf"
    dokku proxy:build-config "$app" >/dev/null
    diff -u "$BATS_TEST_TMPDIR/nginx.conf" "$DOKKU_ROOT/$app/nginx.conf"
  done
}

@test "run: ps:restart, ps:rebuild and dokku run give the new version ever after, also after ps:retire and cleanup" {
  given_live v5
  settle "${PROD[@]}"
  dokku ps:retire >/dev/null
  for app in "${PROD[@]}"; do dokku cleanup "$app" >/dev/null; done
  for app in "${PROD[@]}"; do
    run dokku run "$app" /app/probe task hello
    assert_equal "$status" 0 "exit code of dokku run ($output)"
    assert_contains "$output" 'version=v5 .*task name=hello'
  done
  side_by_side ps:restart "${PROD[@]}"
  assert_serves v5 "${PROD[@]}"
  side_by_side ps:rebuild "${PROD[@]}"
  assert_serves v5 "${PROD[@]}"
  settle "${PROD[@]}"
  dokku ps:retire >/dev/null
  for app in "${PROD[@]}"; do dokku cleanup "$app" >/dev/null; done
  side_by_side ps:restart "${PROD[@]}"
  assert_serves v5 "${PROD[@]}"
}

@test "run: what is already live is skipped, and a run with nothing to do touches nothing" {
  given_live v5
  graduate # a ps:rebuild may have made another image of the same version
  settle "${PROD[@]}"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  graduate
  assert_exit 0
  assert_equal "$(tail -n 1 "$EVENTS" | jq --raw-output '"\(.type) \(.state)"')" 'outcome unchanged'
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "run: of two apps the unchanged one is left as it is, while the other goes live" {
  given_live v5
  deploy "${DEV[1]}=$(webservices v6)"
  settle "${PROD[0]}"
  fingerprint "${PROD[0]}" >"$BATS_TEST_TMPDIR/before"
  add_hook post check --app portal -- /app/probe task check
  graduate
  assert_exit 0
  [ -n "$(event ".type == \"app\" and .app == \"${PROD[0]}\" and .state == \"skipped\"")" ]
  assert_contains "$(cat "$(event '.type == "hook" and .state == "succeeded"' | jq --raw-output .log)")" v5 # in the version that it keeps
  assert_serves v6 "${PROD[1]}"
  assert_serves v5 "${PROD[0]}"
  fingerprint "${PROD[0]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "run: --all takes the unchanged apps along" {
  before=$(docker inspect --format '{{.Id}}' "${PROD[0]}.web.1")
  graduate --all
  assert_exit 0
  [ "$(docker inspect --format '{{.Id}}' "${PROD[0]}.web.1")" != "$before" ]
  assert_equal "$(event '.type == "app" and .state == "skipped"')" ''
}

@test "run: a target whose config has changed since is not skipped" {
  graduate
  assert_exit 0
  dokku config:set --no-restart "${PROD[1]}" COLOUR=blue >/dev/null
  graduate
  assert_exit 0
  assert_equal "$(ask "${PROD[1]}" '/env?key=COLOUR')" blue
}

@test "run: the target keeps its own config, domains and scale where the version has no formation" {
  dokku config:set --no-restart "${PROD[0]}" SECRET='a b"c' >/dev/null
  dokku domains:add "${PROD[0]}" "alias-$E2E_ID.test" >/dev/null
  deploy "${DEV[0]}=$(image v7.free --worker 1 --no-formation)"
  dokku ps:scale "${DEV[0]}" web=1 worker=1 >/dev/null
  graduate
  assert_exit 0
  assert_equal "$(ask "${PROD[0]}" '/env?key=SECRET')" 'a b"c'
  assert_equal "$(curl --silent --header "Host: alias-$E2E_ID.test" --output /dev/null --write-out '%header{x-version}' "http://127.0.0.1:$E2E_HTTP_PORT/")" v7
  dokku ps:scale "${PROD[0]}" web=2 worker=0 >/dev/null
  deploy "${DEV[0]}=$(image v8.free --worker 1 --no-formation)"
  graduate
  assert_exit 0
  assert_candidates_were_held "${PROD[0]}" web 2
  settle "${PROD[0]}"
  assert_equal "$(containers "${PROD[0]}" | tr '\n' ' ')" "${PROD[0]}.web.1 ${PROD[0]}.web.2 "
}

@test "run: two graduations into one environment at once: the second is refused" {
  dev_gets v9
  add_hold_hook
  graduate_in_background
  wait_until_held
  first=$EVENTS
  run dokku graduate:run dev prod --group "$GROUP" --yes
  assert_equal "$status" 1 'exit code of the second'
  assert_contains "$output" '^ !     .*(running|runs|being graduated)'
  let_go
  EVENTS=$first finish_graduation
  assert_exit 0
  assert_serves v9 "${PROD[@]}"
}

@test "run: while it runs, its targets are closed to git pushes and whatever else takes Dokku's deploy lock" {
  dev_gets v10
  add_hold_hook
  graduate_in_background
  wait_until_held
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  run dokku ps:rebuild "${PROD[0]}"
  [ "$status" -ne 0 ] || fail "ps:rebuild was let in: $output"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  let_go
  finish_graduation
  assert_exit 0
  assert_serves v10 "${PROD[@]}"
  for app in "${PROD[@]}"; do assert_unlocked "$app"; done
}

@test "run: while it runs, its targets are closed to ps:restart, ps:scale and config:set, which take no lock" {
  dev_gets v11
  add_hold_hook
  graduate_in_background
  wait_until_held
  for command in "ps:restart ${PROD[0]}" "ps:scale ${PROD[0]} web=2" "config:set ${PROD[0]} A=b"; do
    # shellcheck disable=SC2086
    run dokku $command
    [ "$status" -ne 0 ] || fail "$command was let in: $output"
    assert_contains "$output" ' !     .*graduat'
  done
  let_go
  finish_graduation
  assert_exit 0
  assert_serves v11 "${PROD[@]}"
  side_by_side ps:restart "${PROD[@]}"
  assert_serves v11 "${PROD[@]}"
}

#!/usr/bin/env bats
# shellcheck disable=SC2154 # say sets status, output and errors
# graduate:plan says what will happen; graduate:run does just that. The findings have a file of their own: findings.bats.

load plans

# Values that must be seen nowhere; a later test looks for them in whatever was printed or stored.
SECRETS=(geheim-4711-dev geheim-4711-prod geheim-4712 geheim-4713 geheim-4714 geheim-4715 geheim-4716)

setup_file() {
  make_group "$(name shop)" portal api
  push "${DEV[0]}" v1 1
  deploy "${DEV[1]}=$(image v1)"
  dokku config:set --no-restart "${DEV[0]}" DATABASE_URL=postgres://shop:geheim-4711-dev@db/shop >/dev/null
  dokku config:set --no-restart "${PROD[0]}" DATABASE_URL=postgres://shop:geheim-4711-prod@db/shop >/dev/null
  BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR graduate
  assert_exit 0
  settle "${DEV[@]}" "${PROD[@]}"
  remember_group
}

# dev_gets VERSION: portal's source is deployed anew.
dev_gets() { push "${DEV[0]}" "$1" 1 --worker 1; }

# given_change: there is something to graduate in portal.
given_change() {
  plan
  [ "$(role portal .action)" = graduate ] || dev_gets "v$BATS_TEST_NUMBER"
}

@test "plan: what changes: commits between real pushes, Procfile, app.json, scale, images, and the hooks in their order" {
  before=$(git_revision "${DEV[0]}")
  push "${DEV[0]}" v2 12 --worker 1
  add_hook post migrate --app portal -- /app/probe task migrate
  add_hook pre backup --host "$(host_hook backup <<<'#!/bin/sh')"
  plan
  assert_equal "$(planned '"\(.group) \(.from) \(.to) \(.version)"')" "$GROUP dev prod 1"
  assert_equal "$(role portal .action)" graduate
  assert_equal "$(role portal '"\(.revision) \(.before)"')" "$(git_revision "${DEV[0]}") $before" commits
  assert_equal "$(role portal '"\(.commit_count) \(.commits | length) \(.commits[0].subject) \(.commits[1].subject)"')" '12 10 v2 Change 11 for v2'
  assert_equal "$(role portal .new_image.id)" "$(image_id "${DEV[0]}")" image
  assert_equal "$(role portal .old_image.id)" "$(image_id "${PROD[0]}")" 'image of the target'
  [ "$(role portal .new_bytes)" -gt 0 ] || fail "no new layers: $PLAN"
  assert_contains "$(role portal '.changes[].what')" '^procfile worker$'
  assert_contains "$(role portal '.changes[].what')" '^scale worker$'
  assert_contains "$(role portal '.changes[].what')" '^app\.json '
  assert_equal "$(role api '"\(.action) \(.why)"')" 'skip unchanged: it runs this version already'
  assert_equal "$(planned '[.hooks[] | "\(.kind)/\(.name)"] | join(" ")')" 'pre/backup post/migrate' hooks

  plan_text
  assert_contains "$output" "^=====> Plan $(planned .id): $GROUP from dev to prod"
  assert_contains "$output" "^-----> portal: ${DEV[0]} to ${PROD[0]},"
  assert_contains "$output" "Commit +${before:0:8} -> $(git_revision "${DEV[0]}" | cut -c 1-8), 12 commits"
  assert_contains "$output" '^ +[0-9a-f]{8} Change 11 for v2$'
  assert_contains "$output" '^ +and 2 more$'
  assert_contains "$output" 'procfile worker is new: '
  assert_contains "$output" '1\. +pre/backup +in host'
  assert_contains "$output" '2\. +post/migrate +in .*/app/probe task'
  assert_contains "$output" "^-----> To do it: dokku graduate:run dev prod --plan $(planned .id)"
  assert_at_most "$(wc -L <<<"$output")" 80 'columns off a terminal'
}

@test "plan: the same facts have the same id; run --plan does that plan, or says what has changed since" {
  given_change
  plan
  id=$(planned .id)
  [[ $id =~ ^[0-9a-f]{12}$ ]] || fail "id '$id'"
  plan
  assert_equal "$(planned .id)" "$id" 'id of the same plan'
  assert_refused 'feedfeedfeed' -- --plan feedfeedfeed
  dokku config:set --no-restart "${PROD[0]}" TOKEN=geheim-4712 >/dev/null
  assert_refused "plan $id " 'portal.*config' -- --plan "$id"
  dokku config:unset --no-restart "${PROD[0]}" TOKEN >/dev/null
  plan
  assert_equal "$(planned .id)" "$id" 'id of the plan as before'
  graduate --plan "$id"
  assert_exit 0
  assert_equal "$(git_revision "${PROD[0]}")" "$(git_revision "${DEV[0]}")" HEAD
  assert_equal "$(head -n 1 "$EVENTS" | jq --raw-output '"\(.type) \(.plan.plan_id)"')" "run $id" 'plan in the events'
  say dokku graduate:status "$GROUP" --format json
  assert_equal "$(jq --raw-output .plan_id <<<"$output")" "$id" 'plan in the status'
  say dokku graduate:status "$GROUP"
  assert_contains "$output" "^       Plan $id\$"
  say dokku graduate:history "$GROUP" --format json
  assert_equal "$(head -n 1 <<<"$output" | jq --raw-output .plan_id)" "$id" 'plan in the history'
}

@test "plan: --detailed-exit-code is 0 where there is nothing to do, 2 for changes, 1 for what is refused" {
  given_change
  say dokku graduate:plan dev prod --group "$GROUP" --detailed-exit-code
  assert_equal "$status" 2 "exit code where something changes ($errors)"
  dokku apps:lock "${PROD[0]}" >/dev/null
  say dokku graduate:plan dev prod --group "$GROUP" --detailed-exit-code
  assert_equal "$status" 1 'exit code where it would be refused'
  assert_contains "$output" '^ !     error target-locked \(portal\)'
  plan_text # exit code 0 without the flag
  refute_contains "$output" 'To do it'
  dokku apps:unlock "${PROD[0]}" >/dev/null 2>&1
  graduate
  assert_exit 0
  settle "${PROD[@]}"
  say dokku graduate:plan dev prod --group "$GROUP" --detailed-exit-code
  assert_equal "$status" 0 "exit code where nothing changes ($output)"
}

@test "plan: the environments' differences are shown once, and acknowledged with graduate:set ignore" {
  dokku config:set --no-restart "${DEV[0]}" API_KEY=geheim-4713 MODE= >/dev/null
  dokku config:set --no-restart "${PROD[0]}" MODE=geheim-4714 >/dev/null
  dokku docker-options:add "${PROD[0]}" deploy --label=shop=prod >/dev/null
  plan
  difference() { planned ".differences[] | select(.role == \"portal\" and .kind == \"$1\") | \"\(.name): \(.source), \(.target)\""; }
  assert_contains "$(difference config)" '^API_KEY: .*text.*, absent$'
  assert_contains "$(difference config)" '^MODE: empty, .*text'
  refute_contains "$(difference config)" DATABASE_URL
  [ -n "$(difference docker-options)" ] || fail "no difference of docker options: $PLAN"
  [ -n "$(finding key-missing .role)" ] || fail "no finding key-missing: $PLAN"
  plan_text
  assert_contains "$output" '^ +KIND +NAME +IN DEV +IN PROD$'
  assert_contains "$output" '^ +config +API_KEY +.*absent$'

  acknowledged=$(planned .acknowledged)
  dokku graduate:set "$GROUP" ignore "portal/config:API_*,config:MODE,docker-options" >/dev/null
  plan
  assert_equal "$(difference config)$(difference docker-options)" '' 'differences that were acknowledged'
  assert_equal "$(finding key-missing .role)" '' 'key-missing of an acknowledged key'
  [ "$(planned .acknowledged)" -gt "$acknowledged" ] || fail "nothing is acknowledged: $PLAN"
  dokku graduate:set "$GROUP" ignore >/dev/null
  dokku config:unset --no-restart "${DEV[0]}" API_KEY MODE >/dev/null
  dokku config:unset --no-restart "${PROD[0]}" MODE >/dev/null
  dokku docker-options:remove "${PROD[0]}" deploy --label=shop=prod >/dev/null
}

@test "plan: on a terminal graduate:run shows the plan and asks; another answer does nothing, --yes does not ask" {
  given_change
  plan
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  on_terminal dev
  assert_equal "$status" 1 "exit code of another answer ($output)"
  assert_contains "$output" "^=====> Plan $(planned .id): $GROUP from dev to prod"
  assert_contains "$output" "^-----> portal: ${DEV[0]} to ${PROD[0]}, graduated"
  assert_contains "$output" 'To proceed, type "prod"'
  assert_contains "$output" '!     the answer was not prod: nothing was done'
  assert_untouched
  on_terminal prod
  assert_equal "$status" 0 "exit code ($output)"
  assert_contains "$output" "=====> $GROUP is live in prod"
  dev_gets v5.again
  on_terminal '' --yes
  assert_equal "$status" 0 "exit code with --yes ($output)"
  refute_contains "$output" 'To proceed'
}

@test "plan: what has changed until the answer is told, and nothing is done" {
  given_change
  mkfifo "$BATS_TEST_TMPDIR/answer"
  exec {answer}<>"$BATS_TEST_TMPDIR/answer"
  # shellcheck disable=SC2016 # for the other bash
  in_background bash -c 'exec script --quiet --return --flush --command "$1" /dev/null <"$2" >"$3" 2>&1' terminal \
    "dokku graduate:run dev prod --group $GROUP" "$BATS_TEST_TMPDIR/answer" "$BATS_TEST_TMPDIR/terminal"
  wait_for "$BATS_TEST_TMPDIR/terminal" 'To proceed' 60 >/dev/null || fail "it did not ask: $(cat "$BATS_TEST_TMPDIR/terminal")"
  dokku config:set --no-restart "${PROD[1]}" TOKEN=geheim-4712 >/dev/null
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  echo prod >&"$answer"
  await "$BACKGROUND_PID" 60
  output=$(tr -d '\r' <"$BATS_TEST_TMPDIR/terminal")
  assert_equal "$status" 1 "exit code ($output)"
  assert_contains "$output" '!     plan [0-9a-f]{12} does not hold any more, nothing was done: .*api.*config'
  assert_untouched
  exec {answer}>&-
  dokku config:unset --no-restart "${PROD[1]}" TOKEN >/dev/null
}

@test "plan: --force lets a named error pass and is recorded; one that cannot be forced is told" {
  given_change
  dokku graduate:set "$GROUP" connections limit=3,portal=2,api=1 >/dev/null
  assert_refused connections --
  dokku apps:lock "${PROD[0]}" >/dev/null
  assert_refused target-locked 'cannot be forced' -- --force connections --force target-locked
  dokku apps:unlock "${PROD[0]}" >/dev/null 2>&1
  assert_refused nonsense -- --force nonsense
  graduate --force connections
  assert_exit 0
  assert_equal "$(head -n 1 "$EVENTS" | jq --compact-output .plan.forced)" '["connections"]' 'in the events'
  say dokku graduate:status "$GROUP"
  assert_contains "$output" '^       Plan [0-9a-f]{12}, forced: connections$'
  say dokku graduate:history "$GROUP"
  assert_contains "$output" 'live, forced: connections$'
  run_id=$(jq --raw-output .run "$EVENTS" | head -n 1)
  assert_contains "$(cat "$E2E_DATA/runs/$run_id/journal.jsonl")" '"forced":\["connections"\]'
  dokku graduate:set "$GROUP" connections >/dev/null
}

@test "plan: --only graduates the named roles, warns that the set is not whole, and touches nothing else" {
  dev_gets v8
  deploy "${DEV[1]}=$(image v8)"
  plan --only portal
  assert_equal "$(finding set-incomplete .severity)" warning
  assert_equal "$(planned '.only | join(" ")') $(role portal .action) $(role api .action)" 'portal graduate skip'
  assert_refused nonsense -- --only nonsense
  settle "${PROD[@]}"
  fingerprint "${PROD[1]}" >"$BATS_TEST_TMPDIR/before"
  add_hook post check --app api -- /app/probe task migrate # in the image that it has
  graduate --only portal
  assert_exit 0
  assert_serves v8 "${PROD[0]}"
  fingerprint "${PROD[1]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  plan
  assert_equal "$(finding set-incomplete .severity)" ''
  assert_equal "$(role portal .action) $(role api .action)" 'skip graduate'
}

@test "plan: the newest 100 plans are kept" {
  plan
  id=$(planned .id)
  stored=$(find "$E2E_DATA/plans" -name "$id*" -type f)
  [ -f "$stored" ] || fail "plan $id is not stored: $(ls "$E2E_DATA/plans")"
  for n in {100..219}; do
    cp --preserve=mode,ownership "$stored" "${stored/$id/cafe00000$n}"
    touch --date "@$((1000000000 + n))" "${stored/$id/cafe00000$n}"
  done
  dokku config:set --no-restart "${DEV[0]}" ANOTHER=geheim-4713 >/dev/null
  plan
  [ "$(planned .id)" != "$id" ] || fail 'it is the same plan'
  assert_equal "$(find "$E2E_DATA/plans" -name '*.json' | wc -l)" 100 'plans'
  for wanted in "$id" "$(planned .id)" cafe00000219; do
    [ -e "${stored/$id/$wanted}" ] || fail "plan $wanted is gone"
  done
  [ ! -e "${stored/$id/cafe00000100}" ] || fail 'the oldest plan is kept'
  dokku config:unset --no-restart "${DEV[0]}" ANOTHER >/dev/null
}

@test "plan: no config value is printed, stored or logged, in no format" {
  dokku config:set --no-restart "${DEV[0]}" QUOTED="'geheim-4713'" UNEXPANDED='geheim-4714-${HOME}' DB_HOST=geheim-4712 >/dev/null
  dokku docker-options:add "${DEV[0]}" deploy "--env TOKEN=geheim-4715" >/dev/null
  dokku docker-options:add "${PROD[0]}" deploy "--label owner=geheim-4716" >/dev/null
  dev_gets v10
  plan
  assert_contains "$(planned '.differences[].name')" 'deploy --env TOKEN=…'
  plan_text
  graduate
  assert_exit 0
  keep_what_was_said
  [ "$(wc -l <"$BATS_FILE_TMPDIR/said")" -gt 100 ] || fail 'nothing was kept of what was said'
  assert_contains "$(dokku config:show "${DEV[0]}")" geheim-4713 # the search finds what is there
  for secret in "${SECRETS[@]}"; do
    for form in "$secret" "$(base64 <<<"$secret" | cut -c 1-12)"; do
      refute_contains "$(cat "$BATS_FILE_TMPDIR/said")" "$form"
      found=$(grep -rlF -- "$form" "$E2E_DATA" || true)
      assert_equal "$found" '' "files with $form"
    done
  done
}

#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2154 # say sets status, output and errors; each test is a process of its own
# What graduate:plan finds. Every code of docs/findings.md is produced once, and once the plan does without it; the last
# test sees to that. One group, whose apps are deployed once, serves nearly all of them.
# Where Dokku's commands cannot produce a finding, a comment says why something else does.

load plans

setup_file() {
  SHOP=$(name shop) JOBS=$(name jobs)
  export SHOP JOBS
  make_group "$JOBS" portal
  make_group "$SHOP" portal
  docker tag "$(image v2.job --worker 1 --shell --predeploy '/app/probe task prepare')" "e2e$E2E_ID/probe:latest"
  deploy "$SHOP-portal-dev=$(image v2.fixed)" "$SHOP-portal-prod=$(image v1.fixed)" \
    "$JOBS-portal-dev=e2e$E2E_ID/probe:latest" "$JOBS-portal-prod=$(image v1.job --worker 1)"
  settle "$SHOP-portal-dev" "$SHOP-portal-prod" "$JOBS-portal-dev" "$JOBS-portal-prod"
}

teardown_file() {
  remove_group "$SHOP"
  remove_group "$JOBS"
  remove_apps "$SHOP-portal-dev" "$SHOP-portal-prod" "$JOBS-portal-dev" "$JOBS-portal-prod"
}

setup() { use "$SHOP"; }

# use GROUP: one of the two groups; both have the role portal alone.
use() { GROUP=$1 DEV=("$1-portal-dev") PROD=("$1-portal-prod"); }

# quietly COMMAND…: dokku without its words.
quietly() { dokku "$@" >/dev/null 2>&1 || fail "dokku $* failed"; }

# assert_quiet: the plan finds nothing at all.
assert_quiet() {
  plan
  assert_equal "$(all_findings)" '' findings
}

# hold_deploy_lock APP: takes Dokku's deploy lock of the app, as a deploy does; release_deploy_locks gives all back.
hold_deploy_lock() {
  local lock=$DOKKU_LIB_ROOT/data/apps/$1/.deploy.lock fd
  touch "$lock"
  chown --reference="$(dirname "$lock")" "$lock"
  exec {fd}<>"$lock"
  flock --nonblock "$fd" || fail "$1 is being deployed already"
  DEPLOY_LOCKS+=("$fd:$lock")
}

release_deploy_locks() {
  local held fd
  for held in "${DEPLOY_LOCKS[@]}"; do
    fd=${held%%:*}
    flock --unlock "$fd"
    exec {fd}>&-
    rm -f "${held#*:}"
  done
}

# in_small_world SCRIPT: runs it where other files are mounted, which nobody else sees. Docker has a disk of its own in
# no test, and no command of Dokku's fills one, or hides from the kernel's figures.
in_small_world() {
  say unshare --mount bash -ec "$1
    exec dokku graduate:plan dev prod --group $GROUP --format json"
  assert_equal "$status" 0 "exit code of graduate:plan ($errors)"
  PLAN=$output
}

@test "findings: where nothing is wrong, there are none, of any code" {
  assert_quiet
  assert_equal "$(role portal .action)" graduate
  refute_finding image-mutable-tag workers-overlap
}

@test "findings: a role whose source was never deployed, or whose app is gone" {
  create_apps "$SHOP-extra-dev" "$SHOP-extra-prod"
  quietly graduate:add "$SHOP" extra "dev=$SHOP-extra-dev" "prod=$SHOP-extra-prod"
  plan
  assert_finding not-deployed error "$SHOP-extra-dev"
  refute_finding app-missing
  assert_equal "$(role extra .action) $(role portal .action)" 'refuse graduate'

  # Dokku's own apps:destroy takes the app out of its group: only a folder that went otherwise leaves one that is missing.
  mv "$DOKKU_ROOT/$SHOP-extra-prod" "$BATS_TEST_TMPDIR/gone"
  plan
  assert_finding app-missing error "$SHOP-extra-prod"
  mv "$BATS_TEST_TMPDIR/gone" "$DOKKU_ROOT/$SHOP-extra-prod"

  plan --only portal
  assert_finding set-incomplete warning - extra
  refute_finding not-deployed app-missing
  plan --only portal,extra
  refute_finding set-incomplete
  quietly graduate:remove "$SHOP" extra
  remove_apps "$SHOP-extra-dev" "$SHOP-extra-prod"
  assert_quiet
}

@test "findings: config keys that are missing, quoted, unexpanded, or that disagree" {
  quietly config:set --no-restart "${DEV[0]}" SMTP_HOST=SECRET1
  # shellcheck disable=SC2016 # it is not to be expanded
  quietly config:set --no-restart "${PROD[0]}" 'TITLE="SECRET2"' "NICK='SECRET8'" 'BASE=https://${SECRET3}/x' 'HOME_DIR=$SECRET4/y' \
    DATABASE_URL=postgres://SECRET5:SECRET6@db-one:5432/shop DATABASE_HOST=db-two DATABASE_PORT=5433
  plan
  assert_finding key-missing warning "${PROD[0]}" SMTP_HOST
  assert_finding value-quoted warning "${PROD[0]}" 'NICK, TITLE'
  assert_finding value-unexpanded warning "${PROD[0]}" BASE
  assert_finding value-unexpanded warning "${PROD[0]}" HOME_DIR
  assert_finding url-mismatch warning "${PROD[0]}" DATABASE_URL
  assert_finding config-drift note "${PROD[0]}"
  refute_contains "$PLAN" 'SECRET|db-one|db-two'
  assert_equal "$(planned '[.findings[] | select(.severity == "error")] | length')" 0 'errors: a warning refuses nothing'

  # what looks like it and is not
  # shellcheck disable=SC2016
  quietly config:set --no-restart "${PROD[0]}" SMTP_HOST=SECRET7 'TITLE=the "SECRET2" of all' "NICK=o'SECRET8'" 'BASE=costs 5$' 'HOME_DIR=a$$' \
    DATABASE_URL=postgres://SECRET5:SECRET6@db-one/shop DATABASE_HOST=db-one DATABASE_PORT=5432
  plan
  refute_finding key-missing value-quoted value-unexpanded url-mismatch
  quietly config:unset --no-restart "${DEV[0]}" SMTP_HOST
  quietly config:unset --no-restart "${PROD[0]}" SMTP_HOST TITLE NICK BASE HOME_DIR DATABASE_URL DATABASE_HOST DATABASE_PORT
  plan
  refute_finding config-drift
}

@test "findings: a key that is meant to be missing is silenced by graduate:set ignore" {
  quietly config:set --no-restart "${DEV[0]}" DEBUG_A=SECRET1 DEBUG_B=SECRET2 OTHER=SECRET3
  quietly graduate:set "$GROUP" ignore 'portal/config:DEBUG_*'
  plan
  assert_finding key-missing warning "${PROD[0]}" OTHER
  refute_contains "$(all_findings)" DEBUG_
  quietly graduate:set "$GROUP" ignore config
  plan
  refute_finding key-missing
  quietly graduate:set "$GROUP" ignore
  quietly config:unset --no-restart "${DEV[0]}" DEBUG_A DEBUG_B OTHER
  assert_quiet
}

@test "findings: a scheduler or a proxy that cannot be held" {
  quietly scheduler:set "${PROD[0]}" selected k3s
  add_hook live up --app portal --http /
  quietly proxy:set "${PROD[0]}" type caddy
  plan
  assert_finding scheduler error "${PROD[0]}" k3s
  assert_finding proxy error "${PROD[0]}" caddy
  assert_finding hook-check error "${PROD[0]}" live/up
  quietly scheduler:set "${PROD[0]}" selected docker-local
  quietly proxy:set "${PROD[0]}" type nginx
  plan
  refute_finding scheduler proxy hook-check
  remove_hooks
  # the source's own do not matter
  quietly scheduler:set "${DEV[0]}" selected k3s
  plan
  refute_finding scheduler
  quietly scheduler:set "${DEV[0]}" selected docker-local
}

@test "findings: checks that are disabled, or skipped" {
  quietly checks:disable "${PROD[0]}" web
  plan
  assert_finding checks-disabled error "${PROD[0]}" web
  refute_finding checks-skipped
  quietly checks:skip "${PROD[0]}" web
  plan
  assert_finding checks-skipped warning "${PROD[0]}" web
  refute_finding checks-disabled
  quietly checks:enable "${PROD[0]}" web
  plan
  refute_finding checks-disabled checks-skipped
}

@test "findings: a published port, and storage that both generations mount" {
  quietly docker-options:add "${PROD[0]}" deploy '-p 127.0.0.1::5000'
  quietly storage:mount "${PROD[0]}" "$E2E_SHARED:/data"
  plan
  assert_finding published-port error "${PROD[0]}"
  assert_finding storage-shared warning "${PROD[0]}" /data
  quietly docker-options:remove "${PROD[0]}" deploy '-p 127.0.0.1::5000'
  quietly storage:unmount "${PROD[0]}" "$E2E_SHARED:/data"
  quietly docker-options:add "${PROD[0]}" deploy --label=publish=-p
  plan
  refute_finding published-port storage-shared
  quietly docker-options:remove "${PROD[0]}" deploy --label=publish=-p
}

@test "findings: apps that somebody locked, deploys or stopped" {
  quietly apps:lock "${PROD[0]}"
  plan
  assert_finding target-locked error "${PROD[0]}"
  refute_finding target-deploying
  quietly apps:unlock "${PROD[0]}"

  # Dokku's lock, as a deploy takes it; a real one would take seconds and leave another version behind.
  hold_deploy_lock "${PROD[0]}"
  hold_deploy_lock "${DEV[0]}"
  plan
  assert_finding target-deploying error "${PROD[0]}"
  assert_finding source-deploying error "${DEV[0]}"
  refute_finding target-locked
  release_deploy_locks
  plan
  refute_finding target-deploying source-deploying target-locked app-stopped

  quietly ps:stop "${PROD[0]}"
  plan
  assert_finding app-stopped error "${PROD[0]}"
  quietly ps:start "${PROD[0]}"
  plan
  refute_finding app-stopped
}

@test "findings: two generations that do not fit: memory, and a budget of database connections" {
  quietly resource:reserve --memory 900g "${PROD[0]}"
  quietly graduate:set "$GROUP" connections 'limit=10 portal=6'
  plan
  assert_finding memory error
  assert_finding connections error - '12'
  quietly resource:reserve --memory 32m "${PROD[0]}"
  quietly resource:limit --memory 900g "${PROD[0]}" # what it may take, and surely does not
  plan
  assert_finding memory warning
  quietly resource:limit --memory 64m "${PROD[0]}"
  quietly graduate:set "$GROUP" connections 'limit=12 portal=6'
  plan
  refute_finding memory connections memory-unknown
  quietly graduate:set "$GROUP" connections
}

@test "findings: a disk that is full, and figures that the machine does not tell" {
  root=$(docker info --format '{{.DockerRootDir}}')
  in_small_world "mount -t tmpfs -o size=1m none '$root'"
  assert_finding disk error
  refute_finding disk-unknown
  in_small_world "mount -t tmpfs -o size=64g none '$root'"
  refute_finding disk disk-unknown
  # Docker's folder is out of sight; Dokku's may be beside it
  in_small_world "
    mount --rbind '$DOKKU_LIB_ROOT' '$BATS_TEST_TMPDIR'
    mount -t tmpfs none '$(dirname "$root")'
    mkdir -p '$DOKKU_LIB_ROOT'
    mountpoint --quiet '$DOKKU_LIB_ROOT' || mount --rbind '$BATS_TEST_TMPDIR' '$DOKKU_LIB_ROOT'"
  assert_finding disk-unknown note
  refute_finding disk
  in_small_world 'mount --bind /dev/null /proc/meminfo'
  assert_finding memory-unknown note
  refute_finding memory
}

@test "findings: time-outs that the whole run cannot have" {
  quietly graduate:set "$GROUP" start-timeout 3h
  plan
  assert_finding deadline error - start
  quietly graduate:set "$GROUP" run-timeout 4h
  plan
  refute_finding deadline
  quietly graduate:set "$GROUP" start-timeout
  quietly graduate:set "$GROUP" run-timeout
  add_hook post slow --host "$(host_hook slow <<<'#!/bin/sh')" --timeout 2h30m
  plan
  assert_finding deadline error - slow
}

@test "findings: hooks whose script or command is not there, and what old instances see of hooks" {
  smoke=$(host_hook smoke <<<'#!/bin/sh')
  add_hook live smoke --host "$smoke"
  plan
  refute_finding hook-script schema-window
  chmod 644 "$HOOKS_DIR/$smoke"
  plan
  assert_finding hook-script error - "$smoke"
  rm "$HOOKS_DIR/$smoke"
  plan
  assert_finding hook-script error - "$smoke"
  remove_hooks

  add_hook post migrate --app portal -- /app/probe task migrate
  plan
  assert_finding schema-window warning
  refute_finding hook-script hook-command
  add_hook post rake --app portal -- /app/bin/rake db:migrate
  plan
  assert_finding hook-command warning - /app/bin/rake
  remove_hooks
  assert_quiet
}

@test "findings: workers that overlap, a tag that moves, release tasks before the hold" {
  use "$JOBS"
  quietly graduate:set "$GROUP" release-tasks before
  plan
  assert_finding image-mutable-tag warning "${DEV[0]}" "probe:latest"
  assert_finding release-tasks-before warning "${PROD[0]}"
  assert_finding workers-overlap note "${PROD[0]}" worker
  quietly graduate:add "$GROUP" portal "dev=${DEV[0]}" --start before-post
  quietly graduate:set "$GROUP" release-tasks hold
  plan
  assert_finding workers-overlap warning "${PROD[0]}" worker
  refute_finding release-tasks-before
  quietly graduate:add "$GROUP" portal "dev=${DEV[0]}" --start after-post
  quietly graduate:set "$GROUP" release-tasks
}

@test "findings: requests that cannot wait" {
  quietly graduate:set "$GROUP" quiesce 'max_wait=57s'
  plan
  assert_finding quiesce error "${PROD[0]}" 'after 1m0s.*up to 57s'
  before=$(fingerprint "${PROD[@]}")
  graduate
  assert_exit 1
  assert_one_error_line 'nginx ends requests' 'proxy-read-timeout'
  assert_equal "$(fingerprint "${PROD[@]}")" "$before"
  quietly nginx:set "${PROD[0]}" proxy-read-timeout 90s
  quietly nginx:set "${PROD[0]}" proxy-send-timeout 90s
  plan
  refute_finding quiesce
  quietly graduate:set "$GROUP" quiesce 'max_wait=2m required=false'
  plan
  assert_finding quiesce warning "${PROD[0]}" 'goes on without a quiesce'
  quietly nginx:set "${PROD[0]}" proxy-read-timeout
  quietly nginx:set "${PROD[0]}" proxy-send-timeout

  page=$(name soon.html)
  quietly graduate:set "$GROUP" quiesce "maintenance_page=$page"
  plan
  assert_finding quiesce error - "$page"
  echo 'PASSWORD=secret' >"$HOOKS_DIR/$page"
  chmod 755 "$HOOKS_DIR/$page" # a script is not published
  plan
  assert_finding quiesce error - 'is executable'
  chmod 644 "$HOOKS_DIR/$page"
  plan
  refute_finding quiesce
  rm "$HOOKS_DIR/$page"
  quietly graduate:set "$GROUP" quiesce
  assert_quiet
}

@test "findings: an nginx file of the app's own" {
  conf=$DOKKU_ROOT/${PROD[0]}/nginx.conf
  cp --preserve=all "$conf" "$BATS_TEST_TMPDIR/nginx.conf"
  # A template of the app's own comes with a version of the app; the sandbox does not render it.
  sed -i 's/^upstream .*/upstream mine {/' "$conf"
  plan
  assert_finding nginx-unknown warning "${PROD[0]}"
  cp --preserve=all "$BATS_TEST_TMPDIR/nginx.conf" "$conf"
  plan
  refute_finding nginx-unknown
}

@test "findings: --force of what is not there is noted" {
  on_terminal no --force memory
  assert_contains "$output" 'note forced-nothing'
  assert_contains "$output" 'the answer was not prod'
  echo forced-nothing >>"$BATS_FILE_TMPDIR/produced"
  quietly graduate:set "$GROUP" connections 'limit=10 portal=6'
  on_terminal no --force connections
  refute_contains "$output" 'forced-nothing'
  echo forced-nothing >>"$BATS_FILE_TMPDIR/refuted"
  quietly graduate:set "$GROUP" connections
}

@test "findings: a source whose image is gone" {
  # No command of Dokku's untags the image; docker image prune --all of a person does, once the containers have ended.
  docker tag "dokku/${DEV[0]}:latest" "e2e$E2E_ID/kept:1"
  docker image rm "dokku/${DEV[0]}:latest" >/dev/null
  plan
  assert_finding image-lost error "${DEV[0]}"
  docker tag "e2e$E2E_ID/kept:1" "dokku/${DEV[0]}:latest"
  docker image rm "e2e$E2E_ID/kept:1" >/dev/null
  plan
  refute_finding image-lost not-deployed
}

@test "findings: a source whose last deploy failed, wholly or in a part" {
  ! deploy "${DEV[0]}=$(image v3.exits --attempts 1 --behaviour web-exits)" 2>/dev/null || fail 'the deploy did not fail'
  plan
  assert_finding source-not-running error "${DEV[0]}"
  refute_finding half-deployed
  use "$JOBS"
  ! deploy "${DEV[0]}=$(image v3.crashes --worker 1 --behaviour worker-crashes=500ms)" 2>/dev/null || fail 'the deploy did not fail'
  plan
  assert_finding half-deployed error "${DEV[0]}"
  refute_finding source-not-running
}

@test "findings: a graduation that is under way; a target that is ahead, or has parted" {
  "$REPO/tests/apps/git-repo" "$BATS_FILE_TMPDIR/repository" v4 >/dev/null
  push "${DEV[0]}" v5 1
  plan
  refute_finding half-deployed source-not-running group-running
  add_hold_hook pre
  graduate_in_background
  wait_until_held
  plan
  assert_finding group-running error
  let_go
  finish_graduation
  assert_exit 0
  remove_hooks
  plan
  refute_finding group-running backwards unrelated-history

  git -C "$BATS_FILE_TMPDIR/repository" reset --quiet --hard HEAD~1
  git -C "$BATS_FILE_TMPDIR/repository" push --quiet --force "$E2E_GIT_URL:${DEV[0]}" master >"$BATS_TEST_TMPDIR/push" 2>&1
  plan
  assert_finding backwards warning "${PROD[0]}"
  refute_finding unrelated-history
  push "${DEV[0]}" v6 1
  plan
  assert_finding unrelated-history warning "${PROD[0]}"
  refute_finding backwards
}

@test "findings: every code was produced, and was missing where nothing produced it" {
  [ "$BATS_TEST_NUMBER" -eq "$(grep -c '^@test ' "$BATS_TEST_FILENAME")" ] || skip 'not all tests of this file were run'
  documented_codes >"$BATS_TEST_TMPDIR/codes"
  [ "$(wc -l <"$BATS_TEST_TMPDIR/codes")" -gt 30 ] || fail "codes in docs/findings.md: $(cat "$BATS_TEST_TMPDIR/codes")"
  sort --unique "$BATS_FILE_TMPDIR/produced" | diff -u "$BATS_TEST_TMPDIR/codes" -
  sort --unique "$BATS_FILE_TMPDIR/refuted" | diff -u "$BATS_TEST_TMPDIR/codes" -
}

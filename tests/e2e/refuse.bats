#!/usr/bin/env bats
# What cannot go well is refused with exit code 1 and one line, before anything is touched.

load one_group

setup_file() {
  make_group "$(name shop)" portal
  deploy "${DEV[0]}=$(image v2)" "${PROD[0]}=$(image v1)"
  settle "${DEV[@]}" "${PROD[@]}"
  remember_group
}

setup() {
  recall_group
  fingerprint "${DEV[@]}" "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
}

# assert_refused PATTERN… -- ARGUMENT…: graduate:run with these arguments.
assert_refused() {
  local patterns=()
  while [ "$1" != -- ]; do
    patterns+=("$1")
    shift
  done
  shift
  ERRORS=$BATS_TEST_TMPDIR/errors EVENTS=$BATS_TEST_TMPDIR/out status=0
  dokku graduate:run "$@" >"$EVENTS" 2>"$ERRORS" </dev/null || status=$?
  assert_exit 1
  assert_one_error_line "${patterns[@]}"
  assert_equal "$(wc -l <"$ERRORS")" 1 "lines of the error output"
  fingerprint "${DEV[@]}" "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_unlocked "${PROD[0]}"
}

@test "refuse: an environment that the group does not have" {
  assert_refused nowhere dev -- nowhere prod --group "$GROUP" --yes
  assert_refused nowhere -- dev nowhere --group "$GROUP" --yes
}

@test "refuse: the same environment twice" {
  assert_refused prod -- prod prod --group "$GROUP" --yes
}

@test "refuse: a group that does not exist" {
  assert_refused nobody -- dev prod --group nobody --yes
}

@test "refuse: no group named where several have these environments; with one it need not be" {
  dokku graduate:create "$GROUP-2" dev prod >/dev/null
  echo "$GROUP-2" >>"$E2E_SHARED/groups"
  assert_refused '--group' -- dev prod --yes
  dokku graduate:destroy "$GROUP-2" --force >/dev/null
  dokku graduate:create "$GROUP-2" here there >/dev/null
  assert_refused "$GROUP-2" -- here there --yes # found, and has no apps
  dokku graduate:destroy "$GROUP-2" --force >/dev/null
}

@test "refuse: an environment into which this one may not graduate" {
  dokku graduate:export "$GROUP" >"$BATS_TEST_TMPDIR/shop.yml"
  sed '/^  prod:/{s/.*/  staging: {}/p;s/.*/  prod: {from: [staging]}/}' "$BATS_TEST_TMPDIR/shop.yml" | dokku graduate:apply >/dev/null
  assert_refused dev prod staging -- dev prod --group "$GROUP" --yes
  dokku graduate:apply <"$BATS_TEST_TMPDIR/shop.yml" >/dev/null
}

@test "refuse: a source that was never deployed" {
  dokku graduate:create "$GROUP-3" dev prod >/dev/null
  echo "$GROUP-3" >>"$E2E_SHARED/groups"
  create_apps "$GROUP-3-dev" "$GROUP-3-prod"
  dokku graduate:add "$GROUP-3" portal "dev=$GROUP-3-dev" "prod=$GROUP-3-prod" >/dev/null
  assert_refused "$GROUP-3-dev" deploy -- dev prod --group "$GROUP-3" --yes
  dokku graduate:destroy "$GROUP-3" --force >/dev/null
  remove_apps "$GROUP-3-dev" "$GROUP-3-prod"
}

@test "refuse: a target without checks cannot be held" {
  dokku checks:disable "${PROD[0]}" web >/dev/null
  fingerprint "${DEV[@]}" "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  assert_refused "${PROD[0]}" checks -- dev prod --group "$GROUP" --yes
  dokku checks:enable "${PROD[0]}" web >/dev/null
}

@test "refuse: a role without an app in the target environment" {
  dokku graduate:export "$GROUP" >"$BATS_TEST_TMPDIR/shop.yml"
  sed '/^  portal: /s/, prod: [^,}]*//' "$BATS_TEST_TMPDIR/shop.yml" | dokku graduate:apply >/dev/null
  assert_refused portal prod -- dev prod --group "$GROUP" --yes
  dokku graduate:apply <"$BATS_TEST_TMPDIR/shop.yml" >/dev/null
}

@test "refuse: an unknown flag, too few and too many arguments" {
  assert_refused sideways -- dev prod --sideways --group "$GROUP" --yes
  assert_refused . -- dev --group "$GROUP" --yes
  assert_refused . -- dev prod extra --group "$GROUP" --yes
  assert_refused . -- dev prod --group "$GROUP" --yes --format yaml
}

@test "refuse: with --format json the refusal is an outcome as well" {
  status=0
  dokku graduate:run nowhere prod --group "$GROUP" --yes --format json >"$BATS_TEST_TMPDIR/out" 2>/dev/null || status=$?
  assert_equal "$status" 1 'exit code'
  assert_equal "$(jq --raw-output '"\(.type) \(.state) \(.code)"' "$BATS_TEST_TMPDIR/out")" 'outcome refused 1'
}

#!/usr/bin/env bats
# Quiesce with a real database: the old version writes to a table all the time, and the migration makes its writes fail.
# PostgreSQL's own log says whose statements came while the migration went on.

load one_group

setup_file() {
  DATABASE=$E2E_SHARED/quiesce-database
  export DATABASE
  "$REPO/tests/demo/postgres" start "$DATABASE" shop_dev shop_prod
  make_group "$(name shop)" portal webservices
  for i in 0 1; do
    dokku config:set --no-restart "${DEV[i]}" "DATABASE_URL=$("$REPO/tests/demo/postgres" url "$DATABASE" shop_dev)" >/dev/null
    dokku config:set --no-restart "${PROD[i]}" "DATABASE_URL=$("$REPO/tests/demo/postgres" url "$DATABASE" shop_prod)" >/dev/null
  done
  set_deploy v1 "${DEV[@]}"
  set_deploy v1 "${PROD[@]}"
  dokku run "${DEV[0]}" /app/portal migrate >/dev/null
  dokku run "${PROD[0]}" /app/portal migrate >/dev/null
  dokku graduate:hooks:add "$GROUP" post migrate --app portal -- /app/portal migrate >/dev/null
  remember_group
}

teardown_file() {
  recall_group
  remove_group "$GROUP"
  remove_apps "${DEV[@]}" "${PROD[@]}"
  "$REPO/tests/demo/postgres" stop "$DATABASE"
}

teardown() {
  end_background
  remove_hooks
  dokku graduate:set "$GROUP" quiesce >/dev/null
}

# set_deploy VERSION PORTAL WEBSERVICES [option of portal's image…]: a plain deploy of both.
set_deploy() {
  local version=$1 portal=$2 webservices=$3
  shift 3
  deploy "$portal=$(image "$version.portal$#" --app portal "$@")" "$webservices=$(image "$version.ws" --app webservices --worker 1)"
}

# release VERSION [option of portal's image…]: dev gets a version, whose migration breaks the one before and goes on for 2 s
# after that; then it is graduated under load. What prod had is in $OLD, PostgreSQL's log of the time in $STATEMENTS.
release() {
  local version=$1
  shift
  OLD=$(version_of "${PROD[0]}")
  set_deploy "$version" "${DEV[@]}" --behaviour migrate-breaks --behaviour migrate-busy=2s "$@"
  settle "${DEV[@]}" "${PROD[@]}"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  start_load "${PROD[@]}"
  graduate
  STATEMENTS=$BATS_TEST_TMPDIR/statements
  "$REPO/tests/demo/postgres" log "$DATABASE" >"$STATEMENTS"
}

# statements_during OLD NEW: what the old version asked of the database of prod between the first and the last statement of
# the new one's migration, and of its reversal. statements_since: from there on.
statements_during() {
  local first last
  first=$(grep -n " shop_prod portal-$2 .*the migration begins" "$STATEMENTS" | tail -n 1 | cut -d : -f 1)
  last=$(grep -nE " shop_prod portal-$2 .*(the migration ends|ALTER TABLE|DELETE FROM generations)" "$STATEMENTS" | tail -n 1 | cut -d : -f 1)
  [[ ${first:-0} -gt 0 && ${last:-0} -gt $first ]] || fail "the log has no migration of $2"
  sed -n "$first,${last}p" "$STATEMENTS" | grep -E " shop_prod (portal|webservices)-$1 LOG: +(statement|execute)" || true
}
statements_since() {
  awk -v begins=" shop_prod portal-$2 .*the migration begins" -v old=" shop_prod (portal|webservices)-$1 LOG: +(statement|execute)" '
    $0 ~ begins { found = "" } $0 ~ old { found = found $0 "\n" } END { printf "%s", found }' "$STATEMENTS"
}

@test "quiesce: without it old instances see what the migration does, and fail" {
  release v2
  assert_exit 0
  stop_load
  [ "$(load_value 'requests failed')" -gt 0 ] || fail 'no request failed: this test shows nothing'
  [ "$(statements_during "$OLD" v2 | wc -l)" -gt 0 ] || fail 'no statement of the old version: this test shows nothing'
  echo "# without: $(load_value 'requests failed') of $(load_value 'requests sent') requests failed, $(statements_during "$OLD" v2 | wc -l) old statements during the migration" >&3
}

@test "quiesce: with it no request fails, and the database gets no statement of an old instance while the migration goes on" {
  dokku graduate:set "$GROUP" quiesce 'max_wait=30s drain=5s' >/dev/null
  watch_reloads
  release v3
  assert_exit 0
  sleep 0.5
  stop_load
  assert_no_failed_requests
  assert_equal "$(statements_during "$OLD" v3 | head -n 3)" '' 'statements of old instances during the migration'
  assert_order "$(time_of '.type == "quiesce" and .state == "waiting"')" "$(time_of '.type == "quiesce" and .state == "paused"')" \
    "$(time_of '.type == "hook" and .state == "started"')" "$(released_at)" "$(time_of '.type == "quiesce" and .state == "passed"')"
  assert_equal "$(reloads_between "$(time_of '.state == "quiesce"')" "$(time_of '.type == "quiesce" and .state == "paused"')")" 1 'reloads of nginx until requests waited'
  assert_serves v3 "${PROD[@]}"
  settle "${PROD[@]}"
  assert_nothing_left "${PROD[@]}"
  # the old ones never ran again, not even to hear that they are retired
  assert_equal "$(statements_since "$OLD" v3 | head -n 3)" '' 'statements of old instances since the migration began'
  jq --raw-output 'select(.type == "quiesce" and .visits) | "# \(.message); the room had \(.visits.memory / 1e6 | floor) MB"' "$EVENTS" >&3
}

@test "quiesce: after an abort the old instances answer who waited" {
  dokku graduate:set "$GROUP" quiesce 'max_wait=30s drain=5s' >/dev/null
  add_hook abort revert --app portal -- /app/portal revert
  release v4 --behaviour migrate-fails
  assert_exit 2
  sleep 0.5
  stop_load
  assert_no_failed_requests
  assert_equal "$(statements_during "$OLD" v4 | head -n 3)" '' 'statements of old instances from the migration to the end of its reversal'
  assert_version_never_seen v4
  assert_serves "$OLD" "${PROD[@]}"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_nothing_left "${PROD[@]}"
}

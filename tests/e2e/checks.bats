#!/usr/bin/env bats
# HTTP checks: hooks that ask the candidates, or the public address of what is live.

load one_group

setup_file() {
  make_group "$(name shop)" portal ws
  deploy "${DEV[0]}=$(image v2.two --web 2)" "${PROD[0]}=$(image v1)" "${DEV[1]}=$(image v2)" "${PROD[1]}=$(image v1)"
  settle "${DEV[@]}" "${PROD[@]}"
  remember_group
}

hook_log() { cat "$(jq --raw-output --arg hook "$1" 'select(.type == "hook" and .hook == $hook).log' "$EVENTS" | head -n 1)"; }

# apply_hooks: gives the group the hooks on standard input, and no others.
apply_hooks() { { dokku graduate:export "$GROUP" | sed '/^hooks:/,$d'; cat; } | dokku graduate:apply >/dev/null; }

@test "an HTTP check asks every candidate before it is live, and one that is not as wanted aborts" {
  add_hook post smoke --app portal --http / --contains version=v2
  add_hook post wrong --app ws --http /env?key=NOTHING --status 200 --within 2s --every 200ms
  attempt dokku graduate:plan dev prod --group "$GROUP" --format json
  assert_equal "$(jq --compact-output '.hooks[0] | [.where, .what, .timeout_seconds]' <<<"$output")" '["http","portal: GET /: 200 with \"version=v2\"",30]'
  graduate
  assert_exit 2
  assert_one_error_line 'hook post/wrong: http://[0-9.]+:5000/env.key=NOTHING did not answer as wanted within 2s: status 404, not 200'
  for address in $(jq --raw-output "select(.type == \"candidate\" and .candidate.app == \"${PROD[0]}\") | .candidate | \"\(.ip):\(.port)\"" "$EVENTS"); do
    assert_contains "$(hook_log post/smoke)" "^GET http://$address/: as wanted"
  done
  assert_equal "$(hook_log post/smoke | grep -c 'as wanted')" 2 'candidates that were asked'
  [ "$(hook_log post/wrong | grep -c 'status 404')" -ge 5 ] || fail "it was not asked again: $(hook_log post/wrong)"
  assert_serves v1 "${PROD[@]}"
}

@test "an HTTP check in live asks the public address through the proxy; a failure takes the release back" {
  apply_hooks <<END
hooks:
  live:
    - { name: up, http: { app: portal, path: /, contains: version=v2, within: 20s, every: 500ms } }
    - { name: config, http: { app: ws, path: "/env?key=NOTHING", status: 200, within: 1s } }
END
  graduate
  assert_exit 3
  assert_one_error_line "hook live/config: http://${PROD[1]}.$E2E_DOMAIN(:[0-9]+)?/env.key=NOTHING did not answer as wanted within 1s: status 404, not 200"
  assert_contains "$(hook_log live/up)" "^GET http://${PROD[0]}.$E2E_DOMAIN(:[0-9]+)?/: as wanted"
  assert_serves v1 "${PROD[@]}"
  exported=$(dokku graduate:export "$GROUP")
  assert_contains "$exported" '{name: up, http: {app: portal, path: /, contains: version=v2, within: 20s, every: 500ms}}'
  assert_contains "$(dokku graduate:apply <<<"$exported")" unchanged
  apply_hooks </dev/null
}

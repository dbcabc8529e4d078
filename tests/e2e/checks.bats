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

@test "a metric in live watches the answers of an app, and too many 5xx take the release back" {
  mkdir -p "$DOKKU_ROOT/${PROD[0]}/nginx.conf.d"
  echo 'location /broken { return 503; }' >"$DOKKU_ROOT/${PROD[0]}/nginx.conf.d/broken.conf"
  dokku proxy:build-config "${PROD[0]}" >/dev/null
  add_hook live errors --app portal --max-5xx 10% --for 4s
  attempt dokku graduate:plan dev prod --group "$GROUP" --format json
  assert_equal "$(jq --compact-output '.hooks[0] | [.where, .what, .timeout_seconds]' <<<"$output")" '["log","portal: at most 10% 5xx",4]'
  knock() { curl --silent --output /dev/null --header "Host: ${PROD[0]}.$E2E_DOMAIN" "http://127.0.0.1:$E2E_HTTP_PORT$1"; }
  watched() { # watched BAD: a graduation of which 8 answers are good and so many are 5xx while it is watched
    graduate_in_background --only portal
    wait_for_event '"hook":"live/errors"' 90
    for _ in 1 2 3 4 5 6 7 8; do knock /; done
    for ((n = 0; n < $1; n++)); do knock /broken; done
    finish_graduation
  }
  watched 2
  assert_exit 3
  assert_one_error_line "hook live/errors: 2 of 10 answers of ${PROD[0]} within 4s were 5xx .20%., and 10% are let pass"
  assert_serves v1 "${PROD[0]}"
  watched 0
  assert_exit 0
  assert_contains "$(hook_log live/errors)" '^0 of 8 answers of '
  assert_serves v2 "${PROD[0]}"
}

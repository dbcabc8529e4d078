#!/usr/bin/env bats
# Hooks: where they run, what they are given, in which order, and what is kept of them.

load one_group

setup_file() {
  make_group "$(name shop)" portal web-services
  deploy "${DEV[0]}=$(image v2.shell --shell)" "${PROD[0]}=$(image v1)" "${DEV[1]}=$(image v2.two --web 2)" "${PROD[1]}=$(image v1)"
  settle "${DEV[@]}" "${PROD[@]}"
  remember_group
}

teardown_file() {
  recall_group
  remove_group "$GROUP"
  remove_apps "${DEV[@]}" "${PROD[@]}"
  docker rm --force "e$E2E_ID-linked" >/dev/null 2>&1 || true
}

# log_of HOOK: the path of its log.
log_of() { jq --raw-output --arg hook "$1" 'select(.type == "hook" and .hook == $hook).log' "$EVENTS" | head -n 1; }

# stop_at_the_end: a last post hook that fails, so that the next test finds everything as it was.
stop_at_the_end() { add_hook post stop --app portal -- /app/probe task stop --exit 9; }

@test "hooks: a host hook is told group, environments, id, phase, apps and every candidate's address" {
  x=$(exchange)
  hook=$(host_hook environment <<END
#!/bin/bash
env | grep ^GRADUATE_ | sort >$x/\$GRADUATE_PHASE
END
  )
  add_hook pre environment --host "$hook"
  add_hook post environment --host "$hook"
  add_hook abort environment --host "$hook"
  stop_at_the_end
  graduate
  assert_exit 2
  for phase in pre post abort; do
    given=$(cat "$x/$phase")
    assert_contains "$given" "^GRADUATE_GROUP=$GROUP\$"
    assert_contains "$given" '^GRADUATE_FROM=dev$'
    assert_contains "$given" '^GRADUATE_TO=prod$'
    assert_contains "$given" "^GRADUATE_PHASE=$phase\$"
    assert_contains "$given" "^GRADUATE_ID=$(jq --raw-output .run "$EVENTS" | head -n 1)\$"
    assert_contains "$given" "^GRADUATE_APPS=${PROD[0]} ${PROD[1]}\$"
  done
  refute_contains "$(cat "$x/pre")" 'PORTAL_URL'
  for phase in pre post abort; do
    assert_contains "$(cat "$x/$phase")" "^GRADUATE_PORTAL_FROM_REV=$(git_revision "${PROD[0]}")\$"
    assert_contains "$(cat "$x/$phase")" "^GRADUATE_PORTAL_TO_REV=$(git_revision "${DEV[0]}")\$"
    assert_contains "$(cat "$x/$phase")" "^GRADUATE_PORTAL_OLD_URL=http://$(cat "$DOKKU_ROOT/${PROD[0]}/IP.web.1"):5000\$"
  done
  portal=$(jq --raw-output "select(.type == \"candidate\" and .candidate.app == \"${PROD[0]}\") | .candidate | \"http://\(.ip):\(.port)\"" "$EVENTS")
  assert_contains "$(cat "$x/post")" "^GRADUATE_PORTAL_URL=$portal\$"
  assert_contains "$(cat "$x/post")" "^GRADUATE_PORTAL_URLS=$portal\$"
  assert_contains "$(cat "$x/post")" '^GRADUATE_WEB_SERVICES_URL=http://[0-9.]+:5000$'
  assert_contains "$(cat "$x/post")" '^GRADUATE_WEB_SERVICES_URLS=http://[0-9.]+:5000 http://[0-9.]+:5000$'
}

@test "hooks: a host hook can talk to the new version before it is live" {
  x=$(exchange)
  hook=$(host_hook smoke <<END
#!/bin/bash
for url in \$GRADUATE_PORTAL_URLS \$GRADUATE_WEB_SERVICES_URLS; do
  curl --silent --fail --output /dev/null --write-out 'candidate %header{x-version}\n' "\$url/" || exit 1
done >$x/seen
for app in \$GRADUATE_APPS; do
  curl --silent --fail --header "Host: \$app.$E2E_DOMAIN" --output /dev/null --write-out 'live %header{x-version}\n' http://127.0.0.1:$E2E_HTTP_PORT/ || exit 1
done >>$x/seen
END
  )
  add_hook post smoke --host "$hook"
  stop_at_the_end
  graduate
  assert_exit 2
  assert_equal "$(tr '\n' ' ' <"$x/seen")" 'candidate v2 candidate v2 candidate v2 live v1 live v1 ' 'what the hook saw'
}

@test "hooks: a container hook runs in the new image with the target's config, links and docker options" {
  docker run --detach --name "e$E2E_ID-linked" "$(image v1)" >/dev/null
  dokku config:set --no-restart "${PROD[0]}" COLOUR='deep blue' >/dev/null
  dokku config:set --no-restart "${DEV[0]}" COLOUR=red >/dev/null
  dokku docker-options:add "${PROD[0]}" run "--link e$E2E_ID-linked:db" >/dev/null
  dokku docker-options:add "${PROD[0]}" run '--env FROM_OPTION=yes' >/dev/null
  add_hook post look --app portal -- /app/probe task look --print-env
  # shellcheck disable=SC2016 # for the shell in the container
  add_hook post ask --app portal -- /bin/sh -c '/app/probe get $GRADUATE_WEB_SERVICES_URL/ && /app/probe get http://db:5000/'
  stop_at_the_end
  graduate
  dokku docker-options:remove "${PROD[0]}" run "--link e$E2E_ID-linked:db" >/dev/null
  dokku docker-options:remove "${PROD[0]}" run '--env FROM_OPTION=yes' >/dev/null
  docker rm --force "e$E2E_ID-linked" >/dev/null
  assert_exit 2
  seen=$(cat "$(log_of post/look)")
  assert_contains "$seen" 'version=v2 .*task name=look'
  assert_contains "$seen" '^COLOUR=deep blue$'
  assert_contains "$seen" '^FROM_OPTION=yes$'
  assert_contains "$seen" '^DB_NAME='
  assert_contains "$seen" "^GRADUATE_GROUP=$GROUP\$"
  assert_contains "$seen" '^GRADUATE_PHASE=post$'
  assert_contains "$seen" "^GRADUATE_APPS=${PROD[0]} ${PROD[1]}\$"
  assert_contains "$seen" '^GRADUATE_WEB_SERVICES_URLS=http'
  seen=$(cat "$(log_of post/ask)")
  assert_contains "$seen" 'status 200 version v2'
  assert_contains "$seen" 'status 200 version v1'
}

@test "hooks: words of a container hook's command arrive as they were given" {
  # shellcheck disable=SC2016 # for the shell in the container
  add_hook post words --app portal -- /bin/sh -c 'printf "<%s>\n" "$@"' sh 'two words' '' '$HOME' "it's" '"quoted"' '; false' $'new\nline' '*'
  stop_at_the_end
  graduate
  assert_exit 2
  seen=$(cat "$(log_of post/words)")
  assert_contains "$seen" '^<two words>$'
  assert_contains "$seen" '^<>$'
  assert_contains "$seen" '^<[$]HOME>$'
  assert_contains "$seen" "^<it's>\$"
  assert_contains "$seen" '^<"quoted">$'
  assert_contains "$seen" '^<; false>$'
  assert_contains "$seen" '^line>$'
  assert_contains "$seen" '^<\*>$'
}

@test "hooks: of each kind several run, in the order in which they were added; each has a log of its own" {
  x=$(exchange)
  hook=$(host_hook order <<END
#!/bin/bash
echo "\$GRADUATE_PHASE host" >>$x/order
echo "this is the log of \$GRADUATE_PHASE"
echo "and its errors" >&2
END
  )
  for kind in pre post live; do
    add_hook $kind first --app portal -- /app/probe task "$kind-first"
    add_hook $kind second --host "$hook"
    add_hook $kind a-third --app web-services -- /app/probe task "$kind-third"
  done
  graduate
  assert_exit 0
  assert_equal "$(jq --raw-output 'select(.type == "hook" and .state == "succeeded").hook' "$EVENTS" | tr '\n' ' ')" \
    'pre/first pre/second pre/a-third post/first post/second post/a-third live/first live/second live/a-third ' 'order of the hooks'
  assert_equal "$(tr '\n' ',' <"$x/order")" 'pre host,post host,live host,'
  assert_contains "$(cat "$(log_of live/second)")" '^this is the log of live$'
  assert_contains "$(cat "$(log_of live/second)")" '^and its errors$'
  for kind in pre post live; do assert_contains "$(cat "$(log_of $kind/a-third)")" "task name=$kind-third"; done
  assert_order "$(time_of '.hook == "pre/a-third" and .state == "succeeded"')" "$(time_of '.type == "app" and .state == "starting"')" \
    "$(time_of '.type == "candidate"')" "$(time_of '.hook == "post/first" and .state == "started"')" "$(released_at)" \
    "$(time_of '.hook == "live/first" and .state == "started"')"
  assert_serves v2 "${PROD[@]}"
}

@test "hooks: a live hook that fails is told as such, and the new set stays live" {
  deploy "${DEV[0]}=$(image v3.shell --shell)" "${DEV[1]}=$(image v3)"
  add_hook post migrate --app portal -- /app/probe task migrate # so that it is not taken back
  add_hook live celebrate --app portal -- /app/probe task celebrate --exit 7
  graduate
  assert_exit 4
  assert_one_error_line 'live/celebrate' '\b7\b'
  assert_log_is_named 'task name=celebrate'
  assert_serves v3 "${PROD[@]}"
  remove_hooks
  side_by_side ps:restart "${PROD[@]}"
  assert_serves v3 "${PROD[@]}"
}

@test "hooks: a host hook that others may write to is not run" {
  x=$(exchange)
  hook=$(host_hook open <<END
#!/bin/bash
touch $x/ran
END
  )
  add_hook post open --host "$hook"
  chmod 777 "$HOOKS_DIR/$hook"
  deploy "${DEV[0]}=$(image v4)" "${DEV[1]}=$(image v4)"
  settle "${PROD[@]}"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  graduate
  assert_exit 1
  assert_one_error_line "$hook"
  [ ! -e "$x/ran" ]
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  remove_hooks
  attempt dokku graduate:hooks:add "$GROUP" post open --host "$hook"
  assert_equal "$status" 1 'exit code of hooks:add'
}

@test "hooks: a host hook that is gone, or not executable, stops the graduation before anything is touched" {
  hook=$(host_hook gone <<<'#!/bin/sh')
  add_hook live gone --host "$hook"
  chmod 644 "$HOOKS_DIR/$hook"
  settle "${PROD[@]}"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  graduate
  assert_exit 1
  assert_one_error_line "$hook"
  rm "$HOOKS_DIR/$hook"
  graduate
  assert_exit 1
  assert_one_error_line "$hook"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "hooks: each gets a file with what it is told, without any config value" {
  x=$(exchange)
  dokku config:set --no-restart "${PROD[0]}" API_KEY=hush-hush >/dev/null
  hook=$(host_hook context <<END
#!/bin/bash
cp "\$GRADUATE_CONTEXT" $x/\$GRADUATE_PHASE
curl --silent --fail --output /dev/null --write-out '%header{x-version}' "\$GRADUATE_PORTAL_OLD_URL\$GRADUATE_PORTAL_URL/" >$x/version || true
END
  )
  deploy "${DEV[0]}=$(image v2.shell --shell)"
  add_hook pre context --host "$hook"
  # shellcheck disable=SC2016 # for the shell in the container
  add_hook post context --app portal -- /bin/sh -c 'while read -r line; do echo "$line"; done <$GRADUATE_CONTEXT; echo x >>$GRADUATE_CONTEXT; echo "written $?"'
  add_hook live context --host "$hook"
  graduate --only portal
  assert_exit 0
  seen=$(grep -v 'written\|Read-only' <"$(log_of post/context)")
  assert_contains "$(cat "$(log_of post/context)")" '^written [1-9]'
  assert_equal "$(jq --raw-output '.phase + " " + .hook + " " + .kind + " " + (.apps | length | tostring)' <<<"$seen")" 'post context graduate 2'
  candidate=$(jq --raw-output "select(.type == \"candidate\" and .candidate.app == \"${PROD[0]}\") | .candidate | \"http://\(.ip):\(.port)\"" "$EVENTS")
  assert_equal "$(jq --raw-output '.apps[0].urls[0]' <<<"$seen")" "$candidate" 'address of the candidate'
  assert_equal "$(jq --raw-output '.apps[0].old_urls[0]' <<<"$seen")" "$(jq --raw-output '.apps[0].old_urls[0]' "$x/pre")" 'address of what was live'
  assert_equal "$(jq --raw-output '.apps[0].urls[0]' "$x/live")" "$candidate" 'what is live in the end'
  assert_equal "$(cat "$x/version")" v2 'what answers there in the live hook'
  ! grep -r hush-hush "$x" "$(dirname "$(log_of post/context)")/../../context" || fail 'a config value is in what hooks are told'
}

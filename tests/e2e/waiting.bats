#!/usr/bin/env bats
# Quiesce as clients and the administrator see it: what waits, for how long, what the instances get of it, and what happens
# when the coordinator dies meanwhile.

load one_group

setup_file() {
  make_group "$(name shop)" portal webservices
  deploy "${DEV[0]}=$(image v2)" "${PROD[0]}=$(image v1)" "${DEV[1]}=$(image v2.worker --worker 1)" "${PROD[1]}=$(image v1.worker --worker 1)"
  settle "${DEV[@]}" "${PROD[@]}"
  dokku nginx:set "${PROD[0]}" client-max-body-size 20m >/dev/null
  dokku proxy:build-config "${PROD[0]}" >/dev/null
  remember_group
}

setup() {
  recall_group
  dokku graduate:set "$GROUP" quiesce 'max_wait=40s drain=3s' >/dev/null
  settle "${PROD[@]}"
}

# back_to_v1: both roles of prod run v1 again.
back_to_v1() {
  [ "$(version_of "${PROD[0]}")" = v1 ] || deploy "${PROD[0]}=$(image v1)"
  [ "$(version_of "${PROD[1]}")" = v1 ] || deploy "${PROD[1]}=$(image v1.worker --worker 1)"
  settle "${PROD[@]}"
}

# hold_everything [option…]: a graduation that has come to its post hook: old instances are paused, requests wait.
hold_everything() {
  back_to_v1
  add_hold_hook
  graduate_in_background --all "$@"
  wait_until_held
}

# states APP: of its old containers.
states() { docker ps --all --filter "label=com.dokku.app-name=$1" --format '{{.Names}} {{.State}}' | grep -E "^$1\.[a-z]+\.[0-9]+ " | sort | cut -d ' ' -f 2 | paste -sd ' '; }

# in_room: how many connections wait at the sockets of the graduation.
in_room() { ss -Hx state established | grep -c "/graduate-rooms/$(jq --raw-output .run "$EVENTS" | head -n 1)/" || true; }

# wait_for_room N: until so many wait.
wait_for_room() {
  local n
  for ((n = 0; n < 600; n++)); do # that a request waits is no event for others
    [ "$(in_room)" -lt "$1" ] || return 0
    sleep 0.05
  done
  fail "only $(in_room) of $1 requests wait"
}

# ask_later NAME APP PATH [curl option…]: a request in the background; its answer comes to NAME.body and NAME.code.
ask_later() {
  local at=$BATS_TEST_TMPDIR/$1
  shift
  in_background bash -c 'curl --silent --show-error --max-time 60 --output "$1.body" --write-out "%{http_code} %header{x-version} %{http_version} %header{retry-after} %{time_total}" "${@:2}" >"$1.code"' \
    ask "$at" --header "Host: $1.$E2E_DOMAIN" "${@:3}" "http://127.0.0.1:$E2E_HTTP_PORT$2"
  ASKED+=("$BACKGROUND_PID")
}

await_answers() {
  local pid
  for pid in "${ASKED[@]}"; do await "$pid" 90; done
}

@test "waiting: what waits arrives as it would have: method, headers, address, a body of 10 MB" {
  head -c 10000000 /dev/urandom >"$BATS_TEST_TMPDIR/body"
  request=(--request PUT --header 'X-Sent: by the test' --header 'Cookie: a=b' --header 'Expect:' --data-binary "@$BATS_TEST_TMPDIR/body")
  ask "${PROD[0]}" '/request?q=1&r=%20' "${request[@]}" >"$BATS_TEST_TMPDIR/plain"
  hold_everything
  assert_equal "$(states "${PROD[1]}")" 'paused paused' 'old containers of webservices'
  ASKED=()
  ask_later put "${PROD[0]}" '/request?q=1&r=%20' "${request[@]}"
  ask_later get "${PROD[1]}" /
  wait_for_room 2
  let_go
  await_answers
  finish_graduation
  assert_exit 0
  assert_contains "$(cat "$BATS_TEST_TMPDIR/put.code")" '^200 v2 1.1'
  assert_contains "$(cat "$BATS_TEST_TMPDIR/get.code")" '^200 v2 '
  diff <(sed 's/^X-Request-Start:.*/X-Request-Start: T/' "$BATS_TEST_TMPDIR/plain") <(sed 's/^X-Request-Start:.*/X-Request-Start: T/' "$BATS_TEST_TMPDIR/put.body") >&2
  assert_contains "$(cat "$BATS_TEST_TMPDIR/put.body")" 'body: 10000000 bytes'
  assert_contains "$(cat "$BATS_TEST_TMPDIR/put.body")" "$(sha256sum "$BATS_TEST_TMPDIR/body" | cut -d ' ' -f 1)"
}

@test "waiting: uploads of 10 MB in flight are taken by the old instances or wait, and none fails" {
  head -c 10000000 /dev/urandom >"$BATS_TEST_TMPDIR/body"
  back_to_v1
  dokku graduate:set "$GROUP" quiesce 'max_wait=40s drain=20s' >/dev/null
  add_hold_hook
  graduate_in_background --all
  ASKED=()
  for n in {1..20}; do # one is in flight at any moment, for two seconds each
    ask_later "up$n" "${PROD[0]}" /request --request POST --header 'Expect:' --limit-rate 5M --data-binary "@$BATS_TEST_TMPDIR/body"
    sleep 0.5
  done
  wait_until_held
  let_go
  await_answers
  finish_graduation
  assert_exit 0
  for n in {1..20}; do assert_contains "$(cat "$BATS_TEST_TMPDIR/up$n.code")" '^200 v'; done
  echo "# answered by: $(cut -d ' ' -f 2 "$BATS_TEST_TMPDIR"/up*.code | sort | uniq -c | paste -sd ' ')" >&3
}

@test "waiting: a WebSocket waits to be opened, and one that is open goes on after an abort" {
  back_to_v1
  opening="GET /socket HTTP/1.1\r\nHost: ${PROD[0]}.$E2E_DOMAIN\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
  exec {OPEN}<>"/dev/tcp/127.0.0.1/$E2E_HTTP_PORT"
  printf %b "$opening" >&"$OPEN"
  read -r -t 10 -u "$OPEN" line
  assert_contains "$line" ' 101 '
  until [ "$line" = $'\r' ]; do read -r -t 10 -u "$OPEN" line; done
  echo one >&"$OPEN"
  read -r -t 10 -u "$OPEN" line
  assert_equal "$line" 'v1 one'

  hold_everything
  exec {NEW}<>"/dev/tcp/127.0.0.1/$E2E_HTTP_PORT"
  printf %b "$opening" >&"$NEW"
  wait_for_room 1
  echo two >&"$OPEN"
  let_go no
  read -r -t 60 -u "$NEW" line
  assert_contains "$line" ' 101 '
  until [ "$line" = $'\r' ]; do read -r -t 10 -u "$NEW" line; done
  read -r -t 10 -u "$OPEN" line
  assert_equal "$line" 'v1 two'
  finish_graduation
  assert_exit 2
  echo three >&"$NEW"
  read -r -t 10 -u "$NEW" line
  assert_equal "$line" 'v1 three' 'what the socket says that was opened meanwhile, after the graduation'
  exec {OPEN}<&- {NEW}<&-
}

@test "waiting: TLS and HTTP/2 at the edge" {
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=${PROD[0]}.$E2E_DOMAIN" -keyout "$E2E_SHARED/tls.key" -out "$E2E_SHARED/tls.crt" 2>/dev/null
  mkdir -p "$DOKKU_ROOT/${PROD[0]}/nginx.conf.d"
  printf 'listen 127.0.0.1:%s ssl http2;\nssl_certificate %s;\nssl_certificate_key %s;\n' "$port" "$E2E_SHARED/tls.crt" "$E2E_SHARED/tls.key" >"$DOKKU_ROOT/${PROD[0]}/nginx.conf.d/tls.conf"
  dokku proxy:build-config "${PROD[0]}" >/dev/null
  hold_everything
  ASKED=()
  in_background bash -c 'curl --silent --max-time 60 --cacert "$1" --resolve "$2:$3:127.0.0.1" --http2 --write-out "\n%{http_version}" "https://$2:$3/request" >"$4"' \
    tls "$E2E_SHARED/tls.crt" "${PROD[0]}.$E2E_DOMAIN" "$port" "$BATS_TEST_TMPDIR/tls"
  ASKED+=("$BACKGROUND_PID")
  wait_for_room 1
  let_go
  await_answers
  finish_graduation
  assert_exit 0
  rm "$DOKKU_ROOT/${PROD[0]}/nginx.conf.d/tls.conf"
  dokku proxy:build-config "${PROD[0]}" >/dev/null
  assert_contains "$(cat "$BATS_TEST_TMPDIR/tls")" '^X-Forwarded-Proto: https'
  assert_contains "$(cat "$BATS_TEST_TMPDIR/tls")" '^2$'
}

@test "waiting: past max_wait, and where the room is full, 503 with Retry-After and a page" {
  page=$(name soon.html)
  echo '<p>In a moment, says the shop.</p>' >"$HOOKS_DIR/$page"
  chmod 644 "$HOOKS_DIR/$page"
  head -c 900000 /dev/zero >"$BATS_TEST_TMPDIR/body"
  dokku graduate:set "$GROUP" quiesce "max_wait=2s drain=3s max_waiting=1 maintenance_page=$page" >/dev/null
  hold_everything
  ASKED=()
  ask_later waits "${PROD[0]}" /
  wait_for_room 1
  ask_later full "${PROD[1]}" / --request POST --data-binary "@$BATS_TEST_TMPDIR/body"
  await_answers
  let_go
  finish_graduation
  assert_exit 0
  rm "$HOOKS_DIR/$page"
  for name in waits full; do
    assert_contains "$(cat "$BATS_TEST_TMPDIR/$name.code")" '^503 .* 5 '
    assert_equal "$(cat "$BATS_TEST_TMPDIR/$name.body")" '<p>In a moment, says the shop.</p>'
  done
  assert_contains "$(event '.type == "quiesce" and .state == "passed"')" '1 requests waited.* 2 were told'
}

@test "waiting: 1,000 requests wait during a migration of 10 s, and all are answered" {
  dokku graduate:set "$GROUP" quiesce 'max_wait=50s drain=3s' >/dev/null
  hold_everything
  in_background bash -c 'seq 1000 | xargs -P 1000 -I{} curl --silent --output /dev/null --max-time 60 --write-out "%{http_code} %header{x-version} %{time_total}\n" --header "Host: $1" "$2" >"$3"' \
    thousand "${PROD[0]}.$E2E_DOMAIN" "http://127.0.0.1:$E2E_HTTP_PORT/" "$BATS_TEST_TMPDIR/answers"
  thousand=$BACKGROUND_PID began=$SECONDS
  wait_for_room 1000
  while [ $((SECONDS - began)) -lt 10 ]; do sleep 0.1; done # the migration's time
  memory=$(awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$(coordinator)/status")
  let_go
  await "$thousand" 90
  finish_graduation
  assert_exit 0
  assert_equal "$(cut -d ' ' -f 1,2 "$BATS_TEST_TMPDIR/answers" | sort | uniq -c | sed 's/^ *//')" '1000 200 v2' 'answers'
  echo "# 1,000 requests waited; the longest took $(cut -d ' ' -f 3 "$BATS_TEST_TMPDIR/answers" | sort -n | tail -n 1) s; the coordinator had $memory MB, the room $(jq 'select(.visits) | .visits.memory / 1e6 | floor' "$EVENTS") MB at most" >&3
}

@test "waiting: the coordinator is killed while requests wait: old instances answer them at once, and nothing is lost" {
  back_to_v1
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  start_load "${PROD[@]}"
  hold_everything
  wait_for_room 20
  killed=$(date --utc +%FT%T.%NZ)
  kill -KILL "$(coordinator)"
  finish_graduation
  for app in "${PROD[@]}"; do
    for n in {1..100}; do
      [ "$(version_of "$app")" != v1 ] || break
    done
  done
  assert_equal "$(states "${PROD[1]}")" 'running running' 'old containers of webservices'
  answered=$("$E2E_SHARED/bin/load" report "$LOAD" --since "$killed" | sed -n 's/^first response of .* v1: //p' | sort | tail -n 1)
  echo "# kill -9 of the coordinator: the old instances answered after $(milliseconds_between "$killed" "$answered") ms" >&3
  assert_at_most "$(milliseconds_between "$killed" "$answered")" 5000 'milliseconds from the kill to the answers of the old instances'
  let_go no
  dokku graduate:recover "$GROUP"
  stop_load
  assert_no_failed_requests
  settle "${PROD[@]}"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_nothing_left "${PROD[@]}"
}

@test "waiting: the coordinator is killed at each step of a quiesce, and prod is what it was" {
  back_to_v1
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  start_load "${PROD[@]}"
  for moment in quiesce/linked quiesce/recorded quiesce/paused after:quiesce:paused; do
    GRADUATE_FAILPOINT=$moment graduate --all
    [ "$status" -ne 0 ] || fail "the coordinator did not die at $moment"
    dokku graduate:recover "$GROUP"
    fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
    assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
    assert_nothing_left "${PROD[@]}"
  done
  stop_load
  assert_no_failed_requests
  assert_version_never_seen v2
}

@test "waiting: the coordinator is killed right after the release record: the new instances answer" {
  back_to_v1
  old=$(docker ps --quiet --no-trunc --filter "name=^/${PROD[0]}.web.1\$")
  start_load "${PROD[@]}"
  GRADUATE_FAILPOINT=after:state:release graduate --all
  [ "$status" -ne 0 ] || fail 'the coordinator did not die'
  for app in "${PROD[@]}"; do assert_equal "$(version_of "$app")" v2 "version of $app, before the recovery"; done
  assert_equal "$(docker inspect --format '{{.State.ExitCode}}' "$old" 2>/dev/null || echo 137)" 137 'exit code of an old instance: it was killed'
  dokku graduate:recover "$GROUP"
  stop_load
  assert_no_failed_requests
  assert_serves v2 "${PROD[@]}"
  settle "${PROD[@]}"
  assert_nothing_left "${PROD[@]}"
}

@test "waiting: an abort that is killed right before its reload of nginx is completed by one" {
  back_to_v1
  GRADUATE_FAILPOINT=quiesce/back hold_everything
  room=$(pgrep --full "waiting-room $(jq --raw-output .run "$EVENTS" | head -n 1)")
  let_go no
  finish_graduation
  assert_serves v1 "${PROD[@]}"
  dokku graduate:recover "$GROUP"
  # it is there for as long as a worker of nginx knows of it, or for a minute
  timeout 30 tail --pid="$room" -f /dev/null || fail 'nginx still sends requests to the room'
  assert_equal "$(ls "$DOKKU_LIB_ROOT/data/graduate-rooms")" '' 'folders of rooms'
  assert_serves v1 "${PROD[@]}"
}

@test "waiting: the room is killed: old instances answer at once, and the graduation turns back" {
  back_to_v1
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  start_load "${PROD[@]}"
  hold_everything
  wait_for_room 20
  kill -KILL "$(pgrep --full "waiting-room $(jq --raw-output .run "$EVENTS" | head -n 1)")"
  finish_graduation
  assert_exit 2
  assert_one_error_line 'the waiting room has ended'
  stop_load
  assert_no_failed_requests
  assert_version_never_seen v2
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_nothing_left "${PROD[@]}"
}

@test "waiting: coordinator and room are killed: the held deploys let old instances go on at once" {
  [ "$(version_of "${PROD[0]}")" = v1 ] || back_to_v1
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  hold_everything
  assert_equal "$(states "${PROD[1]}")" 'paused paused' 'old containers of webservices'
  room=$(pgrep --full "waiting-room $(jq --raw-output .run "$EVENTS" | head -n 1)")
  kill -STOP "$room" # so that it does not notice first
  killed=$(date --utc +%FT%T.%NZ)
  kill -KILL "$(coordinator)" "$room"
  for app in "${PROD[@]}"; do assert_equal "$(version_of "$app")" v1 "version of $app"; done
  assert_equal "$(states "${PROD[1]}")" 'running running' 'old containers of webservices'
  echo "# kill -9 of coordinator and room: both apps answered after $(milliseconds_between "$killed" "$(date --utc +%FT%T.%NZ)") ms" >&3
  assert_at_most "$(milliseconds_between "$killed" "$(date --utc +%FT%T.%NZ)")" 10000 'milliseconds from the kill to the answers of the old instances'
  finish_graduation
  let_go no
  dokku graduate:recover "$GROUP"
  settle "${PROD[@]}"
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_nothing_left "${PROD[@]}"
}

@test "waiting: the coordinator is killed right after the release record: an app that stays as it is goes on at once" {
  graduate --no-quiesce
  assert_exit 0
  deploy "${PROD[1]}=$(image v1.worker --worker 1)"
  settle "${PROD[@]}"
  container=$(docker ps --quiet --filter "name=^/${PROD[0]}.web.1\$")
  GRADUATE_FAILPOINT=after:state:release graduate
  [ "$status" -ne 0 ] || fail 'the coordinator did not die at the release record'
  assert_equal "$(jq --raw-output 'select(.type == "quiesce") | .state' "$EVENTS" | paste -sd ' ')" 'waiting paused' 'the quiesce'
  assert_contains "$(event '.type == "app" and .state == "skipped"')" "${PROD[0]}"
  assert_equal "$(version_of "${PROD[0]}")" v2 'version of portal, which waits for its own containers'
  assert_equal "$(states "${PROD[0]}")" running 'containers of portal'
  dokku graduate:recover "$GROUP"
  assert_serves v2 "${PROD[@]}"
  assert_equal "$(docker ps --quiet --filter "name=^/${PROD[0]}.web.1\$")" "$container" 'container of portal'
  assert_equal "$(states "${PROD[0]}")" running 'containers of portal'
  settle "${PROD[@]}"
  assert_nothing_left "${PROD[@]}"
}

@test "waiting: requests of an app that stays as it is wait too, and are answered by its containers" {
  graduate --no-quiesce
  assert_exit 0
  deploy "${PROD[1]}=$(image v1.worker --worker 1)"
  settle "${PROD[@]}"
  container=$(docker ps --quiet --filter "name=^/${PROD[0]}.web.1\$")
  add_hold_hook
  graduate_in_background
  wait_until_held
  assert_contains "$(event '.type == "app" and .state == "skipped"')" "${PROD[0]}"
  assert_equal "$(states "${PROD[0]}")" paused 'containers of portal'
  ASKED=()
  ask_later stays "${PROD[0]}" /
  wait_for_room 1
  let_go
  await_answers
  finish_graduation
  assert_exit 0
  assert_contains "$(cat "$BATS_TEST_TMPDIR/stays.code")" '^200 v2'
  assert_equal "$(docker ps --quiet --filter "name=^/${PROD[0]}.web.1\$")" "$container" 'container of portal'
  assert_equal "$(states "${PROD[0]}")" running 'containers of portal'
}

@test "waiting: workers are stopped and started again, or left alone, as the group says" {
  dokku graduate:set "$GROUP" quiesce 'drain=3s workers=stop' >/dev/null
  hold_everything
  assert_equal "$(states "${PROD[1]}")" 'paused exited' 'old containers of webservices'
  let_go no
  finish_graduation
  assert_exit 2
  assert_equal "$(states "${PROD[1]}")" 'running running' 'old containers of webservices'
  dokku graduate:set "$GROUP" quiesce 'drain=3s workers=leave' >/dev/null
  add_hold_hook live
  remove_hooks
  hold_everything
  assert_equal "$(states "${PROD[1]}")" 'paused running' 'old containers of webservices'
  let_go
  finish_graduation
  assert_exit 0
}

@test "waiting: --no-quiesce and --quiesce, whatever is set" {
  hold_everything --no-quiesce
  assert_equal "$(states "${PROD[0]}")" running 'old containers'
  assert_equal "$(version_of "${PROD[0]}")" v1
  let_go no
  finish_graduation
  assert_exit 2
  dokku graduate:set "$GROUP" quiesce >/dev/null
  remove_hooks
  hold_everything --quiesce
  assert_equal "$(states "${PROD[0]}")" paused 'old containers'
  let_go no
  finish_graduation
  assert_exit 2
}

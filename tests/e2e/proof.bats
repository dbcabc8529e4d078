#!/usr/bin/env bats
# Proof from the logs of the proxy and of the apps themselves: no candidate got a request but Dokku's checks
# before the release point, and all apps switched at one reload.

load one_group

setup_file() {
  make_group "$(name shop)" portal webservices
  deploy "${DEV[0]}=$(image v2.two --web 2)" "${PROD[0]}=$(image v1)" "${DEV[1]}=$(image v2)" "${PROD[1]}=$(image v1)"
  settle "${DEV[@]}" "${PROD[@]}"
  remember_group
}

# requests_of CONTAINER: "NANOSECONDS PATH PROXIED" of each request in an app's own log.
requests_of() {
  docker logs "$1" 2>&1 |
    sed -n 's/^\([^ ]*\) .* request .* path=\([^ ]*\) .* proxied=\([a-z]*\).*/\1 \2 \3/p' >"$BATS_TEST_TMPDIR/log"
  cut -d ' ' -f 1 "$BATS_TEST_TMPDIR/log" | date --file=- +%s%N | paste -d ' ' - <(cut -d ' ' -f 2- "$BATS_TEST_TMPDIR/log")
}

access_log() { sed -n 's/^ *access_log *\([^ ;]*\).*/\1/p' "$DOKKU_ROOT/$1/nginx.conf" | head -n 1; }

@test "proof: by the logs of proxy and apps no candidate got a request before the release point, and all switched at one reload" {
  before=()
  for app in "${PROD[@]}"; do before+=("$(wc -l <"$(access_log "$app")")"); done
  add_hold_hook
  watch_reloads
  start_load "${PROD[@]}"
  graduate_in_background
  wait_until_held
  mapfile -t held < <(jq --raw-output 'select(.type == "candidate").candidate.container' "$EVENTS")
  assert_equal "${#held[@]}" 3 'held candidates'
  sleep 1 # the load goes on while all are held
  let_go
  finish_graduation
  assert_exit 0
  stop_load
  assert_no_failed_requests
  release=$(nanoseconds "$(released_at)")

  first=()
  for container in "${held[@]}"; do
    requests_of "$container" >"$BATS_TEST_TMPDIR/requests"
    early=$(awk -v release="$release" '$1 + 0 < release + 0 && ($2 != "/healthz" || $3 != "false")' "$BATS_TEST_TMPDIR/requests")
    assert_equal "$early" '' 'requests of a candidate before the release point that are not checks'
    checks=$(awk -v release="$release" '$1 + 0 < release + 0' "$BATS_TEST_TMPDIR/requests" | wc -l)
    [ "$checks" -ge 1 ] || fail 'no check in the log of a candidate'
    first+=("$(awk '$3 == "true" { print $1; exit }' "$BATS_TEST_TMPDIR/requests")")
    echo "# ${container:0:12}: $checks checks before the release point, first request through the proxy $(((${first[-1]} - release) / 1000000)) ms after it" >&3
  done

  # one reload: of the first requests of all candidates none is far from the others
  spread=$(printf '%s\n' "${first[@]}" | awk 'NR == 1 { min = max = $1 } { if ($1 < min) min = $1; if ($1 > max) max = $1 } END { print (max - min) / 1e6 }')
  echo "# milliseconds between the first requests of all candidates: $spread" >&3
  assert_at_most "$spread" 500 'milliseconds between the first requests of all candidates'
  assert_equal "$(reloads_between "$(time_of '.type == "state" and .state == "hold"')" "$(all_live_at v2)")" 1 'reloads of nginx until all were live'

  # the proxy's own log: it answered every request of the load, and none with an error
  for i in 0 1; do
    log=$(access_log "${PROD[i]}")
    tail -n "+$((before[i] + 1))" "$log" >"$BATS_TEST_TMPDIR/access"
    assert_equal "$(awk '$9 != 200' "$BATS_TEST_TMPDIR/access")" '' "answers of the proxy for ${PROD[i]} that are not 200"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/access")" -ge 20 ]
  done
}

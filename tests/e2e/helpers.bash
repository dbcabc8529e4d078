# shellcheck shell=bash
# shellcheck disable=SC2034 # PORTAL, ERRORS… are read by the tests
# What the end-to-end tests share. Words as in DESIGN.md: a group SHOP of roles, each one app in dev and in prod.
# Nothing here knows whether `dokku` is the sandbox or a real one, except enter_sandbox and enter_real.

bats_require_minimum_version 1.5.0

# ---------------------------------------------------------------- the Dokku that is tested

# enter_sandbox DIR: starts a sandbox there and makes its dokku the first in PATH.
enter_sandbox() {
  "$E2E_SHARED/bin/graduate-sandbox" start "$1"
  eval "$("$E2E_SHARED/bin/graduate-sandbox" env "$1")"
  E2E_HTTP_PORT=$(jq -r .http_port "$1/sandbox.json")
  E2E_GIT_URL=dokku@127.0.0.1
  GRADUATE_HOOKS_DIR=${GRADUATE_HOOKS_DIR:-$1/hooks}
  HOOKS_DIR=$GRADUATE_HOOKS_DIR GRADUATE_SANDBOX=1
  export GRADUATE_SANDBOX E2E_HTTP_PORT E2E_GIT_URL GRADUATE_HOOKS_DIR HOOKS_DIR
  enter_any
}

# enter_real: the Dokku that is installed on this machine, as root.
enter_real() {
  unset GRADUATE_HOOKS_DIR GRADUATE_SANDBOX
  export DOKKU_ROOT=/home/dokku DOKKU_LIB_ROOT=/var/lib/dokku DOKKU_SYSTEM_USER=dokku
  export PLUGIN_PATH=$DOKKU_LIB_ROOT/plugins
  export E2E_HTTP_PORT=80 E2E_GIT_URL=dokku@127.0.0.1 HOOKS_DIR=/etc/dokku-graduate/hooks
  if [ ! -d "$PLUGIN_PATH/enabled/graduate" ]; then
    echo "the graduate plugin is not installed in this Dokku: run dokku plugin:install file://$REPO --name graduate" >&2
    return 1
  fi
  dokku ps:retire >/dev/null || true
  enter_any
}

enter_any() {
  E2E_DOMAIN=$(head -n 1 "$DOKKU_ROOT/VHOST")
  E2E_DATA=$DOKKU_LIB_ROOT/data/graduate
  export E2E_DOMAIN E2E_DATA
}

# snapshot_of_work_tree DIR: a git repository with one commit of the work tree as it is, for plugin:install.
snapshot_of_work_tree() {
  mkdir -p "$1"
  git -C "$REPO" ls-files -z --cached --others --exclude-standard |
    (cd "$REPO" && while IFS= read -r -d '' file; do [ ! -e "$file" ] && [ ! -L "$file" ] || printf '%s\0' "$file"; done) |
    tar -C "$REPO" --null --files-from=- -c | tar -C "$1" -x
  git -C "$1" init --quiet --initial-branch=main
  commit_all "$1" "the work tree"
}

commit_all() { # commit_all DIR MESSAGE
  git -C "$1" add --all
  git -C "$1" -c user.name=tests -c user.email=tests@example.test commit --quiet --message "$2"
}

# ---------------------------------------------------------------- images of the sample app

# image VERSION[.VARIANT] [build-image option…]: the tag of a version of the probe app, built where it is
# missing. The options belong to the variant; X-Version of the app's answers is VERSION.
image() {
  local variant=$1 tag
  shift
  tag=e2e$E2E_ID/probe:$variant
  (
    flock 8
    docker image inspect "$tag" >/dev/null 2>&1 || "$REPO/tests/apps/build-image" "$tag" "${variant%%.*}" "$@" >/dev/null
  ) 8>"$E2E_SHARED/images.lock"
  echo "$tag"
}

# ---------------------------------------------------------------- apps

# name WORD: a name that no other test uses.
name() { echo "e$E2E_ID-$(basename "${BATS_TEST_FILENAME%.bats}")${BATS_TEST_NUMBER:-}-$1"; }

# create_apps APP…: apps that retire old containers at once, so that tests need not wait for it.
create_apps() {
  local app
  for app in "$@"; do
    dokku apps:create "$app" >/dev/null
    echo "$app" >>"$E2E_SHARED/apps"
    dokku checks:set "$app" wait-to-retire 1 >/dev/null
  done
}

# may_go_wrong APP…: from now on `goes_wrong` decides what goes wrong with new containers of these apps, without
# a change of their images or of anything that Dokku knows: the behaviour file of the sample app is mounted.
may_go_wrong() {
  local app
  for app in "$@"; do
    mkdir -p "$E2E_SHARED/behaviour"
    : >"$E2E_SHARED/behaviour/$app"
    dokku docker-options:add "$app" deploy "--volume $E2E_SHARED/behaviour/$app:/app/behaviour:ro" >/dev/null
  done
}

# goes_wrong APP [BEHAVIOUR]: see tests/apps/build-image; without one new containers work again.
goes_wrong() { echo "${2:-}" >"$E2E_SHARED/behaviour/$1"; }

# deploy APP=IMAGE…: side by side; fails where one fails.
deploy() {
  local pair pids=() pid failed=0
  for pair in "$@"; do
    dokku git:from-image "${pair%%=*}" "${pair#*=}" >"$BATS_FILE_TMPDIR/deploy-${pair%%=*}.log" 2>&1 3>&- &
    pids+=("$!")
  done
  for pair in "$@"; do
    wait "${pids[0]}" || { failed=1; tail -n 40 "$BATS_FILE_TMPDIR/deploy-${pair%%=*}.log" >&2; }
    pids=("${pids[@]:1}")
  done
  return "$failed"
}

# side_by_side COMMAND APP…: runs `dokku COMMAND APP` for all apps at once; fails where one fails.
side_by_side() {
  local command=$1 app pids=() failed=0
  shift
  for app in "$@"; do
    # shellcheck disable=SC2086 # COMMAND may have arguments of its own
    dokku $command "$app" >"$BATS_FILE_TMPDIR/$app.log" 2>&1 3>&- &
    pids+=("$!")
  done
  for app in "$@"; do
    wait "${pids[0]}" || { failed=1; echo "dokku $command $app:" >&2; tail -n 40 "$BATS_FILE_TMPDIR/$app.log" >&2; }
    pids=("${pids[@]:1}")
  done
  return "$failed"
}

# make_group GROUP ROLE…: a group of these roles with empty apps GROUP-ROLE-dev and GROUP-ROLE-prod. Sets
# GROUP, DEV and PROD (arrays, in the roles' order).
make_group() {
  local role
  GROUP=$1 DEV=() PROD=()
  shift
  dokku graduate:create "$GROUP" dev prod >/dev/null
  echo "$GROUP" >>"$E2E_SHARED/groups"
  for role in "$@"; do
    DEV+=("$GROUP-$role-dev") PROD+=("$GROUP-$role-prod")
    create_apps "$GROUP-$role-dev" "$GROUP-$role-prod"
    dokku graduate:add "$GROUP" "$role" "dev=$GROUP-$role-dev" "prod=$GROUP-$role-prod" >/dev/null
  done
}

# remember_group, recall_group: setup_file and the tests of a file are processes of their own.
remember_group() { declare -p GROUP DEV PROD >"$BATS_FILE_TMPDIR/group"; }
recall_group() {
  # shellcheck disable=SC1090
  source <(sed 's/^declare --/declare -g/; s/^declare -a/declare -ga/' "$BATS_FILE_TMPDIR/group")
}

# remove_apps APP…, remove_group GROUP: what a test made goes.
remove_apps() {
  local app
  for app in "$@"; do
    dokku apps:destroy "$app" --force >/dev/null 2>&1 || true
  done
}

remove_group() {
  dokku graduate:destroy "$1" --force >/dev/null 2>&1 || true
}

# remove_everything: whatever tests have left, at the end of the suite.
remove_everything() {
  local group hook images
  if [ -f "$E2E_SHARED/groups" ]; then
    while read -r group; do remove_group "$group"; done <"$E2E_SHARED/groups"
  fi
  if [ -f "$E2E_SHARED/apps" ]; then
    mapfile -t apps <"$E2E_SHARED/apps"
    remove_apps "${apps[@]}"
  fi
  for hook in "$HOOKS_DIR/e$E2E_ID"-*; do rm -f "$hook"; done
  images=$(docker image ls --format '{{.Repository}}:{{.Tag}}' "e2e$E2E_ID/*")
  # shellcheck disable=SC2086
  [ -z "$images" ] || docker image rm --force $images >/dev/null 2>&1 || true
}

# ask APP [PATH] [curl option…]: what the app answers through the proxy.
ask() {
  local app=$1 path=${2:-/}
  shift
  [ $# -eq 0 ] || shift
  curl --silent --show-error --max-time 20 --header "Host: $app.$E2E_DOMAIN" "$@" "http://127.0.0.1:$E2E_HTTP_PORT$path"
}

# version_of APP: which version answers.
version_of() { ask "$1" / --output /dev/null --write-out '%header{x-version}'; }

# assert_serves VERSION APP…
assert_serves() {
  local version=$1 app
  shift
  for app in "$@"; do assert_equal "$(version_of "$app")" "$version" "version of $app"; done
}

# containers APP [docker ps option…]: names of the app's running containers.
containers() {
  local app=$1
  shift
  docker ps --filter "label=com.dokku.app-name=$app" --format '{{.Names}}' "$@" | sort
}

# settle APP…: waits until the containers that earlier deploys replaced have ended and are retired, so that
# two fingerprints differ in nothing but what happens in between.
settle() {
  local app old n
  for app in "$@"; do
    old=$(containers "$app" | grep -Ev "^$app\.[a-z]+\.[0-9]+\$" || true)
    # shellcheck disable=SC2086
    [ -z "$old" ] || timeout 60 docker wait $old >/dev/null
  done
  for app in "$@"; do
    for n in 1 2 3 4 5 6 7 8 9 10; do
      dokku ps:retire "$app" >/dev/null 2>&1 || true
      grep -qsw -- "$app" "$DOKKU_LIB_ROOT/data/scheduler-docker-local/dead-containers" || break
      sleep 0.5 # the queue's clock has whole seconds
    done
  done
}

# fingerprint APP…: all state of these apps.
fingerprint() { "$REPO/tests/fingerprint" "$@"; }

# git_revision APP: the commit that Dokku holds for the app.
git_revision() { git -c safe.directory='*' --git-dir="$DOKKU_ROOT/$1" rev-parse HEAD; }

# image_id APP [TAG]: the ID behind the app's image tag.
image_id() { docker image inspect --format '{{.Id}}' "dokku/$1:${2:-latest}"; }

# stored APP FILE: the path of the Procfile or app.json that Dokku keeps for the app.
stored() {
  case $2 in
    Procfile) echo "$DOKKU_LIB_ROOT/data/ps/$1/Procfile" ;;
    app.json) echo "$DOKKU_LIB_ROOT/data/app-json/$1/app.json" ;;
  esac
}

# attempt COMMAND…: sets `status`, `output` and `errors` (bats' --separate-stderr eats leading blanks).
attempt() {
  status=0
  "$@" >"$BATS_TEST_TMPDIR/output" 2>"$BATS_TEST_TMPDIR/attempt-errors" 3>&- || status=$?
  output=$(cat "$BATS_TEST_TMPDIR/output") errors=$(cat "$BATS_TEST_TMPDIR/attempt-errors")
}

# ---------------------------------------------------------------- assertions

fail() {
  printf '%s\n' "$@" >&2
  return 1
}

assert_equal() { # assert_equal ACTUAL EXPECTED [WHAT]
  [ "$1" = "$2" ] || fail "${3:-value}: '$1', expected '$2'"
}

assert_contains() { # assert_contains TEXT PATTERN: an extended regular expression that must match a line
  grep -Eq -- "$2" <<<"$1" || fail "no line matches '$2' in:" "$1"
}

refute_contains() { # refute_contains TEXT PATTERN
  ! grep -Eq -- "$2" <<<"$1" || fail "a line matches '$2' in:" "$1"
}

assert_at_most() { # assert_at_most ACTUAL LIMIT [WHAT]: numbers may have decimals
  awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && a <= b) }' || fail "${3:-value}: $1, allowed at most $2"
}

assert_same_fingerprint() { # assert_same_fingerprint BEFORE AFTER: files
  diff -u "$1" "$2" >&2 || fail "the state is not what it was"
}

# assert_nothing_left APP…: no candidate, no image tag, no staged file and no lock of a graduation.
assert_nothing_left() {
  local app left
  for app in "$@"; do
    left=$(docker ps --all --format '{{.Names}}' --filter "name=^/$app\\..*upcoming" --filter "label=com.dokku.app-name=$app")
    assert_equal "$left" '' "candidates of $app"
    left=$(docker ps --all --format '{{.Names}}' --filter "label=com.dokku.app-name=$app" --filter label=com.dokku.container-type=run)
    assert_equal "$left" '' "one-off containers of $app"
    left=$(docker image ls --format '{{.Tag}}' "dokku/$app" | grep -v '^latest$' || true)
    assert_equal "$left" '' "image tags of $app"
    left=$(find "$DOKKU_LIB_ROOT/data" -path "*/$app/*" \( -name 'app.json.*' -o -name 'Procfile.*' -o -name 'CHECKS.*' \))
    assert_equal "$left" '' "staged files of $app"
    assert_unlocked "$app"
    [ ! -e "$E2E_DATA/deploy-locks/$app" ] || fail "a lock of $app is left in $E2E_DATA/deploy-locks/$app"
  done
  left=$(find "$DOKKU_LIB_ROOT/data/graduate" -name '*.sock' -o -type s)
  assert_equal "$left" '' "sockets"
}

assert_unlocked() { # assert_unlocked APP: a deploy is let in
  local lock=$DOKKU_LIB_ROOT/data/apps/$1/.deploy.lock
  [ ! -e "$lock" ] || flock --nonblock "$lock" true || fail "$1 has a deploy lock"
  ! dokku apps:locked "$1" >/dev/null 2>&1 || fail "$1 is locked"
}

# ---------------------------------------------------------------- graduations

# graduate [option…]: the graduation dev → prod of GROUP. Sets `status`; events (JSON lines) are in $EVENTS,
# what people read of a failure in $ERRORS.
graduate() {
  EVENTS=$BATS_TEST_TMPDIR/events ERRORS=$BATS_TEST_TMPDIR/errors status=0
  dokku graduate:run dev prod --group "$GROUP" --yes --format json "$@" >"$EVENTS" 2>"$ERRORS" 3>&- || status=$?
}

# roll_back [option…]: the same for a rollback of prod.
roll_back() {
  EVENTS=$BATS_TEST_TMPDIR/events ERRORS=$BATS_TEST_TMPDIR/errors status=0
  dokku graduate:rollback prod --group "$GROUP" --yes --format json "$@" >"$EVENTS" 2>"$ERRORS" 3>&- || status=$?
}

# graduate_in_background: a graduation, not awaited; its leader is in $RUN_PID. finish_graduation waits for it.
graduate_in_background() {
  EVENTS=$BATS_TEST_TMPDIR/events ERRORS=$BATS_TEST_TMPDIR/errors
  : >"$EVENTS"
  in_background dokku graduate:run dev prod --group "$GROUP" --yes --format json "$@" >"$EVENTS" 2>"$ERRORS"
  RUN_PID=$BACKGROUND_PID
}

# graduate_and_stop MOMENT [option…]: a graduation in the background in which every process that comes to this moment
# (internal/failpoint) is stopped there; with held/answered that is each held check, when it is let go.
# `go_on PID` lets one go on.
graduate_and_stop() {
  EVENTS=$BATS_TEST_TMPDIR/events ERRORS=$BATS_TEST_TMPDIR/errors
  : >"$EVENTS"
  in_background env "GRADUATE_FAILPOINT=stop:$1" dokku graduate:run dev prod --group "$GROUP" --yes --format json "${@:2}" >"$EVENTS" 2>"$ERRORS"
  RUN_PID=$BACKGROUND_PID
}

go_on() { kill -CONT "$1"; }

# check_of APP PROCESS: the pid of the trigger that holds a candidate of it.
check_of() {
  local pid
  for pid in $(pgrep --full -- "check-deploy $1 [0-9a-f]+ $2 "); do
    if [ "$(basename "$(readlink "/proc/$pid/exe")")" = graduate ]; then
      echo "$pid"
      return 0
    fi
  done
  fail "no check of $1 $2 is held"
}

# stopped_check APP PROCESS: the same, as soon as it is stopped by graduate_and_stop.
stopped_check() {
  local pid n
  for ((n = 0; n < 1200; n++)); do # that a process is stopped is no event for others
    if pid=$(check_of "$1" "$2" 2>/dev/null) && [[ $(ps -o stat= -p "$pid") == T* ]]; then
      echo "$pid"
      return 0
    fi
    sleep 0.1
  done
  fail "the check of $1 $2 is not stopped; the graduation said:" "$(cat "$ERRORS")" "$(tail -n 15 "$EVENTS")"
}

finish_graduation() { # finish_graduation [SECONDS]
  await "$RUN_PID" "${1:-120}"
}

# assert_exit CODE: of the graduation; shows what it said where it is another.
assert_exit() {
  [ "$status" -eq "$1" ] || fail "exit code $status, expected $1; it said:" "$(cat "$ERRORS")" "$(tail -n 15 "$EVENTS")"
}

# event FILTER: the events that a jq condition selects, one JSON object per line.
event() { jq --compact-output "select($1)" "$EVENTS"; }

# time_of FILTER: when the first such event happened.
time_of() { jq --raw-output "select($1) | .time" "$EVENTS" | head -n 1; }

# nanoseconds TIME: since 1970, for comparing.
nanoseconds() { date --date "$1" +%s%N; }

# milliseconds_between TIME TIME
milliseconds_between() { echo $((($(nanoseconds "$2") - $(nanoseconds "$1")) / 1000000)); }

# assert_order TIME…: each is later than the one before, and none is missing.
assert_order() {
  local before='' time
  for time in "$@"; do
    [ -n "$time" ] || fail "a time is missing in the order: $(printf "'%s' " "$@")"
    [ -z "$before" ] || [ "$(nanoseconds "$before")" -le "$(nanoseconds "$time")" ] || fail "not in order: $(printf "'%s' " "$@")"
    before=$time
  done
}

# latest: of the times on standard input.
latest() {
  local time last='' newest=0
  while read -r time; do
    if [ "$(nanoseconds "$time")" -gt "$newest" ]; then newest=$(nanoseconds "$time") last=$time; fi
  done
  echo "$last"
}

released_at() { time_of '.type == "state" and .state == "release"'; }

# assert_one_error_line PATTERN…: the failure is told in one line, which matches the patterns.
assert_one_error_line() {
  local lines pattern
  lines=$(grep -E '^ !     [^ ]' "$ERRORS" || true)
  assert_equal "$(wc -l <<<"$lines")" 1 "lines that begin with ' !     ' in: $(cat "$ERRORS")"
  assert_equal "$(head -n 1 "$ERRORS")" "$lines" "first line of the error output"
  for pattern in "$@"; do assert_contains "$lines" "$pattern"; done
}

# assert_log_is_named [PATTERN]: the error line names a log file that exists and has such a line.
assert_log_is_named() {
  local log
  log=$(grep -Eo '/[^ ]+\.log' "$ERRORS" | head -n 1)
  [ -f "$log" ] || fail "no log file is named in: $(cat "$ERRORS")"
  [ -z "${1:-}" ] || assert_contains "$(cat "$log")" "$1"
}

# assert_candidates_were_held APP PROCESS NUMBER: so many containers of it were held before the release point.
assert_candidates_were_held() {
  local held
  held=$(jq --slurp --arg app "$1" --arg process "$2" '
    (map(.type == "state" and .state == "release") | index(true) // length) as $release
    | [.[:$release][] | select(.type == "candidate") | .candidate | select(.app == $app and .process == $process).index]
    | unique | length' "$EVENTS")
  assert_equal "$held" "$3" "held candidates $1 $2"
}

# ---------------------------------------------------------------- hooks

# host_hook WORD: installs standard input as a host hook, prints its name.
host_hook() {
  local hook
  hook=$(name "$1")
  cat >"$HOOKS_DIR/$hook.new"
  chmod 755 "$HOOKS_DIR/$hook.new"
  mv "$HOOKS_DIR/$hook.new" "$HOOKS_DIR/$hook"
  echo "$hook"
}

# exchange: a folder where hooks of this test may write.
exchange() {
  local dir
  dir=$E2E_SHARED/$(name x)
  mkdir -p "$dir"
  chmod 777 "$dir"
  echo "$dir"
}

# add_hold_hook [KIND]: a hook in which the graduation stops until the test lets it go.
# wait_until_held waits for it; let_go lets it succeed, `let_go no` makes it fail with exit code 3.
add_hold_hook() {
  local kind=${1:-post} hook x
  x=$(exchange)
  rm -f "$x/reached" "$x/go"
  mkfifo -m 666 "$x/reached" "$x/go"
  hook=$(host_hook "hold-$kind" <<END
#!/bin/bash
env | grep ^GRADUATE_ >$x/environment
echo reached >$x/reached
read -r word <$x/go
[ "\$word" = yes ] || exit 3
END
  )
  exec {REACHED}<>"$x/reached" {GO}<>"$x/go"
  add_hook "$kind" hold --host "$hook" --timeout 5m
}

# add_hook KIND NAME [option…] [-- COMMAND…]: a hook of GROUP for this test.
add_hook() {
  dokku graduate:hooks:add "$GROUP" "$@" >/dev/null
  echo "$1 $2" >>"$BATS_TEST_TMPDIR/hooks"
}

remove_hooks() {
  local kind hook
  [ -f "$BATS_TEST_TMPDIR/hooks" ] || return 0
  while read -r kind hook; do
    dokku graduate:hooks:remove "$GROUP" "$kind" "$hook" >/dev/null </dev/null
  done <"$BATS_TEST_TMPDIR/hooks"
  rm -f "$BATS_TEST_TMPDIR/hooks"
}

wait_until_held() { # wait_until_held [SECONDS]
  local word
  read -r -t "${1:-90}" -u "$REACHED" word || fail "the graduation did not reach its hook; it said:" "$(cat "$ERRORS")" "$(tail -n 15 "$EVENTS")"
}

let_go() { echo "${1:-yes}" >&"$GO"; }

# ---------------------------------------------------------------- load

# start_load APP…: asks the apps every 20 ms, until stop_load.
start_load() {
  local app targets=()
  LOAD=$BATS_TEST_TMPDIR/load
  for app in "$@"; do targets+=("$app@$app.$E2E_DOMAIN=http://127.0.0.1:$E2E_HTTP_PORT/"); done
  in_background "$E2E_SHARED/bin/load" start --out "$LOAD" --every 20ms --for 15m "${targets[@]}" >"$LOAD.report" 2>"$LOAD.errors"
  LOAD_PID=$BACKGROUND_PID
  wait_for "$LOAD/responses.tsv" '	200	' 20 >/dev/null || fail "no answer under load: $(cat "$LOAD.errors")"
}

# stop_load: ends it when some more requests have been answered; no request is cut.
stop_load() {
  sleep 0.3
  kill -TERM "$LOAD_PID"
  await "$LOAD_PID" 60
  assert_equal "$status" 0 "exit code of the load generator ($(cat "$LOAD.errors"))"
}

# load_report [option…]: see tests/load. load_value NAME [option…]: one value of it.
load_report() { "$E2E_SHARED/bin/load" report "$LOAD" "$@"; }
load_value() {
  local name=$1
  shift
  load_report "$@" | sed -n "s/^$name: //p"
}

assert_no_failed_requests() {
  local sent
  sent=$(load_value 'requests sent')
  [ "${sent:-0}" -ge 20 ] || fail "only ${sent:-0} requests were sent"
  assert_equal "$(load_value 'requests failed')" 0 "failed requests ($(load_report | grep '^failures of'))"
}

# assert_version_never_seen VERSION: nor before TIME, where one is given.
assert_version_never_seen() {
  assert_equal "$(load_value 'responses from an unreleased version' --unreleased "$1")" 0 "responses of $1"
}

assert_version_not_seen_before() { # VERSION TIME
  assert_equal "$(load_value 'responses from an unreleased version' --new-version "$1" --released-after "$2")" 0 "responses of $1 before $2"
}

# assert_version_gone VERSION NEW APP: VERSION did not answer any more once NEW had; nginx' old workers may take half a
# second to end.
assert_version_gone() {
  local last new
  last=$(load_value "last response of $3 $1") new=$(load_value "first response of $3 $2")
  [[ -n $last && -n $new ]] || fail "no answers of $1 and $2 of $3 in: $(load_report)"
  assert_at_most "$(milliseconds_between "$new" "$last")" 500 "milliseconds from the first answer of $2 of $3 to the last of $1"
}

# all_live_at VERSION: when the last of the targets first answered with the version.
all_live_at() { load_report --new-version "$1" | sed -n "s/^first response of .* $1: //p" | latest; }

# ---------------------------------------------------------------- nginx

# nginx_master: the process whose workers listen on the port.
nginx_master() {
  local pid listeners
  listeners=$(ss -Hltnp "sport = :$E2E_HTTP_PORT")
  while read -r pid; do
    if grep -qs 'master process' "/proc/$pid/cmdline"; then
      echo "$pid"
      return 0
    fi
  done < <(grep -Eo 'pid=[0-9]+' <<<"$listeners" | cut -d = -f 2)
  fail "no nginx listens on port $E2E_HTTP_PORT"
}

# watch_reloads: notes when nginx starts new workers, which it does once per reload.
watch_reloads() {
  RELOADS=$BATS_TEST_TMPDIR/reloads
  # shellcheck disable=SC2016 # for the other bash
  in_background bash -c '
    exec {never}<> <(:)
    seen=" "
    while kids= && read -r kids 2>/dev/null <"/proc/$1/task/$1/children"; [ -n "$kids" ]; do # no newline ends it
      new=
      for kid in $kids; do [[ $seen == *" $kid "* ]] || new+=" $kid"; done
      [ -z "$new" ] || { echo "$EPOCHREALTIME$new"; seen=" $kids "; }
      read -r -t 0.02 -u "$never" || true
    done' watch "$(nginx_master)" >"$RELOADS"
  wait_for "$RELOADS" . 10 >/dev/null
}

# reloads_between TIME TIME: how often nginx was reloaded; workers that start within 60 ms belong together.
reloads_between() {
  awk -v from="$(nanoseconds "$1")" -v to="$(nanoseconds "$2")" '
    NR > 1 { t = $1 * 1e9; if (t - last > 6e7 && t >= from && t <= to) n++; last = t }
    END { print n + 0 }' "$RELOADS"
}

# ---------------------------------------------------------------- processes

# in_background COMMAND…: in a session of its own, with SIGINT as a terminal's foreground has it. Sets
# BACKGROUND_PID, which is also its process group; teardown ends what is left.
in_background() {
  (exec setsid env --default-signal=INT,TERM,PIPE "$@" 3>&-) &
  BACKGROUND_PID=$!
  echo "$BACKGROUND_PID" >>"$BATS_TEST_TMPDIR/background"
}

# await PID SECONDS: waits for a background command; sets `status`.
await() {
  timeout "$2" tail --pid="$1" -s 0.05 -f /dev/null || fail "process $1 has not ended after $2 s"
  status=0
  wait "$1" || status=$?
}

end_background() {
  local group n
  [ -f "$BATS_TEST_TMPDIR/background" ] || return 0
  while read -r group; do
    for n in {1..300}; do # a graduation may have to be undone
      still_runs "$group" || break
      [ "$n" -ne 1 ] || kill -TERM -- "-$group" 2>/dev/null || true
      sleep 0.1
    done
    kill -KILL -- "-$group" 2>/dev/null || true
  done <"$BATS_TEST_TMPDIR/background"
  rm -f "$BATS_TEST_TMPDIR/background"
}

# still_runs GROUP: whether a process of this process group is alive; a zombie is not.
still_runs() { pgrep --runstates R,S,D,T --pgroup "$1" >/dev/null; }

# assert_ended PID
assert_ended() {
  local state
  state=$(ps -o stat= -p "$1" 2>/dev/null || true)
  [[ $state == '' || $state == Z* ]] || fail "it still runs: $(ps -fp "$1")"
}

# wait_for FILE PATTERN [SECONDS]: until a line of the file, which may still have to be made, matches; prints it.
wait_for() {
  local file=$1 pattern=$2 seconds=${3:-60} follow tail_pid rc=0
  exec {follow}< <(exec tail -n +1 -s 0.05 -F "$file" 2>/dev/null)
  tail_pid=$!
  timeout "$seconds" grep -E --max-count=1 -- "$pattern" <&"$follow" || rc=$?
  kill "$tail_pid" 2>/dev/null || true
  exec {follow}<&-
  return "$rc"
}

# wait_for_event PATTERN [SECONDS]: until the running graduation tells an event that matches.
wait_for_event() {
  wait_for "$EVENTS" "$1" "${2:-60}" >/dev/null || fail "no event '$1'; it said:" "$(cat "$ERRORS")" "$(tail -n 15 "$EVENTS")"
}

# coordinator: the pid of the plugin's own process of the graduation in the background.
coordinator() {
  local pid
  for pid in $(descendants "$RUN_PID"); do
    if [ "$(readlink "/proc/$pid/exe")" = "$(readlink -f "$PLUGIN_PATH/available/graduate/bin/graduate")" ]; then
      echo "$pid"
      return 0
    fi
  done
  fail "no coordinator below $RUN_PID"
}

descendants() { # descendants PID: it and all below it, parents first
  local child
  echo "$1"
  for child in $(pgrep -P "$1"); do descendants "$child"; done
}

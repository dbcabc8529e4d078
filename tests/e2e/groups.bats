#!/usr/bin/env bats
# shellcheck disable=SC2154 # attempt sets status, output and errors
# Groups: the verbs that write and read them. No app is deployed here.

setup_file() {
  load helpers
  export A B C D
  A=$(name a) B=$(name b) C=$(name c) D=$(name d)
  create_apps "$A" "$B" "$C" "$D" 2>/dev/null
  export BACKUP SMOKE
  BACKUP=$(host_hook backup <<<'#!/bin/sh') SMOKE=$(host_hook smoke <<<'#!/bin/sh')
}

teardown_file() {
  load helpers
  remove_apps "$A" "$B" "$C" "$D"
}

setup() {
  load helpers
  G=$(name g)
}

teardown() {
  local group
  for group in "$G" "$G-2"; do remove_group "$group"; done
}

# assert_refused PATTERN COMMAND…: exit code 1 and one line that matches; and no group has changed.
assert_refused() {
  local before
  before=$(state_of_groups)
  assert_one_line "$@"
  assert_equal "$(state_of_groups)" "$before" 'groups'
}

assert_one_line() {
  local pattern=$1
  shift
  attempt "$@" </dev/null
  [ "$status" -eq 1 ] || fail "exit code $status of: $*" "$output" "$errors"
  assert_contains "$errors" '^ !     '
  assert_contains "$errors" "$pattern"
  assert_equal "$(grep -c . <<<"$errors")" 1 "lines of the error output: $errors"
}

state_of_groups() {
  local group
  for group in $(dokku --quiet graduate:list); do dokku graduate:export "$group"; done
}

# yaml [SED EXPRESSION]: a complete document for group G.
yaml() {
  sed "${1:-}" <<END
version: 1
group: $G
environments:
  dev: {}
  staging: {from: [dev]}
  prod: {from: [staging, dev]}
apps:
  portal: {dev: $A, prod: $B}
  webservices: {dev: $C, prod: $D, start: before-post}
hooks:
  pre:
    - {name: backup, host: $BACKUP}
  post:
    - {name: migrate, app: portal, run: [bin/rails, "db:migrate"], timeout: 10m}
    - {name: odd, app: portal, run: [echo, "yes", "a: b", "# no comment", "", "it's \"it\"", "*"]}
  abort:
    - {name: undo, app: portal, run: [bin/rails, "db:rollback"]}
release_tasks: skip
start_timeout: 5m
END
}

apply() { yaml | dokku graduate:apply; }

# assert_bad_document PATTERN… -- SED EXPRESSION: refused with these lines, all of them at once; nothing is stored.
assert_bad_document() {
  local patterns=() before
  while [ "$1" != -- ]; do
    patterns+=("$1")
    shift
  done
  before=$(state_of_groups)
  attempt dokku graduate:apply <<<"$(yaml "$2")"
  assert_equal "$status" 1 "exit code of $2 ($output $errors)"
  for pattern in "${patterns[@]}"; do assert_contains "$errors" "^ !     line $pattern"; done
  assert_equal "$(grep -c . <<<"$errors")" "${#patterns[@]}" "lines of: $errors"
  assert_equal "$(state_of_groups)" "$before" 'groups'
}

@test "groups: create, add, list, report, remove" {
  run dokku graduate:create "$G" dev staging prod
  assert_equal "$status" 0 "exit code ($output)"
  run dokku graduate:add "$G" portal dev="$A" prod="$B"
  assert_equal "$status" 0 "exit code ($output)"
  dokku graduate:add "$G" webservices dev="$C"
  assert_contains "$(dokku graduate:list)" "^(       )?$G"
  report=$(dokku graduate:report "$G")
  assert_contains "$report" "^=====> $G graduate information"
  assert_contains "$report" '^       Graduate environments: +dev staging prod$'
  for app in "$A" "$B" "$C"; do assert_contains "$report" "$app"; done
  assert_equal "$(dokku graduate:report "$G" --graduate-environments)" 'dev staging prod'

  dokku graduate:add "$G" webservices staging="$D" # one more place of a role
  assert_contains "$(dokku graduate:export "$G")" "webservices: \\{dev: $C, staging: $D\\}"
  assert_equal "$(dokku graduate:report "$G" --graduate-environments)" 'dev staging prod'
  dokku graduate:remove "$G" portal
  refute_contains "$(dokku graduate:export "$G")" portal
}

@test "groups: the report as JSON is one flat object of strings" {
  apply >/dev/null
  attempt dokku graduate:report "$G" --format json
  assert_equal "$status" 0 "exit code ($errors)"
  jq --exit-status 'type == "object" and ([.[] | type] | unique) == ["string"]' <<<"$output" >/dev/null
  assert_equal "$(jq --raw-output .environments <<<"$output")" 'dev staging prod'
  assert_equal "$(jq --raw-output .group <<<"$output")" "$G"
  assert_contains "$output" "$A"
  attempt dokku graduate:list --format json
  assert_equal "$status" 0 "exit code ($errors)"
  jq --exit-status . <<<"$output" >/dev/null
  assert_contains "$output" "$G"
}

@test "groups: destroy asks for the name; --force does not ask" {
  dokku graduate:create "$G" dev prod
  run dokku graduate:destroy "$G" <<<'something else'
  assert_equal "$status" 1 'exit code'
  assert_contains "$output" 'WARNING: Potentially Destructive Action'
  assert_contains "$output" "To proceed, type \"$G\""
  assert_contains "$output" "Confirmation did not match .*\. Aborted\."
  assert_contains "$(dokku graduate:list)" "$G"
  assert_refused . dokku graduate:destroy "$G-2" --force
  run dokku graduate:destroy "$G" <<<"$G"
  assert_equal "$status" 0 "exit code ($output)"
  refute_contains "$(dokku graduate:list)" "$G"
  dokku graduate:create "$G" dev prod
  dokku graduate:destroy "$G" --force </dev/null
  refute_contains "$(dokku graduate:list)" "$G"
  dokku graduate:create "$G" dev prod
  dokku --force graduate:destroy "$G" </dev/null
  refute_contains "$(dokku graduate:list)" "$G"
}

@test "groups: what does not fit is refused with one line" {
  dokku graduate:create "$G" dev prod
  dokku graduate:add "$G" portal dev="$A"
  assert_refused 'exist' dokku graduate:create "$G" dev prod
  assert_refused . dokku graduate:create "$G-2"
  assert_refused twice dokku graduate:create "$G-2" dev dev
  assert_refused . dokku graduate:create
  assert_refused nowhere dokku graduate:add "$G" portal nowhere="$B"
  assert_refused no-such-app dokku graduate:add "$G" portal prod=no-such-app
  assert_refused . dokku graduate:add "$G" portal
  assert_refused . dokku graduate:add "$G" portal prod
  assert_refused nobody dokku graduate:add nobody portal prod="$B"
  assert_refused nothing dokku graduate:remove "$G" nothing
  assert_refused nowhere dokku graduate:remove "$G" portal nowhere
  assert_refused no-such-script dokku graduate:hooks:add "$G" post x --host no-such-script
  assert_refused nobody dokku graduate:report nobody
  assert_refused nobody dokku graduate:export nobody
  assert_refused nobody dokku graduate:destroy nobody --force
  assert_refused sideways dokku graduate:list --sideways
}

@test "groups: an app belongs to one place of one group" {
  dokku graduate:create "$G" dev prod
  dokku graduate:create "$G-2" dev prod
  dokku graduate:add "$G" portal dev="$A"
  assert_refused "$A.*(portal|$G)" dokku graduate:add "$G" portal prod="$A"
  assert_refused "$A.*(portal|$G)" dokku graduate:add "$G" other dev="$A"
  assert_refused "$A.*$G" dokku graduate:add "$G-2" portal dev="$A"
  # not by apply either
  printf 'version: 1\ngroup: %s-2\nenvironments:\n  dev: {}\n  prod: {}\napps:\n  x: {dev: %s}\n' "$G" "$A" >"$BATS_TEST_TMPDIR/second.yml"
  attempt dokku graduate:apply <"$BATS_TEST_TMPDIR/second.yml"
  assert_equal "$status" 1 "exit code ($errors)"
  assert_contains "$errors" "line 7: .*$A.*$G"
  dokku graduate:remove "$G" portal
  dokku graduate:add "$G-2" portal dev="$A"
}

@test "groups: set changes, clears and lists settings" {
  dokku graduate:create "$G" dev prod
  run dokku graduate:set "$G" release-tasks before
  assert_equal "$status" 0 "exit code ($output)"
  assert_contains "$output" '=====> Setting release-tasks to before'
  assert_equal "$(dokku graduate:report "$G" --graduate-release-tasks)" before
  dokku graduate:set "$G" start-timeout 90s
  assert_contains "$(dokku graduate:export "$G")" '^start_timeout: 1m30s$'
  run dokku graduate:set "$G" release-tasks
  assert_equal "$status" 0 "exit code ($output)"
  assert_contains "$output" '=====> Unsetting release-tasks'
  refute_contains "$(dokku graduate:export "$G")" release_tasks
  assert_refused 'release-tasks.*start-timeout' dokku graduate:set "$G" colour blue
  assert_refused sometimes dokku graduate:set "$G" release-tasks sometimes
  assert_refused soon dokku graduate:set "$G" start-timeout soon
  assert_refused . dokku graduate:set "$G" start-timeout -5m
}

@test "groups: connections and ignored differences are set, cleared, kept in the document and checked" {
  dokku graduate:create "$G" dev prod
  dokku graduate:add "$G" portal dev="$A" prod="$B"
  dokku graduate:add "$G" webservices dev="$C" prod="$D"
  dokku graduate:set "$G" connections 'limit=25 portal=10'
  dokku graduate:set "$G" ignore 'config:DEBUG,portal/domains,webservices/mounts:/data/*'
  assert_equal "$(dokku graduate:report "$G" --graduate-connections)" 'limit=25 portal=10'
  assert_equal "$(dokku graduate:report "$G" --graduate-ignore)" 'config:DEBUG,portal/domains,webservices/mounts:/data/*'
  document=$(dokku graduate:export "$G")
  assert_contains "$document" '^connections: \{limit: 25, portal: 10\}$'
  assert_contains "$document" '^  - portal/domains$'
  run dokku graduate:apply <<<"$document"
  assert_contains "$output" '[Nn]othing|unchanged|no change'
  run dokku graduate:apply <<<"${document/portal: 10/portal: 11}"
  assert_contains "$output" 'connections.*portal=11.*portal=10'

  assert_refused limit dokku graduate:set "$G" connections portal=10
  assert_refused nobody dokku graduate:set "$G" connections 'limit=25 nobody=1'
  assert_refused '"-1"' dokku graduate:set "$G" connections 'limit=25 portal=-1'
  assert_refused colours dokku graduate:set "$G" ignore colours
  assert_refused nobody dokku graduate:set "$G" ignore config,nobody/config
  # a role that goes takes its own along
  dokku graduate:remove "$G" webservices
  assert_equal "$(dokku graduate:report "$G" --graduate-ignore)" 'config:DEBUG,portal/domains'
  dokku graduate:set "$G" connections
  dokku graduate:set "$G" ignore ''
  refute_contains "$(dokku graduate:export "$G")" 'connections|ignore|config'
}

@test "groups: apply makes a group from a document, and says what it changed" {
  run dokku graduate:apply <<<"$(yaml)"
  assert_equal "$status" 0 "exit code ($output)"
  assert_contains "$output" "$G"
  assert_contains "$(dokku graduate:list)" "$G"
  run dokku graduate:apply <<<"$(yaml "s/timeout: 10m/timeout: 20m/; s/portal: {dev: $A, prod: $B}/portal: {dev: $A}/; s/before-post/after-post/")"
  assert_equal "$status" 0 "exit code ($output)"
  assert_contains "$output" 'migrate'
  assert_contains "$output" "$B"
  assert_contains "$output" 'webservices'
  refute_contains "$output" "$A"
  run dokku graduate:apply <<<"$(yaml "s/timeout: 10m/timeout: 20m/; s/portal: {dev: $A, prod: $B}/portal: {dev: $A}/; s/before-post/after-post/")"
  assert_contains "$output" '[Nn]othing|unchanged|no change'
}

@test "groups: export and apply change nothing, and the export is always the same" {
  apply >/dev/null
  dokku graduate:export "$G" >"$BATS_TEST_TMPDIR/one"
  run dokku graduate:apply <"$BATS_TEST_TMPDIR/one"
  assert_equal "$status" 0 "exit code ($output)"
  assert_contains "$output" '[Nn]othing|unchanged|no change'
  dokku graduate:export "$G" | diff -u "$BATS_TEST_TMPDIR/one" -
  dokku graduate:destroy "$G" --force
  dokku graduate:apply <"$BATS_TEST_TMPDIR/one"
  dokku graduate:export "$G" | diff -u "$BATS_TEST_TMPDIR/one" -
  # the words of a command come through as they were
  dokku graduate:hooks:add "$G" live words --app portal -- sh -c 'a  b' '' "\"'\\" $'x\ny' yes 1.0 '{}' '-n' --help 'ü'
  dokku graduate:export "$G" >"$BATS_TEST_TMPDIR/one"
  dokku graduate:apply <"$BATS_TEST_TMPDIR/one"
  dokku graduate:export "$G" | diff -u "$BATS_TEST_TMPDIR/one" -
}

@test "groups: apply refuses a document with any error, tells all errors with their lines, and stores nothing" {
  assert_bad_document '1: .*version' -- 's/^version: 1/version: 2/'
  assert_bad_document '6: .*colour' -- 's/prod: {from: \[staging, dev\]}/prod: {from: [dev], colour: blue}/'
  assert_bad_document '5: .*nowhere' -- 's/staging: {from: \[dev\]}/staging: {from: [nowhere]}/'
  assert_bad_document '8: .*no-such-app' -- "s/prod: $B/prod: no-such-app/"
  assert_bad_document '9: .*portal' -- "s/dev: $C/dev: $A/"
  assert_bad_document '9: .*start must be' -- 's/before-post/sometimes/'
  assert_bad_document '14: .*timeout' -- 's/timeout: 10m/timeout: soon/'
  assert_bad_document '14: .*nobody' -- 's/name: migrate, app: portal/name: migrate, app: nobody/'
  assert_bad_document '12: .*\.\./x' -- 's/host: .*}/host: ..\/x}/'
  assert_bad_document '[0-9]+: ' -- 's/^apps:/apps: [/'
  assert_bad_document '8: .*twice' -- "s/^  portal: .*/  portal: {dev: $A, dev: $B}/"
  assert_bad_document '5: .*nowhere' '14: .*timeout' '18: .*release' -- 's/from: \[dev\]/from: [nowhere]/; s/timeout: 10m/timeout: soon/; s/^release_tasks: skip/release_tasks: never/'
  # a document that would change an existing group: nothing of it either
  apply >/dev/null
  assert_bad_document '9: .*start must be' -- 's/timeout: 10m/timeout: 20m/; s/before-post/sometimes/'
  attempt dokku graduate:apply </dev/null
  assert_equal "$status" 1 "exit code of an empty document ($errors)"
}

@test "groups: two writers at once lose nothing" {
  dokku graduate:create "$G" dev prod
  pids=()
  for n in 1 2 3 4 5 6 7 8; do
    dokku graduate:hooks:add "$G" live "hook-$n" --host "$SMOKE" --timeout "${n}m" 3>&- &
    pids+=("$!")
    dokku graduate:set "$G" start-timeout "${n}m" >/dev/null 3>&- &
    pids+=("$!")
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
  document=$(dokku graduate:export "$G")
  for n in 1 2 3 4 5 6 7 8; do assert_contains "$document" "hook-$n"; done
  assert_contains "$document" '^start_timeout: [1-8]m$'
}

@test "groups: two writers who want the same app: one gets it" {
  dokku graduate:create "$G" dev prod
  dokku graduate:create "$G-2" dev prod
  dokku graduate:add "$G" portal dev="$A" >/dev/null 2>&1 3>&- &
  one=$!
  dokku graduate:add "$G-2" portal dev="$A" >/dev/null 2>&1 3>&- &
  two=$!
  first=0 second=0
  wait "$one" || first=$?
  wait "$two" || second=$?
  assert_equal "$((first + second))" 1 "sum of the exit codes $first and $second"
  assert_equal "$(grep -c "$A" <<<"$(state_of_groups)")" 1 'places of the app'
}

@test "groups: renaming, cloning and destroying an app through Dokku is noticed" {
  create_apps "$G-old" "$G-gone" 2>/dev/null
  dokku graduate:create "$G" dev prod
  dokku graduate:add "$G" portal dev="$G-old" prod="$B"
  dokku graduate:add "$G" other dev="$G-gone"
  dokku apps:rename "$G-old" "$G-new"
  echo "$G-new" >>"$E2E_SHARED/apps"
  assert_contains "$(dokku graduate:export "$G")" "portal: \\{dev: $G-new, prod: $B\\}"
  refute_contains "$(dokku graduate:export "$G")" "$G-old"

  dokku apps:clone "$G-new" "$G-clone"
  echo "$G-clone" >>"$E2E_SHARED/apps"
  assert_contains "$(dokku graduate:export "$G")" "portal: \\{dev: $G-new, prod: $B\\}"
  refute_contains "$(dokku graduate:export "$G")" "$G-clone"

  dokku apps:destroy "$G-gone" --force
  refute_contains "$(dokku graduate:export "$G")" "$G-gone"
  dokku graduate:export "$G" | dokku graduate:apply
  remove_apps "$G-new" "$G-clone"
  assert_contains "$(dokku graduate:export "$G")" "portal: \\{prod: $B\\}"
}

@test "groups: hooks are added, listed and removed" {
  dokku graduate:create "$G" dev prod
  dokku graduate:add "$G" portal dev="$A" prod="$B"
  run dokku graduate:hooks:add "$G" post migrate --app portal --timeout 2m -- /app/probe task migrate
  assert_equal "$status" 0 "exit code ($output)"
  dokku graduate:hooks:add "$G" post smoke --host "$SMOKE"
  dokku graduate:hooks:add "$G" pre migrate --host "$BACKUP"
  list=$(dokku graduate:hooks:list "$G")
  assert_contains "$list" 'post +migrate.* portal.*(2m|/app/probe task migrate)'
  assert_contains "$list" "post +smoke.* $SMOKE"
  assert_contains "$list" "pre +migrate.* $BACKUP"
  assert_equal "$(dokku graduate:hooks:list "$G" --format json | jq --raw-output '.[] | "\(.kind)/\(.name)"' | tr '\n' ' ')" 'pre/migrate post/migrate post/smoke '

  assert_refused 'migrate' dokku graduate:hooks:add "$G" post migrate --host "$BACKUP"
  assert_refused 'later' dokku graduate:hooks:add "$G" later x --host "$SMOKE"
  assert_refused 'nobody' dokku graduate:hooks:add "$G" post x --app nobody -- true
  assert_refused . dokku graduate:hooks:add "$G" post x --app portal
  assert_refused . dokku graduate:hooks:add "$G" post x
  assert_refused . dokku graduate:hooks:add "$G" post x --host "$SMOKE" -- true
  assert_refused . dokku graduate:hooks:add "$G" post x --app portal --timeout forever -- true
  assert_refused 'nothing' dokku graduate:hooks:remove "$G" post nothing
  dokku graduate:hooks:remove "$G" post migrate
  refute_contains "$(dokku graduate:hooks:list "$G")" 'post +migrate'
  assert_contains "$(dokku graduate:hooks:list "$G")" 'pre +migrate'
  # a role that a hook needs
  dokku graduate:hooks:add "$G" post again --app portal -- true
  assert_refused 'again' dokku graduate:remove "$G" portal
}

@test "groups: names that are no names are refused everywhere, and make no file" {
  dokku graduate:create "$G" dev prod
  dokku graduate:add "$G" portal dev="$A"
  before=$(find "$E2E_DATA" | sort) groups=$(state_of_groups)
  bad=('two words' 'a;touch x' '../x' '..' '/etc/x' $'new\nline' '$(touch x)' '`touch x`' '-rf' 'UPPER' '' "it's" 'a"b' 'é' 'a/b' '*' "$(printf 'x%.0s' {1..200})")
  for name in "${bad[@]}"; do
    assert_one_line . dokku graduate:create "$name" dev prod
    assert_one_line . dokku graduate:create "$G-2" "$name"
    assert_one_line . dokku graduate:add "$G" "$name" prod="$B"
    assert_one_line . dokku graduate:add "$G" portal "$name=$B"
    assert_one_line . dokku graduate:add "$G" portal "prod=$name"
    assert_one_line . dokku graduate:hooks:add "$G" post "$name" --host "$SMOKE"
    assert_one_line . dokku graduate:hooks:add "$G" "$name" hook --host "$SMOKE"
    assert_one_line . dokku graduate:hooks:add "$G" post hook --app "$name" -- true
    [ -z "$name" ] || assert_one_line . dokku graduate:report "$name"
    assert_one_line . dokku graduate:export "$name"
    assert_one_line . dokku graduate:destroy "$name" --force
  done
  assert_equal "$(state_of_groups)" "$groups" 'groups'
  assert_equal "$(find "$E2E_DATA" | sort)" "$before" 'files'
  assert_equal "$(find / -maxdepth 2 -xdev -name 'x' -newer "$BATS_TEST_TMPDIR" 2>/dev/null)" '' 'files that an injection made'
}

@test "groups: a host hook cannot lead out of the hooks folder" {
  dokku graduate:create "$G" dev prod
  for script in '../x' '/bin/sh' 'a/b' '..' '.' '.hidden' '-rf' 'two words' $'a\nb' '' 'x;id'; do
    [ "$script" = 'x;id' ] || assert_refused . dokku graduate:hooks:add "$G" post hook --host "$script"
  done
  refute_contains "$(dokku graduate:export "$G")" hooks
}

@test "groups: groups are stored for Dokku's user alone" {
  dokku graduate:create "$G" dev prod
  assert_equal "$(stat --format %a "$E2E_DATA")" 700 'mode of the data folder: nobody else can look below it'
  assert_equal "$(find "$E2E_DATA/groups" -perm /o+rwx | head -n 3)" '' 'files that others may read'
  assert_equal "$(find "$E2E_DATA/groups" -not -user "${DOKKU_SYSTEM_USER:-root}" | head -n 3)" '' 'files of other users'
  assert_equal "$(find "$E2E_DATA/groups" -name '.*' -o -name '*.tmp*' -o -name '*.new' | grep -v lock | head -n 3)" '' 'half-written files'
}

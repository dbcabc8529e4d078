# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # PLAN is read by the tests; attempt sets output and errors
# For tests of graduate:plan. Whatever the commands print is kept, to be searched for config values at the end.
load one_group

teardown() {
  keep_what_was_said
  end_background
  remove_hooks
}

keep_what_was_said() {
  local file
  for file in output attempt-errors events errors terminal; do
    [ ! -f "$BATS_TEST_TMPDIR/$file" ] || cat "$BATS_TEST_TMPDIR/$file" >>"$BATS_FILE_TMPDIR/said"
  done
}

# say COMMAND…: attempt, and what it says is kept.
say() {
  attempt "$@"
  printf '%s\n%s\n' "$output" "$errors" >>"$BATS_FILE_TMPDIR/said"
}

# plan [option…]: the plan dev → prod of GROUP in PLAN, as JSON; planned FILTER prints of it.
plan() {
  say dokku graduate:plan dev prod --group "$GROUP" --format json "$@"
  assert_equal "$status" 0 "exit code of graduate:plan ($errors)"
  PLAN=$output
}
planned() { jq --raw-output "$1" <<<"$PLAN"; }

# plan_text [option…]: the same for people, in `output`.
plan_text() {
  say dokku graduate:plan dev prod --group "$GROUP" "$@"
  assert_equal "$status" 0 "exit code of graduate:plan ($errors)"
}

# role NAME FILTER: of a role of PLAN. finding CODE FILTER: of a finding.
role() { planned ".roles[] | select(.role == \"$1\") | $2"; }
finding() { planned ".findings[] | select(.code == \"$1\") | $2"; }

# all_findings: those of PLAN, a line each: "CODE SEVERITY APP: WHY"; the role stands for a missing app.
all_findings() { planned '.findings[] | "\(.code) \(.severity) \(.app // .role // "-"): \(.why)"'; }

# assert_finding CODE SEVERITY [APP [PATTERN]]: PLAN has it, of that app (- for any), with a reason that matches; it
# says what to do, and where its page is.
assert_finding() {
  local app=${3:--}
  [ "$app" != - ] || app='[^ ]*'
  assert_contains "$(all_findings)" "^$1 $2 $app: .*${4:-}"
  refute_contains "$(finding "$1" '"\(.do)|\(.docs)"')" '^\||\|$'
  refute_contains "$(finding "$1" .docs | grep -v "findings.md#$1\$" || true)" .
  echo "$1" >>"$BATS_FILE_TMPDIR/produced"
}

# refute_finding CODE…: PLAN has none of these.
refute_finding() {
  local code
  for code in "$@"; do
    refute_contains "$(all_findings)" "^$code "
    echo "$code" >>"$BATS_FILE_TMPDIR/refuted"
  done
}

# documented_codes: those of the page of findings.
documented_codes() { sed -n 's/^## //p' "$REPO/docs/findings.md" | sort; }

# assert_refused PATTERN… -- ARGUMENT…: graduate:run refuses in one line, and nothing is touched.
assert_refused() {
  local patterns=()
  while [ "$1" != -- ]; do
    patterns+=("$1")
    shift
  done
  shift
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/before"
  graduate "$@"
  assert_exit 1
  assert_one_error_line "${patterns[@]}"
  assert_untouched
}

# assert_untouched: since before was written.
assert_untouched() {
  fingerprint "${PROD[@]}" >"$BATS_TEST_TMPDIR/after"
  assert_same_fingerprint "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

# on_terminal ANSWER [option…]: graduate:run on a terminal, where ANSWER is typed. Sets `status` and `output`.
on_terminal() {
  local answer=$1
  shift
  status=0
  script --quiet --return --command "stty cols 100; dokku graduate:run dev prod --group $GROUP $*" /dev/null \
    <<<"$answer" >"$BATS_TEST_TMPDIR/terminal" 2>&1 3>&- || status=$?
  output=$(tr -d '\r' <"$BATS_TEST_TMPDIR/terminal")
}

# push APP VERSION COMMITS [git-repo option…]: so many commits in one push; the last one makes the version.
push() {
  local app=$1 version=$2 commits=$3 repository=$BATS_FILE_TMPDIR/repository i
  shift 3
  [ -d "$repository" ] || git init --quiet --initial-branch=master "$repository"
  for ((i = 1; i < commits; i++)); do
    git -C "$repository" -c user.name=tests -c user.email=tests@example.test commit --quiet --allow-empty -m "Change $i for $version"
  done
  "$REPO/tests/apps/git-repo" "$repository" "$version" "$@" >/dev/null
  git -C "$repository" push --quiet --force "$E2E_GIT_URL:$app" master >"$BATS_FILE_TMPDIR/push.log" 2>&1 3>&- ||
    fail "git push: $(cat "$BATS_FILE_TMPDIR/push.log")"
}

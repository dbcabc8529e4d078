#!/usr/bin/env bats
# How long a plan of many apps takes: 25 roles in two environments. Two apps are deployed; the others are copies of
# their files, with an image's name and a container of their own.

load one_group

setup_file() {
  make_group "$(name shop)" first
  deploy "${PROD[0]}=$(image v1)" "${DEV[0]}=$(image v2)"
  settle "${DEV[@]}" "${PROD[@]}"
  {
    printf 'version: 1\ngroup: %s\nenvironments: {dev: {}, prod: {}}\napps:\n' "$GROUP"
    printf '  first: {dev: %s, prod: %s}\n' "${DEV[0]}" "${PROD[0]}"
    for n in {1..24}; do printf '  r%s: {dev: %s-r%s-dev, prod: %s-r%s-prod}\n' "$n" "$GROUP" "$n" "$GROUP" "$n"; done
  } >"$BATS_FILE_TMPDIR/group.yml"
  for n in {1..24}; do
    copy_files "${DEV[0]}" "$GROUP-r$n-dev"
    copy_files "${PROD[0]}" "$GROUP-r$n-prod"
  done
  # shellcheck disable=SC2016 # for the other bash
  printf '%s\n' "$GROUP"-r{1..24}-dev "$GROUP"-r{1..24}-prod | env FROM="$GROUP-first" xargs -P 4 -n 1 bash -ec '
    docker image tag "dokku/$FROM-${1##*-}:latest" "dokku/$1:latest"
    docker run --detach --network none --label "com.dokku.app-name=$1" "dokku/$1:latest" /app/probe worker >"$DOKKU_ROOT/$1/CONTAINER.web.1"
  ' copy 3>&-
  dokku graduate:apply <"$BATS_FILE_TMPDIR/group.yml" >/dev/null
  remember_group
}

# copy_files APP COPY: all that Dokku keeps of an app, under the copy's name.
copy_files() {
  local dir
  for dir in "$DOKKU_ROOT/$1" "$DOKKU_LIB_ROOT/config/$1" "$DOKKU_LIB_ROOT"/{config,data}/*/"$1"; do
    [ ! -d "$dir" ] || cp -a "$dir" "$(dirname "$dir")/$2"
  done
  sed -i "s/$1/$2/g" "$DOKKU_ROOT/$2/nginx.conf" "$DOKKU_ROOT/$2/VHOST"
}

teardown_file() {
  local copies ids
  recall_group
  copies=("$GROUP"-r{1..24}-{dev,prod})
  ids=$(cat "$DOKKU_ROOT/$GROUP"-r*/CONTAINER.web.1)
  # shellcheck disable=SC2086
  docker rm --force $ids >/dev/null
  docker image rm "${copies[@]/#/dokku/}" >/dev/null
  remove_group "$GROUP"
  for app in "${copies[@]}"; do
    rm -rf "${DOKKU_ROOT:?}/$app" "${DOKKU_LIB_ROOT:?}/config/$app" "$DOKKU_LIB_ROOT"/{config,data}/*/"$app"
  done
  remove_apps "${DEV[@]}" "${PROD[@]}"
}

# milliseconds COMMAND…: how long it takes; it has to succeed, its output is in `output`.
milliseconds() {
  local start=${EPOCHREALTIME/[.,]/}
  attempt "$@"
  took=$(((${EPOCHREALTIME/[.,]/} - start) / 1000))
  # shellcheck disable=SC2154 # attempt sets it
  assert_equal "$status" 0 "exit code of $* ($errors)"
}

@test "a plan of 50 apps" {
  best=
  for _ in 1 2 3; do
    milliseconds dokku graduate:plan dev prod --group "$GROUP" --format json
    assert_equal "$(jq '.roles | length' <<<"$output")" 25 'roles in the plan'
    [ -n "$best" ] && [ "$best" -le "$took" ] || best=$took
  done
  assert_equal "$(jq '[.roles[] | select(.action == "graduate")] | length' <<<"$output")" 25 'roles that change'
  milliseconds dokku ps:report "${PROD[0]}"
  echo "# milliseconds for a plan of 50 apps: $best; for one dokku ps:report: $took" >&3
  [ "$E2E_MODE" = real ] || assert_at_most "$best" 1000 'milliseconds for a plan of 50 apps'
}

# shellcheck shell=bash
# What the demo stands on: where it runs (a sandbox or the installed Dokku), its words on the screen,
# its apps, the load and what it watches.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
demo=$(realpath -m "${DEMO_DIR:-$repo/.demo}")
logs=$demo/logs
mode=${DOKKU:-sandbox} # or real
export PATH=$PATH:/usr/local/go/bin:/usr/sbin

title() { printf '=====> %s\n' "$*"; }
step() { printf -- '-----> %s\n' "$*"; }
detail() { printf '       %s\n' "$*"; }
warn() { printf ' !     %s\n' "$*" >&2; }
fail() { warn "$@"; exit 1; }
indent() { sed -u 's/^/       /'; }

# quietly NAME CMD...: the output goes to a log file, whose end is shown where the command fails.
quietly() {
  local log=$logs/$1.log
  shift
  if ! "$@" >>"$log" 2>&1; then
    warn "failed: $*"
    tail -n 15 "$log" | indent >&2
    warn "all of it: $log"
    return 1
  fi
}

# The apps by role. Image tags are one namespace for every Dokku of a machine, so the plain names are
# used in a sandbox only, and only while they are free.
roles=(portal webservices)
declare -A prod dev

# name_apps PREFIX
name_apps() {
  prefix=$1
  prod=([portal]=${prefix}portal [webservices]=${prefix}webservices)
  dev=([portal]=${prefix}portal-dev [webservices]=${prefix}ws-dev)
}

# choose_names: no prefix where nothing on this machine has the names; demo-, or one of its own, else.
choose_names() {
  local app
  name_apps ''
  [ "$mode" = sandbox ] || name_apps demo-
  [ "$mode" = real ] || for app in "${prod[@]}" "${dev[@]}"; do
    if [ -n "$(docker image ls -q "dokku/$app")$(docker image ls -q "$(image portal '*')")" ] ||
      [ -n "$(docker ps -aq --filter "label=com.dokku.app-name=$app")" ]; then
      name_apps "demo$((RANDOM % 9000 + 1000))-"
      break
    fi
  done
  echo "$prefix" >"$demo/prefix"
}

group=demo
sandbox=$demo/bin/graduate-sandbox

# image ROLE VERSION: the name of an app's image.
image() { echo "graduate-demo/$prefix$1:$2"; }
domain() { echo "$1.demo.test"; }

# use_dokku: afterwards `dokku` is the sandbox's, or the server's own, and site is where its nginx is.
use_dokku() {
  if [ "$mode" = real ]; then
    export DOKKU_ROOT=${DOKKU_ROOT:-/home/dokku} DOKKU_LIB_ROOT=${DOKKU_LIB_ROOT:-/var/lib/dokku}
    site=http://127.0.0.1:80
  else
    eval "$("$sandbox" env "$demo/sandbox")"
    site=http://127.0.0.1:$(jq -r .http_port "$demo/sandbox/sandbox.json")
  fi
}

# privileged CMD...: a server's state can be read by root only; a sandbox is the user's own.
privileged() {
  if [ "$mode" = real ] && [ "$(id -u)" != 0 ]; then sudo --preserve-env=DOKKU_ROOT,DOKKU_LIB_ROOT "$@"; else "$@"; fi
}

# side_by_side CMD ARG...: runs CMD once for each ARG at the same time; fails where one fails.
side_by_side() {
  local arg pids=() bad=0
  for arg in "${@:2}"; do
    "$1" "$arg" &
    pids+=($!)
  done
  for arg in "${pids[@]}"; do wait "$arg" || bad=1; done
  return "$bad"
}

# deploy APP ROLE VERSION: a plain deploy.
deploy() { quietly "deploy-$1-$3" dokku git:from-image "$1" "$(image "$2" "$3")"; }

# migrate APP VERSION: the migration by hand, in a one-off container.
migrate() { quietly "migrate-$1-$2" dokku run "$1" /app/portal migrate; }

# ask APP: the first line of the app's page, as a user gets it.
ask() { curl -sS --max-time 10 -H "Host: $(domain "$1")" "$site/" | head -n 1; }

# start_load NAME: steady requests to both apps of production, in the background.
start_load() {
  local args=() role every=10ms
  for role in "${roles[@]}"; do
    args+=("$role@$(domain "${prod[$role]}")=$site/")
  done
  # Deploys of a real Dokku need more of the machine than those of a sandbox.
  [ "$mode" = real ] || every=5ms
  "$demo/bin/load" start --out "$demo/load/$1" --every "$every" --for 30m "${args[@]}" >"$logs/load-$1.log" 2>&1 &
  load=$!
  sleep 1
}

# stop_load: ends it; all its answers are then in its file.
stop_load() {
  [ -n "${load:-}" ] || return 0
  kill -TERM "$load" 2>/dev/null || true
  wait "$load" || true
  load=''
}

# value NAME FILE: what a report says.
value() { sed -n "s/^$1: //p" "$2"; }

# watch_containers: keeps what each container of production writes, candidates that are removed
# later included.
watch_containers() {
  local app wanted=' ' of=''
  [ "$mode" = real ] || of=$(jq -r .id "$demo/sandbox/sandbox.json")
  for app in "${prod[@]}"; do wanted+="$app/$of "; done
  mkdir -p "$demo/containers"
  docker events --filter type=container --filter event=start --format \
    '{{.Actor.ID}} {{index .Actor.Attributes "com.dokku.app-name"}}/{{index .Actor.Attributes "com.dokku.sandbox"}}' \
    >"$demo/containers/started" &
  watchers=("$!")
  {
    tail -n +1 -F "$demo/containers/started" 2>/dev/null | while read -r id app; do
      [[ $wanted != *" $app "* ]] || docker logs --follow "$id" >"$demo/containers/${app%/*}-${id:0:12}.log" 2>&1 &
    done
  } &
  watchers+=("$!")
}

# stop_watching: ends what watch_containers started, and nothing else.
stop_watching() {
  local pid all=()
  for pid in "${watchers[@]}"; do mapfile -t -O "${#all[@]}" all < <(family "$pid"); done
  [ ${#all[@]} = 0 ] || kill "${all[@]}" 2>/dev/null || true
  for pid in "${watchers[@]}"; do wait "$pid" 2>/dev/null || true; done
  watchers=()
}

# family PID: a process of ours and all below it, parents first, so that none reports its child's end.
family() {
  local child
  echo "$1"
  for child in $(ps -o pid= --ppid "$1"); do family "$child"; done
}

# asked_early VERSION TIME: requests through the proxy that the containers of a version logged before
# a moment ("never": at all).
asked_early() {
  cat "$demo"/containers/*.log 2>/dev/null | awk -v version="version=$1" -v moment="$2" '
    $3 == version && / request / && /proxied=true/ && (moment == "never" || $1 < moment) { n++ }
    END { print n + 0 }'
}

# utc TIME: a moment in the form that the apps log.
utc() { date -u -d "$1" +%Y-%m-%dT%H:%M:%S.%NZ; }

# fingerprint FILE: the state of production, to a file.
fingerprint() { privileged "$repo/tests/fingerprint" "${prod[@]}" >"$1"; }

# settle: waits until Dokku has retired the containers of earlier deploys.
settle() {
  local apps deadline=$((SECONDS + 90))
  apps=$(IFS='|'; echo "${prod[*]}")
  while privileged grep -qsE "^($apps) " "$DOKKU_LIB_ROOT"/data/scheduler-docker-local/dead-containers; do
    [ "$SECONDS" -lt "$deadline" ] || { warn 'old containers are still there after 90 seconds'; return 0; }
    sleep 1
    quietly retire dokku ps:retire || true
  done
}

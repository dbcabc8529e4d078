# shellcheck shell=bash
# What build-image and git-repo share: the options, the cached binaries, the folder that becomes /app.
set -euo pipefail

apps_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache_dir=${GRADUATE_APPS_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/dokku-graduate/apps}

fail() {
  printf ' !     %s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# binary APP: path of the app's static binary, built where the sources are newer.
binary() {
  local app=$1 out=$cache_dir/$1
  [ -f "$apps_dir/$app/main.go" ] || fail "there is no app $app"
  mkdir -p "$cache_dir"
  (
    flock 9
    if [ ! -x "$out" ] || [ -n "$(find "$apps_dir/$app" "$apps_dir/internal" -name '*.go' -newer "$out" -print -quit)" ]; then
      cd "$apps_dir"
      CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$out.new" "./$app" || exit 1
      touch "$out.new" && mv "$out.new" "$out"
    fi
  ) 9>"$cache_dir/.lock" || fail "cannot build $app"
  echo "$out"
}

# busybox: path of a static busybox: the installed one, or that of Debian's package; nothing is installed.
busybox() {
  local out=$cache_dir/busybox
  if LC_ALL=C ldd /bin/busybox 2>&1 | grep -q 'not a dynamic'; then
    echo /bin/busybox
    return
  fi
  mkdir -p "$cache_dir"
  (
    flock 9
    [ ! -x "$out" ] || exit 0
    dir=$(mktemp -d) && cd "$dir" || exit 1
    apt-get download busybox-static >/dev/null 2>&1 ||
      { apt-get update && apt-get download busybox-static; } >/dev/null 2>&1 || exit 1
    dpkg-deb -x busybox-static_*.deb "$dir" && mv "$(find "$dir" -type f -path '*bin/busybox')" "$out"
    rm -rf "$dir"
  ) 9>"$cache_dir/.lock" || fail "cannot download Debian's busybox-static"
  echo "$out"
}

# options WORD...: reads the options that build-image describes; what is not given stays at its default.
options() {
  app=probe web='' worker='' behaviour='' procfile='' app_json='' predeploy='' release=''
  postdeploy='' shell=no attempts=10 uptime=2 formation=yes env=() processes=()
  local took
  while [ $# -gt 0 ]; do
    take_option "$1" "${2-}"
    [ "$took" != 0 ] || fail "unknown option $1"
    [ $# -ge "$took" ] || fail "$1 needs a value"
    shift "$took"
  done
}

# usage: the comment at the top of the script.
usage() {
  sed -n '2,${/^#/!q;s/^# \{0,1\}//p}' "$0"
  exit 2
}

# take_option NAME VALUE: one option; sets `took` to how many words it used, 0 for an unknown one.
take_option() {
  took=2
  case $1 in
    --app) app=$2 ;;
    --web) web=$2 ;;
    --worker) worker=$2 ;;
    --process) processes+=("$2") ;;
    --procfile) procfile=$2 ;;
    --app-json) app_json=$2 ;;
    --behaviour) behaviour=${behaviour:+$behaviour,}$2 ;;
    --predeploy) predeploy=$2 ;;
    --postdeploy) postdeploy=$2 ;;
    --release) release=$2 ;;
    --attempts) attempts=$2 ;;
    --uptime) uptime=$2 ;;
    --env) env+=("$2") ;;
    --no-formation) formation=no took=1 ;;
    --shell) shell=yes took=1 ;;
    *) took=0 ;;
  esac
}

# json TEXT: TEXT as a JSON string.
json() {
  local s=${1//\\/\\\\}
  printf '"%s"' "${s//\"/\\\"}"
}

# write_procfile: web unless --web 0; worker where --worker is given; --process and --release.
write_procfile() {
  local p
  if [ -n "$procfile" ]; then printf '%s\n' "$procfile"; return; fi
  [ "$web" = 0 ] || printf 'web: /app/%s web\n' "$app"
  [ -z "$worker" ] || printf 'worker: /app/%s worker\n' "$app"
  for p in "${processes[@]}"; do printf '%s: %s\n' "${p%%=*}" "${p#*=}"; done
  [ -z "$release" ] || printf 'release: %s\n' "$release"
}

# write_app_json: quick checks of web and worker, the formation where asked for, the release tasks.
write_app_json() {
  local scripts='' checks=''
  if [ -n "$app_json" ]; then cat "$app_json"; return; fi
  [ "$web" = 0 ] || checks='"web":[{"type":"startup","name":"web check","path":"/healthz","attempts":'$attempts',"wait":1,"timeout":3}]'
  [ -z "$worker" ] || checks+=${checks:+,}'"worker":[{"type":"startup","name":"worker check","uptime":'$uptime'}]'
  printf '{"healthchecks":{%s}' "$checks"
  if [ "$formation" = yes ] && [ -n "$web$worker" ]; then
    printf ',"formation":{"web":{"quantity":%d}' "${web:-1}"
    [ -z "$worker" ] || printf ',"worker":{"quantity":%d}' "$worker"
    printf '}'
  fi
  [ -z "$predeploy" ] || scripts='"predeploy":'$(json "$predeploy")
  [ -z "$postdeploy" ] || scripts+=${scripts:+,}'"postdeploy":'$(json "$postdeploy")
  [ -z "$scripts" ] || printf ',"scripts":{"dokku":{%s}}' "$scripts"
  printf '}\n'
}

# fill DIR VERSION: the files of /app.
fill() {
  local dir=$1 version=$2 bin
  bin=$(binary "$app")
  mkdir -p "$dir"
  cp "$bin" "$dir/$app"
  write_procfile >"$dir/Procfile"
  write_app_json >"$dir/app.json"
  echo "$version" >"$dir/version"
  echo "$behaviour" >"$dir/behaviour"
}

# fill_shell DIR: where --shell is given, /bin/sh and /bin/bash below DIR, for Dokku's `/bin/bash -c` of release tasks.
fill_shell() {
  [ "$shell" = yes ] || return 0
  local bin
  bin=$(busybox)
  mkdir -p "$1/bin"
  cp "$bin" "$1/bin/busybox"
  ln -sf busybox "$1/bin/sh"
  printf '#!/bin/busybox sh\nexec /bin/busybox sh "$@"\n' >"$1/bin/bash"
  chmod 755 "$1/bin/bash"
}

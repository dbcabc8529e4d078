#!/usr/bin/env bash
# The functions of Dokku's common plugin that other plugins use.
set -eo pipefail
[[ $DOKKU_TRACE ]] && set -x

has_tty() {
  [[ "$DOKKU_FORCE_TTY" == "true" ]] && return 0
  [[ "$DOKKU_DISABLE_TTY" == "true" ]] && return 1
  [[ -t 0 ]]
}

dokku_log_quiet() { [[ -n "$DOKKU_QUIET_OUTPUT" ]] || echo "$*"; }
dokku_log_info1() { echo "-----> $*"; }
dokku_log_info2() { echo "=====> $*"; }
dokku_log_verbose() { echo "       $*"; }
dokku_log_exclaim() { echo " !     $*"; }
dokku_log_warn() { echo " !     $*" 1>&2; }
dokku_log_stderr() { echo "$@" 1>&2; }
dokku_log_info1_quiet() { [[ -n "$DOKKU_QUIET_OUTPUT" ]] || dokku_log_info1 "$@"; }
dokku_log_info2_quiet() { [[ -n "$DOKKU_QUIET_OUTPUT" ]] || dokku_log_info2 "$@"; }
dokku_log_verbose_quiet() { [[ -n "$DOKKU_QUIET_OUTPUT" ]] || dokku_log_verbose "$@"; }
dokku_log_exclaim_quiet() { [[ -n "$DOKKU_QUIET_OUTPUT" ]] || dokku_log_exclaim "$@"; }
dokku_log_warn_quiet() { [[ -n "$DOKKU_QUIET_OUTPUT" ]] || dokku_log_warn "$@"; }
dokku_log_event() { :; }
dokku_log_plugn_trigger_call() { :; }

dokku_log_fail() {
  dokku_log_warn "$@"
  exit "${DOKKU_FAIL_EXIT_CODE:=1}"
}

dokku_log_fail_quiet() {
  dokku_log_warn_quiet "$@"
  exit "${DOKKU_FAIL_EXIT_CODE:=1}"
}

dokku_log_exit() {
  echo "$@" 1>&2
  exit 0
}

dokku_container_log_verbose_quiet() {
  local line
  while IFS= read -r line; do
    dokku_log_verbose_quiet "$line"
  done < <("$DOCKER_BIN" container logs "$1" 2>&1)
}

dokku_version() { dokku version; }

dokku_apps() {
  local apps
  apps="$(plugn trigger app-list "$1")"
  [[ -n "$apps" ]] || dokku_log_fail "You haven't deployed any applications yet"
  echo "$apps"
}

fn-sandbox-common() { "$PLUGIN_CORE_AVAILABLE_PATH/common/common" --quiet "$@"; }

fn-is-valid-app-name() {
  [[ -n "$1" ]] || dokku_log_fail "Please specify an app to run the command on"
  fn-sandbox-common is-valid-app-name "$1"
}

is_valid_app_name() {
  fn-is-valid-app-name "$1" && return
  dokku_log_fail "App name must begin with lowercase alphanumeric character, and may only contain lowercase alphanumerics, dots, and hyphens"
}

verify_app_name() {
  fn-sandbox-common verify-app-name "$1" && return 0
  DOKKU_FAIL_EXIT_CODE=20 dokku_log_fail "App $1 does not exist"
}

is_deployed() { fn-sandbox-common is-deployed "$1"; }
get_app_scheduler() { fn-sandbox-common scheduler-detect "$1"; }
copy_from_image() { fn-sandbox-common copy-from-image "$APP" "$1" "$2" "$3"; }
docker_cleanup() { fn-sandbox-common docker-cleanup "$1"; }
is_image_cnb_based() { return 1; }
is_image_herokuish_based() { return 1; }
get_image_builder_type() { echo "dockerfile"; }
fn-verify-app-image() { "$DOCKER_BIN" image inspect "$2" &>/dev/null; }
get_app_image_repo() { echo "dokku/$1"; }

get_running_image_tag() {
  local answer
  answer="$(plugn trigger deployed-app-image-tag "$1")"
  echo "${answer:-${2:-latest}}"
}

get_app_image_name() {
  local image
  image="${3:-dokku/$1}:${2:-latest}"
  if [[ -n "$2" ]]; then
    fn-verify-app-image "$1" "$image" || dokku_log_fail "App image ($image) not found"
  fi
  echo "$image"
}

get_deploying_app_image_name() {
  local image repo
  repo="$(plugn trigger deployed-app-image-repo "$1")"
  image="$(plugn trigger deployed-app-repository "$1")${repo:-${3:-dokku/$1}}:$(get_running_image_tag "$1" "$2")"
  fn-verify-app-image "$1" "$image" || dokku_log_fail "App image ($image) not found"
  echo "$image"
}

get_app_container_ids() {
  local file pattern="$DOKKU_ROOT/$1/CONTAINER.*" ids=""
  if [[ "$2" == *.* ]]; then
    pattern="$DOKKU_ROOT/$1/CONTAINER.$2"
  elif [[ -n "$2" ]]; then
    pattern="$DOKKU_ROOT/$1/CONTAINER.$2.*"
  fi
  for file in $pattern; do
    [[ -f "$file" ]] && ids+=" $(<"$file") "
  done
  echo "$ids"
}

is_container_status() {
  [[ "$("$DOCKER_BIN" container inspect --format "{{.State.$2}}" "$1" 2>/dev/null || true)" == "true" ]]
}

get_app_running_container_ids() {
  local id running=""
  is_deployed "$1" || dokku_log_fail "App $1 has not been deployed"
  for id in $(get_app_container_ids "$1" "$2"); do
    is_container_status "$id" "Running" && running+="$id "
  done
  echo "$running"
}

is_number() { [[ "$1" =~ ^[0-9]+$ ]]; }
is_abs_path() { [[ "$1" == /* ]]; }

is_val_in_list() {
  local entry IFS="${3:-,}" found=false
  for entry in $2; do
    [[ "$entry" == "$1" ]] && found=true
  done
  echo "$found"
}

fn-in-array() {
  local entry
  for entry in "${@:2}"; do
    [[ "$entry" == "$1" ]] && return 0
  done
  return 1
}

fn-docker-args-split() { printf "%s" "$1" | xargs -r printf "%s\0"; }
fn-plugn-trigger-exists() { compgen -G "$PLUGIN_PATH/enabled/*/$1" >/dev/null; }

suppress_output() {
  local output code=0
  output="$("$@" 2>&1)" || code="$?"
  [[ "$code" -eq 0 ]] || echo "$output"
  return "$code"
}

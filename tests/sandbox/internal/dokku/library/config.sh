#!/usr/bin/env bash
# Access to the config values of apps.
set -eo pipefail
[[ $DOKKU_TRACE ]] && set -x
source "$PLUGIN_CORE_AVAILABLE_PATH/common/functions"

config_sub() { "$PLUGIN_AVAILABLE_PATH/config/config_sub" "$@"; }
config_get() { config_sub get "$@"; }
config_set() { config_sub set "$@"; }
config_unset() { config_sub unset "$@"; }
config_clear() { config_sub clear "$@"; }
config_keys() { config_sub keys "$@"; }

# config_export app APP [flags] | global [flags]
config_export() {
  local app="--global" kind="$1"
  shift
  if [[ "$kind" != "global" ]]; then
    app="$1"
    shift
  fi
  config_sub export "$@" "$app"
}

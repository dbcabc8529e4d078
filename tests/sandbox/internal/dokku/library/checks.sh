#!/usr/bin/env bash
# Whether the checks of a process type are switched off.
set -eo pipefail
[[ $DOKKU_TRACE ]] && set -x
source "$PLUGIN_CORE_AVAILABLE_PATH/common/functions"
source "$PLUGIN_CORE_AVAILABLE_PATH/common/property-functions"

fn-sandbox-checks-in() {
  local list
  list="$(fn-plugin-property-get checks "$2" "$1" "")"
  if [[ "$list" == "_all_" ]]; then
    echo true
    return
  fi
  is_val_in_list "$3" "$list"
}

is_app_proctype_checks_disabled() { fn-sandbox-checks-in disabled "$@"; }
is_app_proctype_checks_skipped() { fn-sandbox-checks-in skipped "$@"; }

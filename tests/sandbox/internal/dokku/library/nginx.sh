#!/usr/bin/env bash
# Control of the sandbox's nginx.
set -eo pipefail
[[ $DOKKU_TRACE ]] && set -x
source "$PLUGIN_CORE_AVAILABLE_PATH/common/functions"

fn-nginx-vhosts-nginx-init-cmd() { "$PLUGIN_AVAILABLE_PATH/nginx-vhosts/nginx-control" "$1"; }
fn-nginx-vhosts-nginx-location() { "$PLUGIN_AVAILABLE_PATH/nginx-vhosts/nginx-control" location; }
get_nginx_location() { fn-nginx-vhosts-nginx-location; }

# validate_nginx tests the whole configuration and ends the program if it is broken.
validate_nginx() { "$PLUGIN_AVAILABLE_PATH/nginx-vhosts/nginx-control" validate "$@" || exit 1; }

restart_nginx() {
  [[ "$(plugn trigger proxy-is-enabled "$APP")" == "true" ]] || return 0
  [[ "$(plugn trigger proxy-type "$APP")" == "nginx" ]] || return 0
  fn-nginx-vhosts-nginx-init-cmd "reload"
}

nginx_build_config() { plugn trigger proxy-build-config "$1"; }

#!/usr/bin/env bash
# Access to the properties of plugins.
set -eo pipefail
[[ $DOKKU_TRACE ]] && set -x

fn-sandbox-prop() { "$PLUGIN_CORE_AVAILABLE_PATH/common/prop" "$@"; }
fn-plugin-property-get() { fn-sandbox-prop get-with-default "$@"; }
fn-plugin-property-get-default() { fn-sandbox-prop get-with-default "$@"; }
fn-plugin-property-write() { fn-sandbox-prop set "$@"; }
fn-plugin-property-delete() { fn-sandbox-prop del "$@"; }
fn-plugin-property-exists() { fn-sandbox-prop exists "$@"; }
fn-plugin-property-destroy() { fn-sandbox-prop destroy "$@"; }
fn-plugin-property-clone() { fn-sandbox-prop clone "$@"; }
fn-plugin-property-list-get() { fn-sandbox-prop lrange "$@"; }
fn-plugin-property-list-add() { fn-sandbox-prop rpush "$@"; }
fn-plugin-property-list-remove() { fn-sandbox-prop lrem "$@"; }
fn-plugin-property-setup() { fn-sandbox-prop setup "$@"; }
fn-plugin-property-setup-app() { fn-sandbox-prop setup-app "$@"; }

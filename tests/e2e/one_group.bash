# shellcheck shell=bash
# For a file whose tests share one group of apps: `load one_group`, then a setup_file that makes the group, deploys its
# apps and ends with remember_group. A file that needs more overrides one of these.
load helpers

teardown_file() {
  recall_group
  remove_group "$GROUP"
  remove_apps "${DEV[@]}" "${PROD[@]}"
}

setup() { recall_group; }

teardown() {
  end_background
  remove_hooks
}

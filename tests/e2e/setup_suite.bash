# shellcheck shell=bash
# Runs once before all tests and once after them. In the sandbox (the default) it starts one of its own
# and installs the plugin as it is in the work tree; with DOKKU=real it takes the Dokku and the plugin
# that are installed. From there on no test knows the difference.

setup_suite() {
  # bats gives the suite's functions no `load`.
  # shellcheck source=helpers.bash
  source "$BATS_TEST_DIRNAME/helpers.bash"
  REPO=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
  # A folder that Dokku's user can enter too: host hooks write there. bats' own are for us alone.
  E2E_SHARED=$(mktemp -d /tmp/graduate-e2e.XXXXXX)
  chmod 755 "$E2E_SHARED"
  E2E_ID=$(printf '%04x' "$((RANDOM % 65536))")
  E2E_MODE=${DOKKU:-sandbox}
  export REPO E2E_SHARED E2E_ID E2E_MODE

  mkdir "$E2E_SHARED/bin"
  (cd "$REPO" && go build -o "$E2E_SHARED/bin/load" ./tests/load)
  case $E2E_MODE in
    sandbox)
      (cd "$REPO" && go build -o "$E2E_SHARED/bin/graduate-sandbox" ./tests/sandbox)
      snapshot_of_work_tree "$E2E_SHARED/plugin.git"
      enter_sandbox "$E2E_SHARED/sandbox"
      dokku plugin:install "file://$E2E_SHARED/plugin.git" --name graduate
      ;;
    real) enter_real ;;
    *)
      echo "DOKKU is '$E2E_MODE'; it may be sandbox or real" >&2
      return 1
      ;;
  esac
}

teardown_suite() {
  source "$BATS_TEST_DIRNAME/helpers.bash"
  remove_everything
  if [ "$E2E_MODE" = sandbox ] && [ -d "$E2E_SHARED/sandbox" ]; then
    "$E2E_SHARED/bin/graduate-sandbox" stop "$E2E_SHARED/sandbox"
  fi
  rm -rf "$E2E_SHARED"
}

#!/usr/bin/env bats
# The plugin's own life: installed, updated, disabled, uninstalled. In a sandbox of its own; on a real Dokku the
# plugin is uninstalled for a moment and installed again from the work tree.

setup_file() {
  load helpers
  export PLUGIN_TEST=$E2E_SHARED/plugin-test SHOP APP
  SHOP=$(name shop) APP=$(name app)
  mkdir -p "$PLUGIN_TEST"
  snapshot_of_work_tree "$PLUGIN_TEST/plugin.git"
  if [ "$E2E_MODE" = sandbox ]; then
    enter_sandbox "$PLUGIN_TEST/sandbox"
  else
    dokku plugin:uninstall graduate
  fi
}

teardown_file() {
  load helpers
  remove_apps "$APP"
  if [ "$E2E_MODE" = sandbox ]; then
    "$E2E_SHARED/bin/graduate-sandbox" stop "$PLUGIN_TEST/sandbox"
  elif ! dokku graduate:help run >/dev/null 2>&1; then
    dokku plugin:install "file://$PLUGIN_TEST/plugin.git" --name graduate
  fi
  rm -rf "$PLUGIN_TEST"
}

setup() {
  load helpers
  PLUGIN=$PLUGIN_PATH/available/graduate
}

# assert_installed: folders, links, owners and modes.
assert_installed() {
  local trigger
  for folder in graduate zzz-graduate; do
    [ -d "$PLUGIN_PATH/enabled/$folder/" ] || fail "$folder is not enabled"
    assert_contains "$(dokku plugin:list)" "^ *$folder +[0-9][0-9.]* +enabled"
  done
  for trigger in "$PLUGIN"/triggers/*; do
    [ -x "$PLUGIN/$(basename "$trigger")" ] || fail "trigger $(basename "$trigger") is not linked"
  done
  for trigger in "$PLUGIN"/companion/*; do
    [ -x "$PLUGIN_PATH/enabled/zzz-graduate/$(basename "$trigger")" ] || fail "trigger $(basename "$trigger") is not linked in the companion"
  done
  for command in "$PLUGIN"/subcommands/*; do
    [ -x "$command" ] || fail "$(basename "$command") is not executable"
  done
  assert_equal "$(find "$PLUGIN" "$PLUGIN_PATH/available/zzz-graduate" -not -user "${DOKKU_SYSTEM_USER:-$(id -un)}" | head)" '' 'files of other users'
  assert_equal "$(find "$PLUGIN" -not -type l -perm /o+w | head)" '' 'files that others may write to'
  assert_equal "$(stat --format %a "$E2E_DATA")" 700 'mode of the data folder'
  assert_equal "$(stat --format %a "$DOKKU_LIB_ROOT/data/graduate-rooms")" 711 'mode of the folder of waiting rooms'
  # nobody but root (the sandbox: its own user) may put a hook there
  assert_equal "$(stat --format '%a %u' "$HOOKS_DIR")" "755 $(id -u)" 'mode and owner of the hooks folder'
}

@test "plugin: installed from a git url it works at once" {
  run dokku plugin:install "file://$PLUGIN_TEST/plugin.git" --name graduate
  assert_equal "$status" 0 "exit code ($output)"
  assert_installed
  dokku graduate:create "$SHOP" dev prod
  assert_contains "$(dokku graduate:list)" "$SHOP"
}

@test "plugin: installing any other plugin later changes nothing and builds nothing" {
  digest=$(find "$PLUGIN_PATH/available" -path '*graduate*' -not -path '*/.git/*' -printf '%p %T@ %l %m %u\n' | sort | sha256sum)
  run dokku plugin:install
  assert_equal "$status" 0 "exit code ($output)"
  refute_contains "$output" 'Building graduate'
  assert_equal "$(find "$PLUGIN_PATH/available" -path '*graduate*' -not -path '*/.git/*' -printf '%p %T@ %l %m %u\n' | sort | sha256sum)" "$digest" 'digest of the plugin'
}

@test "plugin: every form of help works" {
  assert_contains "$(dokku help)" '^ +graduate'
  assert_contains "$(dokku help --all)" 'graduate:run'
  for form in graduate:help graduate; do
    run dokku $form
    assert_equal "$status" 0 "exit code of dokku $form ($output)"
    for verb in create add remove destroy list report set apply export run hooks:add hooks:remove hooks:list; do
      assert_contains "$output" "graduate:$verb"
    done
  done
  for form in 'graduate:help run' 'graduate:run --help'; do
    # shellcheck disable=SC2086
    run dokku $form
    assert_equal "$status" 0 "exit code of dokku $form ($output)"
    assert_contains "$output" '--group'
    assert_contains "$output" '--all'
    assert_contains "$output" '--format'
  done
  for path in "$PLUGIN"/subcommands/*; do
    verb=$(basename "$path")
    [ "$verb" != default ] || continue
    run dokku "graduate:$verb" --help
    assert_equal "$status" 0 "exit code of graduate:$verb --help ($output)"
    assert_contains "$output" "graduate:$verb"
  done
}

@test "plugin: an unknown subcommand says so and fails" {
  run dokku graduate:fly
  [ "$status" -ne 0 ]
  assert_contains "$output" ' !     .*graduate:fly'
  run dokku graduate:help fly
  [ "$status" -ne 0 ]
  assert_contains "$output" ' !     .*fly'
}

@test "plugin: --quiet drops the chatter, --trace adds to it, values stay" {
  assert_contains "$(dokku --quiet graduate:list)" "$SHOP"
  refute_contains "$(dokku --quiet graduate:list)" '=====>'
  run dokku --trace graduate:list
  assert_equal "$status" 0 "exit code ($output)"
  assert_contains "$output" "$SHOP"
}

@test "plugin: update brings the new version" {
  sed -i 's/^version = .*/version = "99.0.1"/' "$PLUGIN_TEST/plugin.git/plugin.toml"
  commit_all "$PLUGIN_TEST/plugin.git" 'another version'
  run dokku plugin:update graduate
  assert_equal "$status" 0 "exit code ($output)"
  assert_contains "$(dokku plugin:list)" '^ *graduate +99\.0\.1 +enabled'
  assert_contains "$(dokku plugin:list)" '^ *zzz-graduate +99\.0\.1 +enabled'
  assert_installed
  assert_contains "$(dokku graduate:list)" "$SHOP"
}

@test "plugin: disabled, nothing of it runs and deploys go on; enabled again it works" {
  app=$APP
  create_apps "$app"
  # From here on whoever runs the binary leaves a note.
  mv "$PLUGIN/bin/graduate" "$PLUGIN/bin/graduate.real"
  printf '#!/bin/sh\necho "$0 $*" >>%s\nexec "%s/bin/graduate.real" "$@"\n' "$PLUGIN_TEST/notes" "$PLUGIN" >"$PLUGIN/bin/graduate"
  chmod 755 "$PLUGIN/bin/graduate"
  : >"$PLUGIN_TEST/notes"
  chmod 666 "$PLUGIN_TEST/notes"
  dokku plugin:disable graduate
  run dokku graduate:list
  disabled=$status
  deploy "$app=$(image v1)"
  notes=$(cat "$PLUGIN_TEST/notes") # enabling it asks it for its commands
  dokku plugin:enable graduate
  mv "$PLUGIN/bin/graduate.real" "$PLUGIN/bin/graduate"
  [ "$disabled" -ne 0 ]
  assert_equal "$notes" '' 'what of the plugin ran while it was disabled'
  assert_serves v1 "$app"
  assert_contains "$(dokku graduate:list)" "$SHOP"
  deploy "$app=$(image v2)"
  assert_serves v2 "$app"
}

@test "plugin: uninstalled it leaves the data folder, says where it is, and nothing else" {
  run dokku plugin:uninstall graduate
  assert_equal "$status" 0 "exit code ($output)"
  assert_contains "$output" "$E2E_DATA"
  [ -d "$E2E_DATA" ]
  assert_equal "$(find "$PLUGIN_PATH" -name '*graduate*')" '' 'files of the plugin'
  assert_equal "$(find "$DOKKU_LIB_ROOT" "$DOKKU_ROOT" -maxdepth 3 -name '*graduate*' -not -path "$E2E_DATA*" | grep -v "^$PLUGIN_PATH" || true)" '' 'other files'
  [ ! -e "$HOOKS_DIR" ] || [ -n "$(ls -A "$HOOKS_DIR")" ] || fail "the empty $HOOKS_DIR is still there"
  run dokku graduate:list
  [ "$status" -ne 0 ]
  refute_contains "$(dokku plugin:list)" graduate
  deploy "$APP=$(image v3)"
  assert_serves v3 "$APP"
}

@test "plugin: installed from a tarball it works, with the groups of before" {
  git -C "$PLUGIN_TEST/plugin.git" archive --prefix=dokku-graduate/ --output "$PLUGIN_TEST/dokku-graduate.tar.gz" HEAD
  run dokku plugin:install "file://$PLUGIN_TEST/dokku-graduate.tar.gz" --name graduate
  assert_equal "$status" 0 "exit code ($output)"
  assert_installed
  assert_contains "$(dokku graduate:list)" "$SHOP"
  dokku graduate:destroy "$SHOP" --force
}

# uninstall: whatever an installation that failed has left too.
uninstall() { [ ! -e "$PLUGIN" ] || dokku plugin:uninstall graduate >/dev/null; }

# release_tarball NAME: what `make release` makes of the work tree.
release_tarball() {
  rm -rf "$PLUGIN_TEST/plugin.git/dist"
  "$PLUGIN_TEST/plugin.git/scripts/release" "$(go env GOARCH)" >/dev/null
  mv "$PLUGIN_TEST"/plugin.git/dist/*.tar.gz "$PLUGIN_TEST/$1"
}

@test "plugin: without Go the binary of a release tarball is taken" {
  uninstall
  release_tarball release.tar.gz
  GRADUATE_GO=none run dokku plugin:install "file://$PLUGIN_TEST/release.tar.gz" --name graduate
  assert_equal "$status" 0 "exit code ($output)"
  assert_contains "$output" "Taking graduate from release/graduate-linux-$(go env GOARCH)"
  assert_installed
  dokku graduate:help run >/dev/null
}

@test "plugin: a release binary that was changed is not taken; with no other way the installation says what is needed" {
  uninstall
  mkdir "$PLUGIN_TEST/changed"
  tar -C "$PLUGIN_TEST/changed" -xzf "$PLUGIN_TEST/release.tar.gz"
  for binary in "$PLUGIN_TEST"/changed/*/release/graduate-linux-"$(go env GOARCH)"; do echo >>"$binary"; done
  tar -C "$PLUGIN_TEST/changed" -czf "$PLUGIN_TEST/changed.tar.gz" .
  GRADUATE_GO=none GRADUATE_GO_IMAGE="e2e$E2E_ID/nothing:1" run dokku plugin:install "file://$PLUGIN_TEST/changed.tar.gz" --name graduate
  [ "$status" -ne 0 ] || fail "it was installed: $output"
  assert_contains "$output" 'does not match its checksum'
  assert_contains "$output" '^ !     graduate cannot be built: install Go'
  [ ! -e "$PLUGIN/bin/graduate" ]
  uninstall
}

# go_image TAG: an image as golang's own: this machine's Go, a shell, and the authorities' certificates.
go_image() {
  local root=$PLUGIN_TEST/go-image tool
  mkdir -p "$root/bin" "$root/usr/local" "$root/etc/ssl/certs" "$root/tmp" "$root/root"
  cp /bin/busybox "$root/bin/"
  for tool in sh tar mkdir cat sed readlink dirname basename env; do ln -s busybox "$root/bin/$tool"; done
  mkdir -p "$root/usr/bin"
  ln -s /bin/env "$root/usr/bin/env"
  mkdir "$root/usr/local/go"
  tar -C "$(go env GOROOT)" --dereference --exclude=./test --exclude=./api --exclude=./doc --exclude=testdata -c . | tar -C "$root/usr/local/go" -x
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  printf 'FROM scratch\nCOPY . /\nENV PATH=/usr/local/go/bin:/bin HOME=/root\n' >"$root/Dockerfile"
  docker build --quiet --tag "$1" "$root" >/dev/null
  rm -rf "$root"
}

@test "plugin: without Go and without a release binary it is built in Docker" {
  uninstall
  # The build needs Go's modules, and a lane's own daemon gives its containers no way out: the machine's does.
  export DOCKER_HOST=${OUTER_DOCKER_HOST-${DOCKER_HOST:-}}
  go_image "e2e$E2E_ID/golang:1"
  GRADUATE_GO=none GRADUATE_GO_IMAGE="e2e$E2E_ID/golang:1" run dokku plugin:install "file://$PLUGIN_TEST/plugin.git" --name graduate
  docker image rm --force "e2e$E2E_ID/golang:1" >/dev/null
  assert_equal "$status" 0 "exit code ($output)"
  assert_contains "$output" 'Building graduate in Docker'
  assert_installed
  dokku graduate:help run >/dev/null
}

@test "plugin: under another name it says how to install it" {
  if [ "$E2E_MODE" = real ]; then skip 'would leave a second copy in the installed Dokku'; fi
  run dokku plugin:install "file://$PLUGIN_TEST/plugin.git" --name something-else
  [ "$status" -ne 0 ]
  assert_contains "$output" '--name graduate'
  dokku plugin:uninstall something-else
}

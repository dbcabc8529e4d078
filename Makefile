# The targets are short: the work is in scripts/ and tests/. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help build test lint e2e crash-test demo demo-clean bench release clean

export PATH := $(PATH):/usr/local/go/bin:/usr/sbin:/sbin

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.* ## \(.*\)/  \1\t\2/p' Makefile | expand -t 16

build: ## build the plugin's binary and the sandbox into bin/
	@mkdir -p bin
	@scripts/build bin/graduate
	@go build -o bin/graduate-sandbox ./tests/sandbox

test: ## everything: linters, unit tests, end-to-end suite; last line: N passed, N failed
	@scripts/test

lint: ## gofmt, vet, staticcheck, shellcheck, generated docs
	@scripts/test lint

e2e: ## the end-to-end suite in a sandbox; DOKKU=real: on the installed Dokku
	@scripts/e2e

crash-test: ## kills graduations at every moment; KILLS=500 SEED=n JOBS=1; last lines: kills: N, violations: N
	@mkdir -p bin && go build -o bin/crash ./tests/crash
	@bin/crash --kills $(or $(KILLS),500) --jobs $(or $(JOBS),1) $(if $(SEED),--seed $(SEED))

demo: ## the whole story in a sandbox; DOKKU=real: on the installed Dokku
	@tests/demo/demo

demo-clean: ## remove all that the demo made
	@tests/demo/demo clean

bench: ## benchmarks, and a plan of 50 apps beside one dokku ps:report; DOKKU=real: on the installed Dokku
	@uname -srm; nproc; go test -run "^$$" -bench . ./...  | grep -v "no test files\|^ok\|^PASS"
	@scripts/e2e --formatter tap --filter "^a plan of 50 apps$$" | sed -n "s/^# milliseconds/milliseconds/p"

release: ## dist/: a tarball with binaries, for plugin:install on a server without Go
	@scripts/release

clean: ## remove what was built
	@rm -rf bin dist

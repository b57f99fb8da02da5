# Thin front for scripts/ and CMake; each target is complete on a fresh Debian 12 machine.
SHELL := /bin/bash
SECONDS_EACH ?= 30
PEERS ?= 1

.PHONY: help setup build test demo study asan fuzz check-data bench format clean

help:        ## this list
	@echo "make demo    set up, build, download two small models, train one of them, show what it learned (about 10 minutes)"
	@echo "make test    set up, build, run every test"
	@sed -n 's/^\([a-z-]*\): *\([a-z ]*\)## *\(.*\)/  \1|\3/p' Makefile | column -t -s '|'

setup:       ## install the missing Debian packages (root or sudo; else lists them)
	@scripts/setup.sh

build: setup ## build/release/dsdr, the library and the tests
	@scripts/build.sh release

test: build  ## every test; the last line counts them
	@python3 scripts/run_tests.py build/release

demo: build  ## train SmolLM2-135M with DSDR on word problems, evaluate before and after
	@scripts/demo.sh

study: build ## a cut of the Countdown study: all methods, the table, the report (about 10 minutes)
	@scripts/study.sh

asan: setup  ## the test suite under AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/build.sh asan
	@python3 scripts/run_tests.py build/asan

fuzz:        ## every fuzzer for SECONDS_EACH=30 seconds (clang)
	@scripts/setup.sh --developer
	@scripts/fuzz.sh $(SECONDS_EACH)

check-data: build ## larger comparisons on a folder of problem files: make check-data DATA=DIR
	@scripts/check_data.sh "$(DATA)"

bench: build ## measure beside peers on this machine: make bench [ROWS=decode,train] [PEERS=0]; all of it takes most of an hour
	@scripts/fetch_models.sh
	@if [ "$(PEERS)" != 0 ]; then scripts/setup.sh --peers && bench/setup_peers.sh || true; fi
	@bench/run.py $(if $(ROWS),--rows $(ROWS)) $(if $(DATA),--data "$(DATA)") $(if $(filter 0,$(PEERS)),--no-peers)

format:      ## clang-format over all C sources
	@clang-format -i $$(git ls-files '*.c' '*.h')

clean:       ## remove build/, but for build/peers, which is a long download
	@if [ -d build ]; then find build -mindepth 1 -maxdepth 1 ! -name peers -exec rm -rf {} +; fi

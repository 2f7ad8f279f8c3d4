SHELL := bash

LINT := go tool -modfile="$(CURDIR)/tools/go.mod" golangci-lint
FUZZTIME ?= 10s
TORTURE_SECONDS ?= 20

# What must stay out of the programs of those who import a public package, and the one exception: KIT may have SERVER.
# `make deps-check` proves it.
SERVER := github.com/nats-io/nats-server
TEST_ONLY := github.com/google/go-cmp|go.uber.org/goleak
KIT := typednatstest

# Nested modules. One without Go files pins tools. Modules under testdata belong to the tests that use them.
MODULES := $(shell find . -mindepth 2 -name go.mod -not -path '*/.*' -not -path '*/testdata/*' -exec dirname {} \; | sort)
TOOL_MODULES := $(foreach m,$(MODULES),$(if $(shell find $(m) -name '*.go'),,$(m)))
CODE_MODULES := $(filter-out $(TOOL_MODULES),$(MODULES))

.DEFAULT_GOAL := all

.PHONY: all
all: test lint ## test and lint (the default)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: test
test: ## run every test, as the README says
	go test ./...

.PHONY: race
race: ## run every test three times, shuffled, with the race detector
	go test -race -shuffle=on -count=3 -timeout 30m ./...

.PHONY: lint
lint: ## run golangci-lint over all modules
	$(LINT) run
	@set -e; for m in $(CODE_MODULES); do (set -x; cd $$m; $(LINT) run); done

.PHONY: fmt
fmt: ## format the code
	$(LINT) fmt

.PHONY: fmt-check
fmt-check: ## fail if the code is not formatted
	$(LINT) fmt --diff

.PHONY: vet
vet: ## run go vet
	go vet ./...

.PHONY: deps-check
deps-check: ## fail if a public package depends on what only tests may use
	@set -euo pipefail; \
	kit=$$(go list ./$(KIT)); \
	public=$$(go list ./... | grep -vE '/(internal|examples)(/|$$)'); \
	deps=$$(go list -f '{{$$p := .ImportPath}}{{range .Deps}}{{$$p}} depends on {{.}}{{"\n"}}{{end}}' $$public); \
	if grep -E ' ($(TEST_ONLY))(/|$$)' <<<"$$deps"; then exit 1; fi; \
	if grep -E ' $(SERVER)(/|$$)' <<<"$$deps" | grep -v "^$$kit depends on "; then exit 1; fi; \
	echo "$$(wc -w <<<"$$public") public packages without $(TEST_ONLY), all but $(KIT) without $(SERVER)"

.PHONY: tidy
tidy: ## run go mod tidy in all modules
	go mod tidy
	@set -e; for m in $(MODULES); do (set -x; cd $$m; go mod tidy); done

.PHONY: tidy-check
tidy-check: ## fail if a go.mod is not tidy or a module is not what its checksum says
	go mod tidy -diff
	go mod verify
	@set -e; for m in $(MODULES); do (set -x; cd $$m; go mod tidy -diff; go mod verify); done

.PHONY: modules
modules: ## build, vet and test the nested modules, and run their benchmarks once
	@set -e; for m in $(CODE_MODULES); do \
		(set -x; cd $$m; go build -o /dev/null ./...; go vet ./...; go test -bench . -benchtime 1x ./...); \
	done
	@set -e; for m in $(TOOL_MODULES); do (set -x; cd $$m; go build -o /dev/null tool); done

# Where a browser is, nothing happens. Elsewhere one is installed only if CI=true: that is a machine that nobody minds.
.PHONY: chromium
chromium: ## with CI=true, install the browser that explorer/browsertest needs, where it is missing (Debian)
	@set -e; \
	if command -v chromium chromium-browser google-chrome chrome >/dev/null; then exit 0; fi; \
	if [[ "$${CI:-}" != true ]]; then echo "no browser: tests of the page are skipped; 'make chromium CI=true' installs one"; exit 0; fi; \
	sudo=; if [[ $$(id -u) != 0 ]]; then sudo=sudo; fi; \
	$$sudo apt-get update -q && $$sudo apt-get install -q -y --no-install-recommends chromium

.PHONY: examples
examples: ## run each program of the main module under examples/
	@set -euo pipefail; \
	programs=$$(go list -f '{{if eq .Name "main"}}.{{slice .ImportPath (len .Module.Path)}}{{end}}' ./examples/...); \
	if [[ -z $$programs ]]; then echo "no program under examples/" >&2; exit 1; fi; \
	for p in $$programs; do (set -x; go run $$p); done

.PHONY: bench
bench: ## run each benchmark once, so that none rots
	go test -run '^$$' -bench . -benchtime 1x ./...

.PHONY: measure
measure: ## compare with raw NATS and with peers; takes six minutes, on a machine that does nothing else
	go run -C bench .

.PHONY: growth
growth: ## measure how the costs grow, and draw them; takes six minutes, on a machine that does nothing else
	go run -C bench ./growth -plots "$(CURDIR)/docs/performance"
	go run -C bench ./cluster -plots "$(CURDIR)/docs/performance"

.PHONY: overload
overload: ## measure what is done of more calls than can be served, and draw it; takes two minutes, on a machine that does nothing else
	go run -C bench ./overload -plots "$(CURDIR)/docs/performance"

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (10s)
	@set -euo pipefail; for p in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$p | sed -n '/^Fuzz/p'); do \
			(set -x; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p); \
		done; \
	done

.PHONY: torture
torture: ## break things for TORTURE_SECONDS (20) and account for every call
	go run ./internal/torture -seconds $(TORTURE_SECONDS)

.PHONY: ci
ci: ## run everything that CI runs
	.ci/run

# clipperops: every task of the project. `make help` lists them.

GO        ?= go
BIN       := bin/clipperops
API       := bin/moderation-api
IMAGE     ?= clipper/moderation-api:dev
VERSION   := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS   := -s -w -X main.build=$(VERSION)

# Tools are pinned here and fetched by the Go command; nothing is installed by hand.
GOFUMPT     := $(GO) run mvdan.cc/gofumpt@v0.12.0
STATICCHECK := $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOTESTSUM   := $(GO) run gotest.tools/gotestsum@v1.13.0

# The race detector needs a C compiler; a machine without one still runs the tests.
RACE      := $(if $(shell command -v cc || command -v gcc || command -v clang),-race)

# What Chromium is called, in the order in which the tests look for it.
CHROMIUMS := chromium chromium-browser google-chrome

# flagd's engine is asked in a module of its own, which keeps it out of the programs; it follows this one's versions.
FLAGDTEST := internal/featureflag/flagd/flagdtest

FUZZTIME  ?= 20s
TESTFLAGS ?=

.DEFAULT_GOAL := help
.PHONY: image secrets help demo test lint bench fuzz docs build postgres prometheus chromium clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: postgres build ## the whole story on a throwaway Postgres, in about a minute
	@$(BIN) demo

test: postgres prometheus chromium ## every test, with the race detector, on one throwaway Postgres
	@cd $(FLAGDTEST) && $(GO) test -mod=mod -timeout 45m ./...
	@$(GO) run ./internal/pgtest/withpg -- $(GOTESTSUM) --format pkgname-and-test-fails -- $(RACE) -timeout 45m $(TESTFLAGS) ./...

lint: ## gofumpt, go vet, staticcheck, the import graph
	@unformatted=$$($(GOFUMPT) -l .); if [ -n "$$unformatted" ]; then echo "not gofumpt'ed:"; echo "$$unformatted"; exit 1; fi
	@$(GO) vet ./...
	@cd $(FLAGDTEST) && $(GO) vet -mod=mod ./...
	@$(STATICCHECK) ./...
	@$(GO) test -count=1 -run '^TestImports' .

bench: postgres prometheus build ## speed and stalls against golang-migrate and psql, side by side; how fast a flag changes and a rollout ends; the API under load; never part of the tests
	@$(GO) run ./internal/pgtest/withpg -- $(GO) run ./migrate/enginebench -startup $(BIN)
	@$(GO) run ./internal/pgtest/withpg -- $(GO) run ./internal/featureflag/flagbench
	@$(GO) run ./internal/pgtest/withpg -- $(GO) run ./moderation/apibench -program $(API)
	@$(GO) run ./internal/pgtest/withpg -- $(GO) run ./rollout/rolloutbench -program $(BIN)

fuzz: ## run every fuzz target for FUZZTIME (default 20s) each
	@$(GO) list ./... | while read -r pkg; do \
		dir=$$($(GO) list -f '{{.Dir}}' $$pkg); \
		for f in $$(cat $$dir/*_test.go 2>/dev/null | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p'); do \
			echo "$$pkg $$f"; $(GO) test $$pkg -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 500x || exit 1; \
		done; done

docs: build ## write the generated pages: docs/checks.md, docs/exit-codes.md
	@$(BIN) docs docs

build: ## bin/clipperops, bin/moderation-api, and bin/fake-twitch for the demo
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/clipperops
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(API) ./cmd/moderation-api
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/fake-twitch ./cmd/fake-twitch

image: build ## the moderation API as a container image, from nothing: no registry is needed
	@rm -rf dist/image && mkdir -p dist/image/app dist/image/etc/ssl/certs
	@cp $(API) dist/image/app/moderation-api && ln -s moderation-api dist/image/app/maintenance
	@for f in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do \
		if [ -r $$f ]; then cp $$f dist/image/etc/ssl/certs/ca-certificates.crt; exit 0; fi; done; \
		echo "no certificates found; install ca-certificates"; exit 1
	@docker build -q -t $(IMAGE) . && echo "$(IMAGE) is built; deploy/compose.yaml starts it"

secrets: ## deploy/secrets for deploy/compose.yaml, where they are not there yet
	@mkdir -p -m 700 deploy/secrets # nobody else comes in here; in the containers, who are other users, each file must be readable
	@umask 022; for s in db_password jwt_secret token_key; do \
		if [ ! -e deploy/secrets/$$s ]; then head -c 32 /dev/urandom | base64 | tr -d '\n' > deploy/secrets/$$s; fi; done
	@echo "deploy/secrets holds db_password, jwt_secret and token_key"

postgres: ## install a PostgreSQL server when none can be found
	@$(GO) run ./internal/sandbox/ensure

prometheus: ## get a Prometheus for the tests when none can be found; no service is installed
	@$(GO) run ./internal/metrics/metricstest/ensure

chromium: ## install Chromium, which the tests of the API's page look through, when none can be found
	@for b in $(CHROMIUMS); do if command -v "$$b" >/dev/null; then exit 0; fi; done; \
		if ! command -v apt-get >/dev/null; then echo "no Chromium here, and no apt-get; install one of: $(CHROMIUMS)"; exit 1; fi; \
		sudo=; if [ "$$(id -u)" != 0 ]; then sudo=sudo; fi; \
		echo "no Chromium here; running: $${sudo:+sudo }apt-get install -y --no-install-recommends chromium"; \
		$$sudo apt-get update -q && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium

clean: ## remove what was built
	rm -rf bin dist

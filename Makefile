# clipperops: every task of the project. `make help` lists them.

GO        ?= go
BIN       := bin/clipperops
VERSION   := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS   := -s -w -X main.build=$(VERSION)

# Tools are pinned here and fetched by the Go command; nothing is installed by hand.
GOFUMPT     := $(GO) run mvdan.cc/gofumpt@v0.12.0
STATICCHECK := $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOTESTSUM   := $(GO) run gotest.tools/gotestsum@v1.13.0

# The race detector needs a C compiler; a machine without one still runs the tests.
RACE      := $(if $(shell command -v cc || command -v gcc || command -v clang),-race)

FUZZTIME  ?= 20s
TESTFLAGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench fuzz docs build postgres clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: postgres build ## the whole story on a throwaway Postgres, in about a minute
	@$(BIN) demo

test: postgres ## every test, with the race detector, on one throwaway Postgres
	@$(GO) run ./internal/pgtest/withpg -- $(GOTESTSUM) --format pkgname-and-test-fails -- $(RACE) -timeout 20m $(TESTFLAGS) ./...

lint: ## gofumpt, go vet, staticcheck, the import graph
	@unformatted=$$($(GOFUMPT) -l .); if [ -n "$$unformatted" ]; then echo "not gofumpt'ed:"; echo "$$unformatted"; exit 1; fi
	@$(GO) vet ./...
	@$(STATICCHECK) ./...
	@$(GO) test -count=1 -run '^TestImports' .

bench: postgres build ## speed and stalls against golang-migrate and psql, side by side; how fast a flag changes; never part of the tests
	@$(GO) run ./internal/pgtest/withpg -- $(GO) run ./migrate/enginebench -startup $(BIN)
	@$(GO) run ./internal/pgtest/withpg -- $(GO) run ./internal/featureflag/flagbench

fuzz: ## run every fuzz target for FUZZTIME (default 20s) each
	@$(GO) list ./... | while read -r pkg; do \
		dir=$$($(GO) list -f '{{.Dir}}' $$pkg); \
		for f in $$(cat $$dir/*_test.go 2>/dev/null | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p'); do \
			echo "$$pkg $$f"; $(GO) test $$pkg -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) || exit 1; \
		done; done

docs: build ## write the generated pages: docs/checks.md, docs/exit-codes.md
	@$(BIN) docs docs

build: ## bin/clipperops
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/clipperops

postgres: ## install a PostgreSQL server when none can be found
	@$(GO) run ./internal/sandbox/ensure

clean: ## remove what was built
	rm -rf bin dist

# One word per thing to do; `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
BIN := .venv/bin
# The one that set-up installs where the system has none.
UV = $(firstword $(wildcard .tools/uv/bin/uv) uv)
MINIO_VERSION := v0.0.0-20260212201848-7aac2a2c5b7c

.PHONY: help
help: ## List what can be done
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Python environment, Java, jars; quick when nothing is to do
	@launcher/setup.sh

.PHONY: demo
demo: setup ## A year of real flights through the whole loop, then the report
	@$(BIN)/headrace demo

.PHONY: up
up: setup ## Start all services in the background; on=compose: as containers, from docker-compose.yml
ifeq ($(on),compose)
	@$(BIN)/headrace env
	@docker compose up --detach --wait
else
	@$(BIN)/headrace up
endif

.PHONY: down
down: ## Stop all services and every job, containers too
	@if [ -x $(BIN)/headrace ]; then $(BIN)/headrace down; fi
	@if [ -f .env ] && docker compose version >/dev/null 2>&1; then docker compose --profile '*' down; fi

.PHONY: status
status: ## Show the services; fails when one is not well
	@$(BIN)/headrace status

.PHONY: validate
validate: setup ## Check all declarations
	@$(BIN)/headrace validate

# Two lanes, about as long as each other, that share nothing; each line says whose it is. Further suites
# join them by name: `make test also="upgrade cluster"`, the cluster where PostgreSQL is installed.
also :=

.PHONY: test
test: setup minio ## Run all tests, two lanes side by side: jobs on Spark; the rest, then months through a real scheduler
	@$(MAKE) --no-print-directory --jobs 2 --keep-going spark-lane other-lane

QUICK := not e2e and not cluster and not compose and not faults and not wheel
LANE = 2>&1 | sed --unbuffered 's/^/$(1): /'

.PHONY: spark-lane
spark-lane:
	@$(BIN)/pytest -m "$(QUICK) and spark" tests/jobs $(call LANE,spark)
ifneq ($(filter upgrade,$(also)),)
	@$(BIN)/pytest -m wheel tests/wheel/test_upgrade.py $(call LANE,upgrade)
endif

# The cluster is compared with the embedded default as the months have left it.
.PHONY: other-lane
other-lane:
	@$(BIN)/pytest -m "$(QUICK)" --ignore tests/jobs $(call LANE,other)
	@$(BIN)/pytest -m "$(QUICK) and not spark" tests/jobs $(call LANE,jobs)
ifneq ($(filter cluster,$(also)),)
	@$(BIN)/pytest -m "e2e or (cluster and not faults)" tests/e2e tests/cluster $(call LANE,months)
else
	@$(BIN)/pytest -m e2e tests/e2e $(call LANE,months)
endif

.PHONY: minio
minio: ## Build the S3 server that tests use, unless one is there; needs Go
	@command -v minio >/dev/null || [ -x .tools/bin/minio ] || { command -v go >/dev/null || \
		{ echo "The tests need an S3 server: put minio on PATH, or install Go, which builds it." >&2; exit 1; }; \
		GOBIN=$(CURDIR)/.tools/bin go install github.com/minio/minio@$(MINIO_VERSION); }

.PHONY: test-cluster
test-cluster: setup minio ## The compose file's services as processes here: two months, the same bytes as embedded
	@$(BIN)/pytest -m "cluster and not faults" tests/cluster

.PHONY: test-faults
test-faults: setup minio ## Break what work relies on: drivers, network, clocks, then each part of that cluster
	@$(BIN)/pytest -m faults tests/faults

.PHONY: test-compose
test-compose: setup ## The compose file itself on a Docker engine: two months, the same bytes as embedded
	@$(BIN)/pytest -m compose tests/compose

.PHONY: test-wheel
test-wheel: setup ## Install the built wheel with plain pip, use it there, and see what an upgrade to it changes
	@$(BIN)/pytest -m wheel tests/wheel

.PHONY: test-upgrade
test-upgrade: setup ## Of those, what an upgrade changes: a project of the version before is checked against this one
	@$(BIN)/pytest -m wheel tests/wheel/test_upgrade.py

.PHONY: lint
lint: setup ## Style, formatting and import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

.PHONY: types
types: setup ## Check all types
	@$(BIN)/mypy

.PHONY: docs
docs: setup ## Make the JSON Schemas and the reference pages current with the code
	@$(BIN)/headrace json-schemas
	@$(BIN)/python -m docs.generator

.PHONY: bench
bench: setup ## Measure the loop through Airflow against a bare script
	@$(BIN)/python benchmarks/loop_overhead.py

.PHONY: bench-decisions
bench-decisions: setup ## Decisions on made-up worlds whose truth is known, beside other policies: an hour and more
	@$(UV) sync --quiet --inexact --group bench
	@$(BIN)/python -m benchmarks.decisions --write docs/decisions.md

.PHONY: sbom
sbom: setup ## What Headrace is made of, as CycloneDX: sbom.cdx.json
	@$(BIN)/headrace sbom > sbom.cdx.json

.PHONY: clean
clean: down ## Stop the services and remove the state: lake, models, history
	@rm -rf .headrace

.PHONY: distclean
distclean: clean ## Remove also what setup made in the checkout
	@rm -rf .venv .tools

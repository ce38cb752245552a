# One word per thing to do; `make` alone lists them.
.DEFAULT_GOAL := help
BIN := .venv/bin

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
up: setup ## Start all services in the background
	@$(BIN)/headrace up

.PHONY: down
down: ## Stop all services and every job
	@if [ -x $(BIN)/headrace ]; then $(BIN)/headrace down; fi

.PHONY: status
status: ## Show the services; fails when one is not well
	@$(BIN)/headrace status

.PHONY: validate
validate: setup ## Check all declarations
	@$(BIN)/headrace validate

.PHONY: test
test: setup ## Run all tests: the parts, then months through a real scheduler with kill -9 in one
	@$(BIN)/pytest -m "not e2e"
	@$(BIN)/pytest -m e2e tests/e2e

.PHONY: lint
lint: setup ## Style, formatting and import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

.PHONY: types
types: setup ## Check all types
	@$(BIN)/mypy

.PHONY: bench
bench: setup ## Measure the loop through Airflow against a bare script
	@$(BIN)/python benchmarks/loop_overhead.py

.PHONY: clean
clean: down ## Stop the services and remove the state: lake, models, history
	@rm -rf .headrace

.PHONY: distclean
distclean: clean ## Remove also what setup made in the checkout
	@rm -rf .venv .tools

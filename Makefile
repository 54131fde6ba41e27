# Everything a newcomer needs; `make demo` and `make test` are the two commands of the README.
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3

.PHONY: help setup demo up test test-containers check format lock documents model bench clean

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: $(VENV)/.ready ## a virtual environment with every dependency, pinned and checked by hash

$(VENV)/.ready: requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed; set PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q services shared
	@touch $@

demo: setup ## the whole path, live: 60 requests in, every answer back
	@$(BIN)/aiguillage demo

up: setup ## PostgreSQL, Kafka, the services and the partners' simulators, until Ctrl-C
	@$(BIN)/aiguillage up

test: setup ## every test, on a real PostgreSQL and a real Kafka
	$(BIN)/pytest

test-containers: setup ## the same tests on containers of a Docker daemon
	AIGUILLAGE_TEST_INFRA=containers $(BIN)/pytest

check: setup ## format, lint, types, import rules, known vulnerabilities
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/tools/audit_dependencies.py

format: setup ## let ruff write the format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## pin the dependencies anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --constraint requirements.lock --all-extras --group dev pyproject.toml -o requirements-dev.lock

documents: setup ## write docs/api anew from the code
	$(BIN)/python -m tests.tools.write_documents

model: setup ## train the router's model, measure it once on the test texts, write its card
	$(BIN)/python -m services.router.training --test --card docs/model-card.md

bench: setup ## measure; writes build/bench/results.json
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

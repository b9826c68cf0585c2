# One verb per target. Needs Python 3.11+ and make; everything else is installed into .venv, and a browser for
# the browser tests by apt where that can be done.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKED := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet
SECONDS ?= 60
WORKERS ?= 4
ROUNDS ?= 2000
STAMP := $(VENV)/.ready
EXAMPLES_STAMP := $(VENV)/.examples-ready

.PHONY: help setup run test lint format docs shots bench bench-page bench-exporter bench-scale bench-peers bench-collector collector stripe-mock setups fuzz fuzz-api torture lock browser shells clean

help:
	@echo "make run     start Tracen, run an example agent, print the URLs of its pages"
	@echo "make test    lint, then all tests (WORKERS=4 at a time: most wait for something)"
	@echo "make setup   prepare $(VENV) alone"
	@echo "make lint    ruff, mypy, import-linter"
	@echo "make format  let ruff rewrite the code"
	@echo "make docs    renew the README's tables from the code"
	@echo "make bench   measure: start-up, memory, ingest, conversion"
	@echo "make bench-page  measure pages: server time, and Chromium with 100,000 steps (minutes)"
	@echo "make bench-exporter  what the exporter costs a program, beside OTLP's own (3 minutes)"
	@echo "make shots   pictures of every kind of page, into shots/"
	@echo "make bench-scale  ingest with ten million spans in the store (minutes, gigabytes)"
	@echo "make bench-peers  the same load on Phoenix and MLflow (a gigabyte to install)"
	@echo "make bench-collector  a Collector through an outage, its queue full (minutes, gigabytes)"
	@echo "make setups  run the reference's set-ups with today's releases of their frameworks (minutes, a gigabyte)"
	@echo "make fuzz    fuzz decoding, meaning and page, guided by coverage (SECONDS=60)"
	@echo "make fuzz-api  send what /openapi.json allows and does not, hold every answer against it (SECONDS=60)"
	@echo "make torture kill the server at random moments, look for what was acknowledged (ROUNDS=2000)"
	@echo "make lock    renew the lock files from pyproject.toml"

setup: $(STAMP) $(EXAMPLES_STAMP)

$(STAMP): pyproject.toml requirements.lock .ci/venv.sh
	@sh .ci/venv.sh $(PYTHON) $(VENV) requirements.lock
	@touch $@

# Ten frameworks and what they bring along: only where their examples run.
$(EXAMPLES_STAMP): $(STAMP) requirements-examples.lock
	@sh .ci/venv.sh $(PYTHON) $(VENV) requirements-examples.lock
	@touch $@

run: $(STAMP)
	@$(BIN)/python examples/run.py

test: setup browser shells collector stripe-mock lint
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: setup
	@$(BIN)/python -m tests.reference

browser:
	@sh .ci/browser.sh

shells:
	@sh .ci/shells.sh

collector: setup
	@sh .ci/collector.sh $(BIN)/otelcol

stripe-mock: setup
	@sh .ci/stripe-mock.sh $(BIN)/stripe-mock

bench-scale: setup
	@$(BIN)/python -m tests.bench.scale

bench-peers: setup
	@sh .ci/peers.sh $(PYTHON) .venv-peers
	@$(BIN)/python -m tests.bench.peers .venv-peers/bin

bench-collector: setup collector
	@$(BIN)/python -m tests.bench.outage

bench-page: setup browser
	@$(BIN)/python -m tests.bench.page

bench-exporter: setup
	@$(BIN)/python -m tests.bench.exporter

shots: setup browser
	@$(BIN)/python -m tests.shots

bench: setup
	@$(BIN)/python -m tests.bench

setups: setup
	@$(BIN)/pytest tests/frameworks -q

fuzz: setup
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

fuzz-api: setup
	@$(BIN)/python -m tests.viewer.reference.exercise --seconds $(SECONDS)

torture: setup
	@$(BIN)/python -m tests.torture --rounds $(ROUNDS)

lock: setup
	@$(BIN)/uv pip compile pyproject.toml --extra server --group dev $(LOCKED) --upgrade --output-file requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --extra server --group dev --group examples $(LOCKED) --upgrade \
		--constraint requirements.lock --output-file requirements-examples.lock

clean:
	rm -rf $(VENV) .venv-peers .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

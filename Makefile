.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST_ARGS ?=
BENCH_ARGS ?=
KILLS ?= 5
SEED ?= 1
ONLY ?=
# End-to-end tests mostly wait, so three processes keep two cores busy; a file's tests stay together.
PARALLEL ?= --numprocesses 3 --dist loadfile
KERNELS := $(wildcard monitoring/kernels*.py monitoring/*/kernels*.py)
COMPILED := $(VENV)/.compiled
COMPOSE ?= docker compose

##@ With Docker
.PHONY: build run run-api run-dash up down logs shell clean test pin-images

# Passwords of 48 hexadecimal digits, readable by their owner alone; an existing file is left as it is.
.env:
	@(umask 077; for name in POSTGRES_PASSWORD REDIS_PASSWORD; do \
		printf '%s=%s\n' "$$name" "$$(head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n')"; done > $@)
	@echo "wrote $@ with new passwords for PostgreSQL and Redis"

build run run-api run-dash up down logs shell clean: .env

build: ## build the image
	$(COMPOSE) build

run: ## run the whole stack in one container, in the foreground
	$(COMPOSE) up llm-monitor-full

run-api: ## run the API with one worker, in the foreground
	$(COMPOSE) up llm-monitor-api llm-monitor-worker

run-dash: ## run the dashboard on the same servers, in the foreground
	$(COMPOSE) up llm-monitor-dashboard

up: ## start API, worker and dashboard in the background
	$(COMPOSE) up --detach --wait llm-monitor-api llm-monitor-worker llm-monitor-dashboard

down: ## stop all services; their data is kept
	$(COMPOSE) --profile '*' down

logs: ## follow the logs of all services
	$(COMPOSE) --profile '*' logs --follow

shell: ## open a shell in a new container of the image
	$(COMPOSE) run --rm --entrypoint bash llm-monitor-api

clean: ## stop all services and delete their data and images
	$(COMPOSE) --profile '*' down --volumes --rmi local --remove-orphans

test: ## run the tests in a container
	docker build --target test --tag llm-monitor-test .
	docker run --rm llm-monitor-test

pin-images: ## write the digests of base images and the commits of CI actions behind their tags; needs docker and git
	python3 deploy/pin.py

##@ On this machine, without Docker
.PHONY: setup run-local test-local test-long bench bench-quick chaos abuse check lint format requirements audit clients reference help

setup: $(STAMP) $(COMPILED) ## make .venv with the pinned requirements and compile the kernels, when they changed

$(STAMP): requirements.txt deploy/pip.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)) and "Python 3.11 or 3.12 is needed: make setup PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV) || { echo "make setup: install the package python3-venv first"; exit 1; }
	@echo "installing the pinned requirements into $(VENV), a few minutes the first time"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement deploy/pip.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Once here instead of at the first start, and in every test process at the same time.
$(COMPILED): $(STAMP) $(KERNELS)
	@echo "compiling the text kernels, about a minute"
	@$(BIN)/python -c 'from workers.main import load; load()'
	@touch $@

run-local: setup ## run servers, API, workers and dashboard; Ctrl-C stops them
	@exec $(BIN)/python main.py

test-local: setup ## run every test but the long ones, on servers of their own
	$(BIN)/python -m pytest tests -m "not long" $(PARALLEL) $(PYTEST_ARGS)

test-long: setup ## run the long tests
	@$(BIN)/python -m pytest tests -m long $(PYTEST_ARGS); status=$$?; \
	if [ $$status -eq 5 ]; then echo "No test is marked long yet: nothing to run."; else exit $$status; fi

bench: setup ## measure throughput, latency and memory, a table and benchmark.json
	$(BIN)/python -m benchmarks.bench $(BENCH_ARGS)

bench-quick: setup ## hold the ratios that tests keep: a few minutes
	$(BIN)/python -m pytest tests/performance -m long $(PYTEST_ARGS)

chaos: setup ## kill -9 everything under load and prove that nothing is lost; KILLS=50 SEED=1
	LLM_MONITOR_CHAOS_KILLS=$(KILLS) LLM_MONITOR_CHAOS_SEED=$(SEED) \
		$(BIN)/python -m pytest tests/chaos --quiet --capture no $(PYTEST_ARGS)

abuse: setup ## attack a stack in every known way beside a tenant that must not notice; ONLY=tiny_headers,ids
	LLM_MONITOR_ABUSE_SLACK=1 LLM_MONITOR_ABUSE_ONLY=$(ONLY) $(BIN)/python -m pytest tests/abuse --quiet --capture no $(PYTEST_ARGS)

check: setup ## check format, lint, types and import directions, and run the unit tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/unit --quiet --numprocesses 2 --dist worksteal $(PYTEST_ARGS)

lint: setup ## check lint, types and import directions
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## format the code and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

COMPILE = $(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --no-strip-extras \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header --annotation-style=line

# The image takes the same versions without what only tests need.
requirements: setup ## pin the newest versions that pyproject.toml allows, with the hashes of their files
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-tools
	$(COMPILE) --extra test --output-file requirements.txt pyproject.toml
	cp requirements.txt deploy/requirements.txt
	$(patsubst --upgrade,,$(COMPILE)) --output-file deploy/requirements.txt pyproject.toml
	echo pip | $(COMPILE) --output-file deploy/pip.txt -

audit: setup ## look for known weaknesses and missing hashes; with pip-audit where its data can be had
	$(BIN)/python deploy/audit.py

clients: setup ## run real OpenTelemetry clients against the API and write docs/reference/clients.md
	CLIENTS_PAGE=write $(BIN)/python -m pytest tests/clients -m long $(PYTEST_ARGS)

reference: setup ## write docs/reference/configuration.md from the settings
	$(BIN)/llm-monitor settings > docs/reference/configuration.md

help: ## show this list
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

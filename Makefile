# Everything runs in a virtual environment in this folder, because Debian and Ubuntu manage the
# packages of the system's Python.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= auto
SECONDS ?= 300
MINUTES ?= 10

# Only the locked versions, verified by hash. Without source archives, pip builds nothing and downloads
# no build tools. Without dependencies, it does not look for newer versions of what a lock has: pip
# 23 stops when it finds one of a package that another requires with an extra.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check \
  --only-binary :all: --no-deps --require-hashes --requirement
# By file, so that tests with an expensive fixture, such as one run of all faults, share it.
PYTEST := $(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile

COMPILE := $(BIN)/uv pip compile --quiet --only-binary :all:
LOCK := $(COMPILE) --upgrade --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-annotate --custom-compile-command 'make lock'
PYTHONS := 3.11 3.12 3.13 3.14
GLIBC := x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu

.PHONY: help demo test test-all test-cluster check audit lock fix release-check golden docs dashboards \
  screenshots bench bench-quick fuzz soak clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' | column -t -s '|'

demo: $(VENV)/demo ## start a simulator of the four systems and the exporter polling it
	@$(BIN)/python -m exporter demo

test: $(VENV)/dev ## run the tests that need only Python, in parallel
	@$(PYTEST) tests/unit tests/service

test-all: $(VENV)/dev ## run all tests, with coverage; REQUIRE_TOOLS=1 fails if a program is missing
	@$(PYTEST) --cov $(if $(REQUIRE_TOOLS),--require-tools)

test-cluster: $(VENV)/dev ## apply deploy/ to a real API server, which is built with Go if it is missing
	@CLUSTER=1 .ci/install-tools
	@CLUSTER=1 $(PYTEST) --require-tools tests/external/test_cluster.py

check: $(VENV)/dev ## check style, types, imports and spelling; changes nothing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/yamllint --strict .
	@$(BIN)/codespell

audit: $(VENV)/dev ## look up known vulnerabilities of the locked versions; needs the network
	@$(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
	  --requirement requirements-dev.lock

lock: $(VENV)/dev ## update both locks to the newest versions; needs the network
	@$(LOCK) --output-file requirements.lock pyproject.toml
	@$(LOCK) --constraint requirements.lock --extra dev --output-file requirements-dev.lock pyproject.toml
	@# pip builds nothing, so every platform needs a wheel of each version. google-re2 has none for musl.
	@for python in $(PYTHONS); do \
	  for platform in $(GLIBC); do \
	    $(COMPILE) --python-version $$python --python-platform $$platform \
	      --constraint requirements.lock pyproject.toml >/dev/null || exit; \
	    $(COMPILE) --python-version $$python --python-platform $$platform \
	      --constraint requirements-dev.lock --extra dev pyproject.toml >/dev/null || exit; \
	  done; \
	done

fix: $(VENV)/dev ## format the code, and fix style automatically where possible
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

release-check: $(VENV)/dev ## build the release, install it in an empty environment, and run it; TAG=v1.2.3
	@.ci/release-check $(BIN)/uv "$(TAG)"

golden: $(VENV)/dev ## update the expected output of the tests; review the diff
	@$(BIN)/pytest -q --renew tests/unit/systems/test_golden.py tests/unit/config/test_config_file.py \
	  tests/unit/toolkit/test_web_config.py

docs: $(VENV)/dev ## update the generated parts of docs/ and deploy/; review the diff
	@$(BIN)/pytest -q --renew tests/unit/docs tests/unit/config/test_reference.py \
	  tests/service/test_faults.py
	@$(BIN)/pytest -q --renew tests/unit/deploy/test_rules.py -k 'reference or listing or copy'
	@$(BIN)/pytest -q --renew tests/unit/ci/test_command_line_files.py \
	  tests/unit/deploy/test_kubernetes.py tests/unit/deploy/test_compose.py \
	  -k 'copies or copy or simulator_is'

dashboards: $(VENV)/dev ## generate the dashboards and docs/dashboards.md
	@$(BIN)/python -W ignore -m grafana.source

screenshots: $(VENV)/dev ## update the screenshots in docs/; needs chromium, and npm for dashboards
	@$(BIN)/pytest -q --renew tests/external/test_screenshots.py
	@$(BIN)/python -W ignore -m grafana.preview

bench: $(VENV)/dev ## compare with other programs and BASELINE=DIR; writes bench/README.md
	@$(BIN)/python -m bench $(if $(BASELINE),--baseline $(BASELINE))

bench-quick: $(VENV)/dev ## the same with fewer repetitions, in five minutes; writes no file
	@$(BIN)/python -m bench --quick $(if $(BASELINE),--baseline $(BASELINE))

fuzz: $(VENV)/dev ## send malformed input to every parser, for SECONDS=300 in total
	@$(BIN)/python -m fuzz --seconds $$(( $(SECONDS) / 6 ))

soak: $(VENV)/dev ## poll 1,000 targets that fail in turn for MINUTES=10; checks memory, files and polls
	@$(BIN)/python -m soak --minutes $(MINUTES)

clean: ## remove the virtual environment and the caches of tools
	rm -rf $(VENV) .venv-system .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage dist

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or later is needed: make PYTHON=python3.12 ...' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo 'On Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }

$(VENV)/demo: requirements.lock | $(VENV)/bin/pip
	$(INSTALL) requirements.lock
	@touch $@

$(VENV)/dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/pip
	$(INSTALL) requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --no-index --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/demo

# Everything runs in a virtual environment of this folder, so that a system's own Python, which
# Debian and Ubuntu manage themselves, is left alone.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SECONDS ?= 300
MINUTES ?= 10

PYTHONS := 3.11 3.12 3.13
PLATFORMS := x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu

.PHONY: help demo test check audit lock fix release-check golden docs dashboards screenshots bench \
  bench-quick fuzz soak clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' | column -t -s '|'

demo: $(VENV)/demo ## start a simulator of the four systems and the exporter polling it
	@$(BIN)/status-exporter demo

test: $(VENV)/dev ## run the tests
	@$(BIN)/pytest --cov

check: $(VENV)/dev ## check style, types and imports; changes nothing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/yamllint --strict .
	@$(MAKE) --no-print-directory audit

audit: $(VENV)/dev ## ask whether a dependency has a known vulnerability; needs the network
	@.ci/audit $(BIN)/pip-audit

lock: $(VENV)/dev ## write requirements.lock, what the image is built of, anew; needs the network
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --custom-compile-command 'make lock' \
	  --output-file requirements.lock pyproject.toml
	@# Nothing is compiled when the image is built: there has to be a wheel of each.
	@for python in $(PYTHONS); do for platform in $(PLATFORMS); do \
	  $(BIN)/uv pip compile --quiet --constraint requirements.lock --only-binary :all: \
	    --python-version $$python --python-platform $$platform pyproject.toml >/dev/null || exit; \
	done; done

fix: $(VENV)/dev ## mend what can be mended of style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

release-check: $(VENV)/dev ## build what is released, install it where nothing is, and run it; TAG=v1.2.3
	@.ci/release-check $(BIN)/uv "$(TAG)"

golden: $(VENV)/dev ## write the expected files of the tests anew; review them as a diff
	@$(BIN)/pytest -q --renew tests/unit/systems tests/unit/config/test_config_file.py

docs: $(VENV)/dev ## write anew what documents and deploy/ show of the code
	@$(BIN)/pytest -q --renew tests/unit/docs tests/unit/config/test_schema.py \
	  tests/service/test_faults.py
	@$(BIN)/pytest -q --renew tests/unit/deploy/test_rules.py -k 'reference or listing or copy'
	@$(BIN)/pytest -q --renew tests/service/test_manual.py tests/unit/deploy/test_kubernetes.py \
	  tests/unit/deploy/test_compose.py -k 'manual or copy or simulator_is'

dashboards: $(VENV)/dev ## write the dashboards and the page about them anew
	@$(BIN)/python -W ignore -m grafana.source

screenshots: $(VENV)/dev ## take the screenshots in docs/ anew; needs chromium
	@$(BIN)/pytest -q --renew tests/external/test_browser.py -k screenshots

bench: $(VENV)/dev ## measure against the peers that are installed; writes bench/README.md
	@$(BIN)/python -m bench

bench-quick: $(VENV)/dev ## the same with less of everything, in two minutes; writes nothing
	@$(BIN)/python -m bench --quick

fuzz: $(VENV)/dev ## feed every input with what nobody should send, SECONDS=300 in all
	@$(BIN)/python -m fuzz --seconds $$(( $(SECONDS) / 6 ))

soak: $(VENV)/dev ## let 1,000 targets fail in turn for MINUTES=10 and see that nothing drifts
	@$(BIN)/python -m soak --minutes $(MINUTES)

clean: ## remove the virtual environment and what tools left behind
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage dist

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or later is needed: make PYTHON=python3.12 ...' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo 'On Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }

$(VENV)/demo: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/dev: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/demo

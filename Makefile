# Everything runs in a virtual environment of this folder, so that a system's own Python, which
# Debian and Ubuntu manage themselves, is left alone.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help demo test check fix golden docs dashboards bench bench-quick clean

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

fix: $(VENV)/dev ## mend what can be mended of style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

golden: $(VENV)/dev ## write the expected files of the tests anew; review them as a diff
	@$(BIN)/pytest -q --renew tests/test_systems.py tests/test_config.py

docs: $(VENV)/dev ## write the metrics reference in README and the listing of alerts anew
	@$(BIN)/pytest -q --renew tests/test_docs.py tests/test_rules.py -k 'reference or listing or copy'

dashboards: $(VENV)/dev ## write the dashboards and the page about them anew
	@$(BIN)/python -W ignore -m grafana.source

bench: $(VENV)/dev ## measure against the peers that are installed; writes bench/README.md
	@$(BIN)/python -m bench

bench-quick: $(VENV)/dev ## the same with less of everything, in two minutes; writes nothing
	@$(BIN)/python -m bench --quick

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

# make demo: everything set up, then the whole progression on the embedded model.
# make test: the same set-up with the test extras, then every check, in TEST_PROCESSES processes:
# more than there are cores, since much of it waits for Slurm.
# make figures: the benchmarks that the docs quote, as far as something has changed since they were
# last run, and the figures, tables and constants that are made of them (docs/figures.md).
# make docs: the documentation site, strictly, into build/site (mkdocs.yml).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TEST_PROCESSES ?= 4
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test lint figures docs clean

demo: $(VENV)/.installed
	$(BIN)/workshop demo

test: $(VENV)/.installed-test lint
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder --durations 20

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

figures: $(VENV)/.installed-peers
	$(BIN)/python benchmarks/figures.py

docs: $(VENV)/.installed-docs
	$(BIN)/mkdocs build --strict

# The environment that pip makes is checked for a Python that is new enough before anything else.
$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "workshop needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@ $(VENV)/.installed

$(VENV)/.installed-peers: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --editable '.[peers]'
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build dist

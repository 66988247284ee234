# Two targets do all the set-up they need, on a fresh Debian 12 as root: `make demo`, `make test`.
# `make check` is what you run all day.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help demo up test check unit lint types contracts format bench lab postgresql clean

help:
	@echo "make demo    watch real calls being screened on a real Asterisk (first run: 3 minutes)"
	@echo "make up      leave the whole lab running, and say what to try"
	@echo "make test    all tests"
	@echo "make check   format, lint, types, import contracts, unit tests"
	@echo "make format  put the code into the project's format"
	@echo "make bench   what screening costs, beside what people use today (QUICK=1: a minute or two;"
	@echo "             DOCS=1: writes docs/benchmarks.md)"
	@echo "make clean   remove the virtual environment and the lab's cache"

demo: $(READY) lab
	@PYTHONPATH=docker $(BIN)/python -m demo

up: $(READY) lab
	@PYTHONPATH=docker $(BIN)/python -m demo up

test: $(READY) lab postgresql
	$(BIN)/pytest -n auto --dist loadfile

check: lint types contracts unit

unit: $(READY)
	$(BIN)/pytest -n auto tests/unit

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Builds a second root folder, with MariaDB and its ODBC driver, for the benchmark alone.
bench: $(READY) lab
	$(if $(DOCS),@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]')
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(if $(DOCS),--write-docs)

# A real Asterisk and SIPp in .cache/lab, built once.
lab: $(READY)
	@PYTHONPATH=docker $(BIN)/python -m lab build >/dev/null

# For tests/postgresql: the server's programs alone, nothing is started.
postgresql:
	@tests/postgresql/install.sh

# Debian keeps venv's ensurepip in a package of its own. One whose making was interrupted has no pip.
$(READY): pyproject.toml setup.cfg
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "installing python3-venv"; apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "installing Ringfence and what it needs into .venv (about half a minute, only once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv .cache build dist *.egg-info

# Every target sets up what it needs: a Python of at least 3.11, pip and a C compiler are enough.

PYTHON ?= $(shell for p in python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV   := .venv
BIN    := $(VENV)/bin
EXTRAS := text,pandas,arrow,evaluate,test
# Pins come from the lock as constraints, so no package can bring in another torch.
PIP    := $(BIN)/python -m pip --disable-pip-version-check
READY  := $(VENV)/.ready
PEERS  := $(VENV)/.peers
PYTEST ?=

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs bench replicate lock clean

help:  ## show this
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

demo: $(READY)  ## search your own Python by meaning
	$(BIN)/likewise demo

test: $(READY)  ## all checks; PYTEST="-k name" adds options
	@# The kernels are compiled beside the checks of style, which take one core.
	@$(BIN)/likewise warm & warming=$$!; $(MAKE) --no-print-directory lint && wait $$warming
	@# Status 3 is an error of the runner itself and of no test: then without workers, all again.
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal $(PYTEST) || \
		{ test $$? -eq 3 && $(BIN)/python -m pytest $(PYTEST); }

lint: $(READY)  ## style, types and the table of rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)  ## the tables in docs/, from the code
	$(BIN)/python docs/generate.py

bench: $(PEERS)  ## speed and recall beside the named peers
	$(BIN)/python -m benchmarks

replicate: $(READY)  ## all replications in full; writes REPLICATIONS.md
	$(BIN)/python -m replications --all

# The stamp comes last, so that a set-up cut short is done again; a change of pins renews it.
$(READY): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it: make PYTHON=/path"; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON), once; this takes a few minutes."
	@test -x $(BIN)/python && $(BIN)/python -m pip --version >/dev/null 2>&1 || \
		$(PYTHON) -m venv --clear $(VENV) || \
		{ $(PYTHON) -m venv --clear --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }
	$(PIP) install --quiet --constraint requirements.lock setuptools
	$(PIP) install --quiet --constraint requirements.lock --no-build-isolation --editable '.[$(EXTRAS)]'
	@touch $@

$(PEERS): $(READY)
	$(PIP) install --quiet --constraint requirements.lock --no-build-isolation --editable '.[bench]'
	@touch $@

lock:  ## write requirements.lock anew from a clean environment
	rm -rf .lock-venv
	$(PYTHON) -m venv .lock-venv
	.lock-venv/bin/python -m pip install --quiet 'setuptools>=77'
	.lock-venv/bin/python -m pip install --quiet --no-build-isolation '.[$(EXTRAS)]'
	{ echo "# Written by 'make lock'; used as constraints."; \
	  .lock-venv/bin/python -m pip freeze --all | sed -E '/^(pip|likewise)[ =]/d; s/^(torch==[0-9.]+)\+.*/\1/'; \
	} > requirements.lock
	rm -rf .lock-venv build

clean:  ## remove the environment and all caches
	rm -rf $(VENV) .lock-venv build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

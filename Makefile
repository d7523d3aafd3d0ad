# `make demo` installs compcalc into .venv and runs the main job; `make test` runs the tests in the same environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test slow lint docs install clean

demo: install
	$(BIN)/compcalc run mace:default --task length --preset quick

test: install
	$(BIN)/python -m pytest -n 2

slow: install
	$(BIN)/python -m pytest -m slow

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The theme announces its successor at length where NO_MKDOCS_2_WARNING is not set.
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

install: $(VENV)/.installed

# torch first and pinned: an unconstrained torch brings several GB of CUDA libraries.
$(VENV)/.installed: setup.cfg constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt torch
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info

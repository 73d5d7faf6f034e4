# Two commands do everything: `make demo` and `make test`. Both set up what they need, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo picture test versions slow sb3 adapters lint types wheel check bench speed docs memories clean help

help:
	@echo "make demo    set up, then compare seven memories on three tasks, write a report"
	@echo "make test    set up, then run the tests"
	@echo "make check   everything CI runs: lint, types, tests, slow tests, wheel"
	@echo "make versions  the fast tests with the lowest and the newest dependencies, on Python 3.11 to 3.13; goes on where it stopped"
	@echo "make bench   speed, as ratios measured in one run"
	@echo "make speed   measure all of docs/speed.md anew (an hour on a quiet core)"
	@echo "make picture  copy the demo's figure of accuracy against length into docs/figures"
	@echo "make docs    write docs/tasks.md, memories.md and tables.md from the registries; tests hold them to it"
	@echo "make memories  train what docs/memories.md shows (about 40 minutes), then write it; goes on where it stopped"
	@echo "make adapters  install transformers and x-transformers, then try their modules as memories"
	@echo "make sb3     install Stable-Baselines3, check the environments with it and train its PPO"

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(INSTALLED)
	$(BIN)/recall compare --preset demo

picture: $(INSTALLED)
	$(BIN)/python -c "from PIL import Image; Image.open('runs/demo/figures/length.png').convert('RGB').quantize(128).save('docs/figures/demo.png', optimize=True)"

test: $(INSTALLED)
	$(BIN)/python -m pytest -m "not slow and not wheel and not sb3" -n 2

versions:
	$(PYTHON) tests/versions.py --write docs/checks.md

slow: $(INSTALLED)
	$(BIN)/python -m pytest -m "slow and not sb3" -n 2

sb3: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,sb3]"
	$(BIN)/python -m pytest -m sb3 -n 2

adapters: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,adapters]"
	$(BIN)/python -m pytest tests/test_adapt.py

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

wheel: $(INSTALLED)
	$(BIN)/python -m pytest -m wheel

check: lint types test slow wheel

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks

speed: $(INSTALLED)
	$(BIN)/python -m benchmarks all --write docs/speed.md

docs: $(INSTALLED)
	$(BIN)/python -m recall_tasks.guide
	$(BIN)/python -m runners.memory_guide.page
	$(BIN)/python -m runners.results.tables

memories: $(INSTALLED)
	$(BIN)/recall compare --preset memories
	$(BIN)/recall compare --preset caching
	$(BIN)/recall compare --preset elastic
	$(BIN)/python -m runners.memory_guide

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build dist

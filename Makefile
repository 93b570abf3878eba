# Everything a person runs. Each target makes .venv when it is missing or older than the pins.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BASE := $(VENV)/.installed
EXTRA := $(VENV)/.installed-test
NAME ?=

.DEFAULT_GOAL := help
.PHONY: help book test lab models clean
.DELETE_ON_ERROR:

help: ## say what there is
	@echo "make TARGET, where TARGET is one of:"
	@sed -n 's/^\([a-z]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 12
	@echo "PYTHON=python3.12 chooses the Python (3.11 or newer) that makes $(VENV)."

book: $(BASE) ## install, execute every lecture, build the site; prints the path to open
	@$(BIN)/python book/_ext/build.py

# Two workers with two threads each would wait for each other on two cores: one thread each.
test: $(EXTRA) ## install, then all that CI checks: unit tests, every lecture's verdicts and solutions, the site in a browser
	@$(BIN)/python tests/test_site.py
	@$(BIN)/python book/_ext/build.py --if-stale
	@$(BIN)/python book/_ext/solutions.py _build/nbval
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadscope --nbval-lax --doctest-modules tests nlgnotes _build/nbval

lab: $(BASE) ## JupyterLab on book/
	@$(BIN)/jupyter lab --notebook-dir=book

models: $(BASE) ## make the shipped models and measurements again, or one: make models NAME=newswire-lm
	@$(BIN)/python -m nlgnotes.recipes $(if $(NAME),$(NAME),--all)

clean: ## remove what was built (not .venv, not the shipped checkpoints)
	rm -rf _build .pytest_cache .hypothesis .ipynb_checkpoints book/.ipynb_checkpoints
	find nlgnotes tests book -name __pycache__ -prune -exec rm -rf {} +

# The stamps come last, so that an interrupted installation goes on at the next call.
$(BASE): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "missing: Python 3.11 or newer as '$(PYTHON)'; install it, or say where it is: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "missing: Python's venv; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { rm -rf $(VENV); echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt || \
	  { echo "the pinned packages could not be installed: connect to the network (see pip's message above) and run make again"; exit 1; }
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(EXTRA): $(BASE)
	@$(BIN)/python -m pip install --disable-pip-version-check --no-build-isolation -e '.[test]' || \
	  { echo "the packages of the tests could not be installed: connect to the network (see pip's message above) and run make again"; exit 1; }
	@touch $@

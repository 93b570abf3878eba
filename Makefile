# Everything a person runs. Each target makes .venv when it is missing or older than the pins.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BASE := $(VENV)/.installed
EXTRA := $(VENV)/.installed-test
PEERS := $(VENV)/.installed-peers
SOURCES := nlgnotes tests book
NAME ?=
GROUP ?=
REPEATS ?=
SEEDS ?= 20
SCHEDULER ?=
TORCH_INDEX ?=

# Bytecode is kept: else every kernel, and every process of a test, compiles the package anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help book ledger timings test format notebooks lab student handouts pdf slides site models bench clean
.DELETE_ON_ERROR:

help: ## say what there is
	@echo "make TARGET, where TARGET is one of:"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "PYTHON=python3.12 chooses the Python (3.11 or newer) that makes $(VENV)."
	@echo "TORCH_INDEX=URL takes torch, and nothing else, from that package index."

book: $(BASE) ## install, execute every lecture, build the site; prints the path to open
	@$(BIN)/python book/_ext/build.py

ledger: $(BASE) ## every lecture under SEEDS=20 seeds, into book/ledger (hours; goes on where it stopped); NAME=one lecture, SCHEDULER=a Dask address
	@$(BIN)/python book/_ext/ledger_run.py --seeds $(SEEDS) $(if $(NAME),--name $(NAME)) $(if $(SCHEDULER),--scheduler $(SCHEDULER))

timings: $(BASE) ## seconds of each lecture and of the ten dearest cells, as executed last (all: _build/timings.json)
	@$(BIN)/python book/_ext/build.py --if-stale
	@$(BIN)/python book/_ext/timings.py

# The workers are one more than the cores (tests/conftest.py), so each has one thread.
test: $(EXTRA) ## install, then all that CI checks: form, unit tests, every lecture's verdicts and solutions, the site in a browser
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/python tests/chromium.py
	@$(BIN)/python book/_ext/build.py --if-stale
	@$(BIN)/python book/_ext/solutions.py _build/nbval
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadscope --nbval-lax --doctest-modules tests nlgnotes _build/nbval

format: $(BASE) ## bring the Python files and the lectures' code into the form that `make test` asks for
	@$(BIN)/ruff check --fix --exit-zero --quiet $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)

notebooks: $(BASE) ## each lecture as a plain notebook for JupyterLab, VS Code and Colab: _build/notebooks
	@$(BIN)/python book/_ext/build.py --if-stale
	@$(BIN)/python book/_ext/notebooks.py

lab: notebooks ## JupyterLab on the plain notebooks
	@$(BIN)/python book/_ext/notebooks_lab.py

student: $(BASE) ## the site and the plain notebooks without solutions: _build/student/site, _build/student/notebooks
	@$(BIN)/python book/_ext/build.py --if-stale
	@$(BIN)/python book/_ext/student.py

handouts: $(EXTRA) ## one A4 sheet a lecture, as PDF: _build/handouts
	@$(BIN)/python tests/chromium.py
	@$(BIN)/python book/_ext/build.py --if-stale
	@$(BIN)/python book/_ext/handouts.py

pdf: $(EXTRA) ## the whole book as one PDF, _build/pdf/book.pdf, or one lecture: make pdf NAME=sampling (with Chromium)
	@$(BIN)/python tests/chromium.py
	@$(BIN)/python book/_ext/build.py --if-stale
	@$(BIN)/python book/_ext/pdf.py $(NAME)

slides: $(BASE) ## a reveal.js deck of each lecture, 50 minutes, from its page: open _build/slides/index.html
	@$(BIN)/python book/_ext/build.py --if-stale
	@$(BIN)/python book/_ext/slides.py

site: $(EXTRA) ## one static folder with the pages and all that goes with them, for any host: _build/site
	@$(BIN)/python tests/chromium.py
	@$(BIN)/python book/_ext/publish.py

models: $(BASE) ## make the shipped models and measurements again, or one: make models NAME=newswire-lm
	@$(BIN)/python -m nlgnotes.recipes $(if $(NAME),$(NAME),--all)

bench: $(PEERS) ## time the package beside its peers (idle machine!), for the page Timings; or one group: make bench GROUP=decoding
	@PYTHONPATH=tests:book/_ext $(BIN)/python -m bench $(if $(GROUP),--group $(GROUP)) $(if $(REPEATS),--repeats $(REPEATS))

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
	@test -z "$(TORCH_INDEX)" || $(BIN)/python -m pip install --disable-pip-version-check --no-deps --index-url "$(TORCH_INDEX)" -c requirements.txt torch || \
	  { echo "torch could not be installed from TORCH_INDEX=$(TORCH_INDEX): see pip's message above"; exit 1; }
	@$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt || \
	  { echo "the pinned packages could not be installed: connect to the network (see pip's message above) and run make again"; exit 1; }
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(EXTRA): $(BASE)
	@$(BIN)/python -m pip install --disable-pip-version-check --no-build-isolation -e '.[test]' || \
	  { echo "the packages of the tests could not be installed: connect to the network (see pip's message above) and run make again"; exit 1; }
	@touch $@

$(PEERS): $(BASE)
	@$(BIN)/python -m pip install --disable-pip-version-check --no-build-isolation -e '.[peers]' || \
	  { echo "the peers of the bench could not be installed: connect to the network (see pip's message above) and run make again"; exit 1; }
	@touch $@

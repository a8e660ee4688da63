# `make train` and `make test` do all the set-up themselves. PYTHON= chooses the interpreter (3.10 or newer).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2
export NO_ALBUMENTATIONS_UPDATE := 1

.PHONY: help setup train test test-slow test-gpu test-lowest docs lint evaluate reproduce bench clean

help:
	@echo "make train      set up, then pretrain the autoencoder and train latent_control on sample photographs"
	@echo "make test       set up, then the test suite (about ten minutes on two cores)"
	@echo "make test-slow  the tests that take longer"
	@echo "make test-gpu   the tests that need a CUDA device (under 5 minutes; skipped where there is none)"
	@echo "make test-lowest  the test suite with the lowest versions that setup.cfg allows, in an environment of its own"
	@echo "make evaluate   table and report: on Places2 if PLACES2_DIR is set, else on the sample photographs"
	@echo "make reproduce  DATA=DIR: the rows of the thesis' tables trained again, and a report (days of computing; resumable)"
	@echo "make bench      ratios of speed with their targets, on this machine (under 10 minutes on two cores)"
	@echo "make lint       ruff, mypy and what may import what, the docs"
	@echo "make docs       the docs as a site in build/site; warnings are errors"

setup: $(VENV)/installed

$(VENV)/installed: setup.cfg setup.py pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10) and 'Python 3.10 or newer is needed')"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the packages into $(VENV): minutes, and gigabytes; once"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@

# One thread, beside the one that loads pictures: the first run's network is small, more threads make it slower.
train: setup
	OMP_NUM_THREADS=1 $(BIN)/python bin/train.py +experiment=latent_control $(ARGS)

# One thread per worker: two workers use two cores best.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

test-slow: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m slow $(ARGS)

test-gpu: setup
	$(BIN)/python -m pytest -m gpu -rs $(ARGS)

# The floors in setup.cfg are true: the lowest direct dependencies, in $(VENV)-lowest. A check for now and then.
LOWEST := $(VENV)-lowest

test-lowest: $(LOWEST)/installed
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

$(LOWEST)/installed: setup.cfg setup.py pyproject.toml
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(LOWEST)/bin/python -m uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct \
		--editable ".[dev]"
	touch $@

# PLACES2_DIR=DIR evaluates on Places2's validation pictures; SIZE=512, MASKS=medium_frozen, COUNT= and CHECKPOINT= change it.
SIZE ?= 256
MASKS ?= thick_frozen
COUNT ?= 30000
CHECKPOINT ?= $(lastword $(sort $(wildcard outputs/latent_control/*/model)))
EVALUATION_DATA := $(if $(PLACES2_DIR),data=places2 data.root=$(PLACES2_DIR) data.subset=$(COUNT),data=sample)

evaluate: setup
	@echo "Evaluating on $(if $(PLACES2_DIR),Places2 in $(PLACES2_DIR),the sample photographs (set PLACES2_DIR for Places2)), \
	$(SIZE)x$(SIZE), masks $(MASKS), network: $(or $(CHECKPOINT),none trained yet)"
	$(BIN)/python bin/evaluate.py $(EVALUATION_DATA) data.size=$(SIZE) masks=$(MASKS) \
		$(if $(CHECKPOINT),checkpoint=$(CHECKPOINT)) $(ARGS)

# Finished runs are kept and interrupted ones go on. ROWS=baseline,latent_control trains these alone.
STEPS ?= 6000
AUTOENCODER_STEPS ?= 6000
JOBS ?= 2
OUTPUTS ?= outputs/reproduction
REPORT ?=

reproduce: setup
	@test -n "$(DATA)" || { echo "make reproduce needs DATA=DIR, a folder of pictures"; exit 2; }
	$(BIN)/python bin/reproduce.py "$(DATA)" --steps $(STEPS) --autoencoder-steps $(AUTOENCODER_STEPS) --jobs $(JOBS) \
		--rows "$(ROWS)" --outputs "$(OUTPUTS)" $(if $(REPORT),--report "$(REPORT)") $(ARGS)

bench: setup
	$(BIN)/python bin/bench.py $(ARGS)

lint: setup
	$(BIN)/ruff check latent_inpaint benchmarks reproduction examples bin tests docs/site
	$(BIN)/ruff format --check latent_inpaint benchmarks reproduction examples bin tests docs/site
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(MAKE) --no-print-directory docs

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache

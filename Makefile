# make help lists what there is; each target makes the environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m
SEED ?= 0
TASKS ?= semantic,depth,normal
OPTIONS ?=
DISTIL ?= distillation=matched
COMMON = seed=$(SEED) reuse=true $(OPTIONS)

.DEFAULT_GOAL := help
.PHONY: help install student seeds bench test test-kills test-long check reference format clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

$(VENV)/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

install: $(VENV)/installed ## make the environment in .venv

student: $(VENV)/installed ## procedural data, teachers, baseline, distilled student, comparison (OPTIONS="dataset=streets" TASKS=semantic,depth DISTIL="adaptor=mlp")
	$(RUN) src.train -m stage=teacher task=$(TASKS) $(COMMON)
	$(RUN) src.train stage=student distillation=none $(COMMON)
	$(RUN) src.train -m stage=student $(DISTIL) $(COMMON)
	$(RUN) src.report

seeds: ## `make student` for seeds 0, 1 and 2
	for seed in 0 1 2; do $(MAKE) student SEED=$$seed || exit 1; done

bench: $(VENV)/installed ## how fast training is, and where its time goes (OPTIONS="preset=gpu")
	$(RUN) src.benchmark $(OPTIONS)

test: $(VENV)/installed ## the whole test suite
	OMP_NUM_THREADS=1 $(RUN) pytest -n 2

test-kills: $(VENV)/installed ## runs that are killed eight times each, with loading processes and on two processes
	OMP_NUM_THREADS=1 $(RUN) pytest -m long -rP tests/app/test_kills.py

test-long: $(VENV)/installed ## the tests that `make test` leaves out
	OMP_NUM_THREADS=1 $(RUN) pytest -n 2 -m long --ignore=tests/app/test_kills.py

check: $(VENV)/installed ## format, lint, types and the direction of imports
	$(BIN)/ruff format --check src tests
	$(BIN)/ruff check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

reference: $(VENV)/installed ## docs/configuration.md from the code that checks configurations
	$(RUN) src.app.reference > docs/configuration.md

format: $(VENV)/installed ## let ruff format and mend
	$(BIN)/ruff check --fix src tests
	$(BIN)/ruff format src tests

clean: ## remove environment, data, runs and reports
	rm -rf $(VENV) data runs report benchmark

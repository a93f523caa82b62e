# `make serve` and `make test` need nothing but this checkout and Python 3.11.
.DEFAULT_GOAL := help
PYTHON ?= python3.11
BIN := .venv/bin
HOST ?= 127.0.0.1
PORT ?= 3000
export BENTOML_DO_NOT_TRACK := True

.PHONY: help setup serve test lint check bench soak

help:
	@echo "make serve   train on the embedded names if no model is promoted yet, serve on $(HOST):$(PORT)"
	@echo "make test    run the tests"
	@echo "make check   ruff, mypy and the tests"
	@echo "make bench   benchmarks, printed as tables"
	@echo "make soak    ten minutes of load, trainings, promotions and killed processes"

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[train,dev]'
	@touch $@

serve: setup
	@$(BIN)/namelang models show > /dev/null 2>&1 || $(BIN)/namelang train
	$(BIN)/bentoml serve service.app:Namelang --host $(HOST) --port $(PORT)

test: setup
	$(BIN)/pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test

bench: setup
	$(BIN)/python -m bench

soak: setup
	$(BIN)/python -m bench.soak --minutes 10

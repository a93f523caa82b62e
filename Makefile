# `make serve` and `make test` need nothing but this checkout and Python 3.11; `make up` wants Docker.
.DEFAULT_GOAL := help
PYTHON ?= python3.11
BIN := .venv/bin
HOST ?= 127.0.0.1
PORT ?= 3000
export BENTOML_DO_NOT_TRACK := True

.PHONY: help setup model serve test lint check bench soak bento up down

help:
	@echo "make serve   train on the embedded names if no model is promoted yet, serve on $(HOST):$(PORT)"
	@echo "make test    run the tests"
	@echo "make check   ruff, mypy and the tests"
	@echo "make bench   benchmarks, printed as tables"
	@echo "make soak    ten minutes of load, trainings, promotions and killed processes"
	@echo "make up      the whole in containers: API, training, Prefect, Prometheus, Grafana"
	@echo "make down    stop it; models and figures stay"

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[train,dev]'
	@touch $@

model: setup
	@$(BIN)/namelang models show > /dev/null 2>&1 || $(BIN)/namelang train

serve: model
	$(BIN)/bentoml serve service.app:Namelang --host $(HOST) --port $(PORT)

# A file at a time for each core; more than four would want more memory than many machines have. In order,
# for those with few tests, which would be last, take longest.
test: setup
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test

bench: setup
	$(BIN)/python -m bench

soak: setup
	$(BIN)/python -m bench.soak --minutes 10

# Where containers/api.Dockerfile takes it from.
bento: model
	mkdir -p build
	rm -f build/namelang.tar.gz
	$(BIN)/bentoml build
	$(BIN)/bentoml export namelang:latest $(CURDIR)/build/namelang.tar.gz

# The passwords are made up here, once; the file is for its owner alone.
.env: | .env.example
	@umask 077; $(PYTHON) -c 'import pathlib, re, secrets; print(end=re.sub(r"(?m)PASSWORD=$$", \
	    lambda found: found[0] + secrets.token_hex(16), pathlib.Path(".env.example").read_text()))' > $@
	@echo ".env is made, with passwords of its own"

up: bento .env
	docker compose up --build --detach --wait

down:
	docker compose down

# `make demo` and `make test` are all that a newcomer needs; `make help` lists the rest.
PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)
# Some containers set it, and then every start of every stage compiles torch and dvc anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all lint types tests format deps lock sample

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/.installed  ## make .venv with the pinned dependencies

# An environment's programs name its own path: one whose folder was moved or copied is made anew.
MADE_AT := $(shell cat .venv/.installed 2>/dev/null)
ifneq ($(MADE_AT),)
ifneq ($(MADE_AT),$(CURDIR))
.PHONY: .venv/.installed
CLEAR := --clear
endif
endif

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(0 if sys.version_info >= (3, 11) else \
	  f"make: Python 3.11 or newer is needed, $(PYTHON) is {v}; try: make PYTHON=python3.12 demo")'
	$(PYTHON) -m venv $(CLEAR) .venv
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check "uv>=0.9"
	"$(BIN)/uv" pip install --quiet --python .venv -r requirements.lock
	"$(BIN)/uv" pip install --quiet --python .venv --no-deps -e .
	@printf '%s\n' "$(CURDIR)" > $@

demo: install  ## run the whole pipeline on the speaker: data/speaker/render.mp4
	@dvc repro
	@lipsync summary

test: lint types tests  ## lint, types and tests, but the slow ones

test-all: lint types  ## the slow ones too: base, several processes, Ray, half an hour of sound
	pytest --durations=8 -n 2 --dist loadfile

lint: install  ## ruff, format included
	ruff check .
	ruff format --check .

types: install  ## mypy on src/
	mypy

tests: install  ## pytest, two tests at a time, but the slow ones
	pytest --durations=8 -n 2 --dist loadfile -m "not slow"

format: install  ## let ruff mend what it can
	ruff check --fix .
	ruff format .

deps: install  ## write into dvc.yaml what code each stage imports
	python -m lipsync.stage_deps

lock: install  ## pin the newest dependencies that pyproject.toml allows
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-header \
	  --no-emit-index-url --upgrade --quiet -o requirements.lock

sample: install  ## make data/videos/sample.mp4 and data/speech/sample.wav again
	python -m lipsync.sample

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# $(call protoc,FOLDER): stubs and type stubs of every proto, written under FOLDER
protoc = PATH=$(CURDIR)/$(BIN):$$PATH $(BIN)/python -m grpc_tools.protoc -Iproto \
	--python_out=$(1) --grpc_python_out=$(1) --mypy_out=quiet:$(1) --mypy_grpc_out=quiet:$(1) proto/keyhole/v1/*.proto

.DEFAULT_GOAL := help
.PHONY: help setup demo live test test-slow test-gpu test-deploy lint proto perf browser clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(READY) ## make .venv and install everything, once

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Keyhole needs Python 3.11 or newer; name one: make PYTHON=python3.12 …"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@echo "installing Keyhole and its libraries into $(VENV); the first time takes some minutes"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(READY) ## run all processes before drawn cameras and attack them: under 3 minutes
	$(BIN)/keyhole demo

live: $(READY) ## the same until interrupted, with the live page
	$(BIN)/keyhole live

test: $(READY) browser ## lint and the fast tests
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test-slow: $(READY) browser ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

test-gpu: $(READY) ## what computes on a GPU, against the CPU; skipped where torch finds no GPU
	$(BIN)/python -m pytest -m gpu -rs tests/gpu

test-deploy: $(READY) ## build the image, bring the stack up, check it, tear it down
	$(BIN)/python -m pytest -m deploy tests/deploy

lint: $(READY) ## ruff, mypy, import-linter, and whether the stubs are current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@stubs=$$(mktemp -d) && $(call protoc,$$stubs) && diff -r -x __init__.py -x __pycache__ $$stubs/keyhole/v1 keyhole/v1 \
		|| { echo "keyhole/v1 is not what proto/ gives: run make proto"; exit 1; }

proto: $(READY) ## generate keyhole/v1 from proto/
	$(call protoc,.)

perf: $(READY) ## measure the code's own speed, as ratios: docs/performance.md; AGAINST=CHECKOUT beside another build
	$(BIN)/python -m benchmarks.report $(if $(AGAINST),--against $(AGAINST))

browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
		|| { echo "installing chromium for the page tests"; \
		$$(test $$(id -u) = 0 || echo sudo) sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium'; }

clean: ## remove .venv, caches and runs
	rm -rf $(VENV) runs .mypy_cache .ruff_cache .pytest_cache

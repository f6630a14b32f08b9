# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
# The words a contributor needs; `make help` lists them.

PYTHON ?= python3.11
BIN := .venv/bin
# Only folders that hold tests: pytest's exit 5 for "no test" then always means a mistake.
GRAPH_TESTS = $(foreach d,test/integration test/ros test/replay,\
	$(if $(shell find $(d) -name 'test_*.py' -print -quit 2>/dev/null),$(d)))

define check_python
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	echo "set-up: Python 3.11 missing; apt-get install python3.11 python3.11-venv python3.11-dev" >&2; \
	exit 2; }
endef

.DEFAULT_GOAL := help
.PHONY: help setup machine pins demo test test-unit test-ros lint format types layers check build clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

setup: ## .venv with ROS 2, the messages and this repository; nothing to do costs nothing
	$(check_python)
	@$(PYTHON) tools/setup_machine.py

machine: ## only checks that the machine has what `make setup` cannot bring
	$(check_python)
	@$(PYTHON) tools/setup_machine.py --check

demo: setup ## the main job: cloud, robot and simulation, a table, a bag, a report
	$(BIN)/roboecc demo

test: test-unit test-ros ## all tests

test-unit: setup ## tests without ROS, under 20 s
	$(BIN)/pytest test/unit

test-ros: setup ## tests with processes, topics and bags
	$(if $(strip $(GRAPH_TESTS)),$(BIN)/pytest $(GRAPH_TESTS),@echo "test-ros: no tests yet")

lint: setup ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup ## ruff: put right what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup ## mypy, strict
	$(BIN)/mypy

layers: setup ## import-linter: who may import whom
	$(BIN)/lint-imports --no-logo

check: lint types layers test ## everything that CI runs

build: setup ## both packages, as a colcon workspace
	. .venv/setup.sh && colcon build

pins: setup ## rewrite requirements/pip-machine.txt from pip-machine.in
	$(PYTHON) tools/pin_requirements.py

clean: ## what builds, runs and tools leave behind; .venv stays
	rm -rf build install log runs .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +

# Two words set everything up: `make demo` and `make test`. Each makes .venv first if it is not there.
PYTHON ?= python3
BIN := .venv/bin
SHARED_OPTIONS := --constraint constraints.txt

.PHONY: demo test lint bench docs clean

demo: .venv/.installed
	$(BIN)/gatewise train --source sp500 --config examples/sp500.yaml

test: .venv/.dev
	$(BIN)/pytest --numprocesses 2

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/.dev
	$(BIN)/python benchmarks/bench_features.py
	$(BIN)/python benchmarks/bench_coverage.py
	$(BIN)/python benchmarks/bench_memory.py
	$(BIN)/python benchmarks/bench_size.py
	$(BIN)/python benchmarks/bench_training.py
	$(BIN)/python benchmarks/bench_busy.py
	$(BIN)/python benchmarks/bench_cv.py

docs: .venv/.dev
	$(BIN)/python -m gatewise.features.reference docs/features.md

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $(SHARED_OPTIONS) --editable .
	touch $@

.venv/.dev: .venv/.installed
	$(BIN)/python -m pip install --quiet $(SHARED_OPTIONS) --editable '.[dev]'
	touch $@

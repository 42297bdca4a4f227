# Two words set everything up: `make demo` and `make test`. Each makes .venv first if it is not there.
PYTHON ?= python3
BIN := .venv/bin
SHARED_OPTIONS := --constraint constraints.txt

.PHONY: demo test test-variants test-wheel dist soak lint bench docs clean

demo: .venv/.installed
	$(BIN)/gatewise train --source sp500 --config examples/sp500.yaml

test: .venv/.dev
	$(BIN)/pytest --numprocesses 2

# What trains, on an older processor's instructions with two threads a process, and on the oldest ones with one.
test-variants: .venv/.dev
	ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 OMP_NUM_THREADS=2 $(BIN)/pytest --numprocesses 2 -m "trains and not soak"
	ONEDNN_MAX_CPU_ISA=SSE41 ATEN_CPU_CAPABILITY=default OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 -m "trains and not soak"

# What is handed on: a source archive, and a wheel that is built from it.
dist: .venv/.dev
	rm -rf dist
	$(BIN)/python -m build --outdir dist

# The wheel in an empty environment, without extras and with all; minutes, most of them pip's.
test-wheel: dist
	$(BIN)/python .ci/check_wheel.py dist/*.whl

# Longer proofs of laws that `make test` holds in short.
soak: .venv/.dev
	$(BIN)/pytest -m soak

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy src --platform win32 --cache-dir .mypy_cache/win32

bench: .venv/.dev
	$(BIN)/python benchmarks/bench_start.py
	$(BIN)/python benchmarks/bench_data.py
	$(BIN)/python benchmarks/bench_features.py
	$(BIN)/python benchmarks/bench_coverage.py
	$(BIN)/python benchmarks/bench_memory.py
	$(BIN)/python benchmarks/bench_size.py
	$(BIN)/python benchmarks/bench_training.py
	$(BIN)/python benchmarks/bench_zoo.py
	$(BIN)/python benchmarks/bench_busy.py
	$(BIN)/python benchmarks/bench_cv.py
	$(BIN)/python benchmarks/bench_judging.py
	$(BIN)/python benchmarks/bench_predict.py

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

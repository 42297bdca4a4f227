"""Small cross-validations for the tests: tables whose truth is known, plans that train in a blink."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from audit_tables import random_walk
from gatewise.config.load import load_config
from gatewise.data.table import Table
from gatewise.jobs.jobs import Job, JobFailure, JobResult
from gatewise.jobs.places import Compute, InProcess
from gatewise.selection.cv.cv import cross_validate, start_cv
from gatewise.selection.cv.outcome import CvOutcome
from gatewise.selection.cv.plan import Plan

SMALL = {
    "features.sets": ["ohlcv"],
    "target.kind": "direction",
    "target.horizon": 3,
    "windows.sequence_length": 4,
    "split.embargo_rows": 2,
    "cv.n_splits": 3,
    "model.hidden_size": 3,
    "model.num_layers": 1,
    "training.batch_size": 64,
    "training.max_epochs": 2,
    "training.warmup_epochs": 0,
    "training.device": "cpu",
}


class Ear:
    """Hears a cross-validation and remembers."""

    def __init__(self) -> None:
        self.planned: list[Job] = []
        self.started: list[Job] = []
        self.ended: list[tuple[Job, JobResult | JobFailure]] = []
        self.resumed = 0

    def on_plan(self, jobs: Sequence[Job], resumed: int) -> None:
        self.planned, self.resumed = list(jobs), resumed

    def on_start(self, job: Job) -> None:
        self.started.append(job)

    def on_epoch(self, job: Job, epoch: int) -> None:
        pass

    def on_stretch(self, job: Job, done: int, num_stretches: int) -> None:
        pass

    def on_end(self, job: Job, answer: JobResult | JobFailure) -> None:
        self.ended.append((job, answer))


def plan_of(
    models: Sequence[str] = ("lstm",),
    horizons: Sequence[int] = (3,),
    num_seeds: int = 1,
    per_symbol: bool = False,
    by_model: dict[str, dict[str, Any]] | None = None,
    **overrides: Any,
) -> Plan:
    """A plan over SMALL; dotted fields as keywords with __ for the dot, `by_model` for one model's own."""
    said = SMALL | {name.replace("__", "."): value for name, value in overrides.items()}
    own = by_model or {}
    configs = {
        name: load_config(overrides=said | own.get(name, {}) | {"model.name": name}, compared=models) for name in models
    }
    return Plan(configs, tuple(horizons), num_seeds, per_symbol)


def run_cv(
    plan: Plan, table: Table, compute: Compute | None = None, ear: Ear | None = None, folder: Path | None = None
) -> CvOutcome:
    """A cross-validation in this process, in GATEWISE_HOME."""
    return cross_validate(plan, folder or start_cv(plan), compute or InProcess(), ear or Ear(), table=table)


def walk(num_rows: int = 600, symbols: str = "A", seed: int = 0) -> Table:
    """A random walk."""
    return random_walk(num_rows, seed, symbols)


def first_only_up(num_rows: int = 600) -> Table:
    """Prices that only rise in the first 30 % of the rows, then walk: a model trained on the beginning sees no fall."""
    return _first_rising(num_rows, 0.3, 0.3)


def first_unstoppable(num_rows: int = 600) -> Table:
    """Of three folds the first trains on rising prices alone and has falling ones alone to stop by: it must fail."""
    return _first_rising(num_rows, 0.2, 0.255)


def _first_rising(num_rows: int, rising: float, falling: float) -> Table:
    """A walk whose prices rise up to a share of the rows, and fall from there to another."""
    table, row = walk(num_rows), np.arange(num_rows)
    planted = 50.0 + 0.01 * np.minimum(row, 2 * rising * num_rows - row)
    close = np.where(row < max(rising, falling) * num_rows, planted, table.frame["close"].to_numpy())
    prices = {name: pl.Series(close) for name in ("open", "high", "low", "close")}
    return table.with_frame(table.frame.with_columns(**prices))


def same_table(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    """Whether two frames of folds are equal to the last bit, but for the seconds that they took."""
    return one.drop("seconds").equals(other.drop("seconds"))

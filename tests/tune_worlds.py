"""What the tests of tuning share: a small experiment, and training that only pretends to."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from gatewise.config.load import load_config
from gatewise.config.schema import ExperimentConfig
from gatewise.data.load import load_table
from gatewise.data.table import Table
from gatewise.jobs.jobs import Job, JobResult
from gatewise.selection.tuning.data import TuneData, tune_data
from gatewise.selection.tuning.space import SearchSpace
from gatewise.selection.tuning.space_file import parse_space

SPACE = {"hidden_size": [2, 3, 4], "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}, "dropout": [0.0, 0.2]}


def small_config(**more: Any) -> ExperimentConfig:
    """Daily bars that come along, one LSTM layer of four units, one epoch."""
    said = {
        "data.source": "sp500", "features.sets": ["ohlcv"], "target.kind": "direction", "target.horizon": 3,
        "windows.sequence_length": 6, "windows.stride": 4, "model.hidden_size": 4, "model.num_layers": 1,
        "training.batch_size": 32, "training.max_epochs": 2, "training.warmup_epochs": 0, "cv.n_splits": 3,
        "data.start": "2009-01-01T00:00:00Z",
    }  # fmt: skip
    return load_config(overrides=said | {name.replace("__", "."): value for name, value in more.items()})


@cache
def small_table() -> Table:
    return load_table(small_config().data)


def small_space(config: ExperimentConfig, said: Any = None) -> SearchSpace:
    return parse_space(SPACE if said is None else said, config)


@cache
def small_data() -> TuneData:
    config = small_config()
    return tune_data(config, small_space(config), small_table())


def pretended(score: Callable[[ExperimentConfig, int], float]) -> Callable[..., JobResult]:
    """A `run_job` that trains nothing: a fold's score is what `score(config, fold)` says."""

    def run_job(job: Job, shared: Any, listener: Any, checkpoint: Any = None) -> JobResult:
        listener.on_step(1, 1, 1)
        listener.on_epoch(1, {})
        value = score(job.config, job.fold)
        nothing = np.empty(0, np.int64)
        said = np.empty((0, 2), np.float32)
        return JobResult(job.key, {"log_loss": value}, {}, 1, 1, 0, 1, 1, nothing, said, 0.0)

    return run_job


def bowl(config: ExperimentConfig, fold: int) -> float:
    """Smooth, lowest at a learning rate of 1e-3 and two units; folds differ in level."""
    rate = np.log10(config.training.learning_rate) + 3
    return float(0.7 + 0.1 * rate**2 + 0.01 * config.model.hidden_size + 0.02 * fold)

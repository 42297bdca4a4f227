"""What the volatility study stands for where nothing is said: of daily bars, of bars within the day, of a measure.

A layer below everything that a person says, presets too.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np

from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import OHLCV, Table
from gatewise.targets.make import make_labels

KIND = "realized_volatility"
HELD_OUT = 4  # a quarter of the labelled moments, the newest

# Nothing of the rows is known yet; one fold, as forecasts are judged on one newest part.
BEFORE_ROWS = {"target.kind": KIND, "features.history": True, "cv.n_splits": 1, "cv.test_size": 1}
# What a training part's labels and inputs share with the test part is purged. No further embargo: a forecaster of the
# next day has yesterday's measure.
_ALWAYS = {**BEFORE_ROWS, "split.embargo_rows": 0}
_DAILY = {"target.horizon": 1, "windows.sequence_length": 22, "training.batch_size": 64}
_WITHIN_THE_DAY = {"target.horizon": 20, "windows.sequence_length": 60, "windows.stride": 5}


def study_settings(table: Table, first: ExperimentConfig) -> dict[str, Any]:
    """Settings by their dotted names.

    Args:
        first: what is said, over `BEFORE_ROWS`.
    """
    measure = getattr(first.target, "measure", "returns")
    daily = table.timeframe >= timedelta(days=1)
    prices = all(name in table.columns for name in ("open", "high", "low", "close"))
    values: dict[str, Any] = {**_ALWAYS, **(_WITHIN_THE_DAY if not daily and measure == "returns" else _DAILY)}
    if daily and prices:
        values["target.measure"] = "range"
    sets = ["market39" if daily else "volatility"]  # of days the longest of the latter reads a year
    values["features.sets"] = sets if all(name in table.columns for name in OHLCV) else []
    return values


def quarter(table: Table, config: ExperimentConfig) -> int:
    """Rows of each test block so that all blocks together are the newest quarter of what is labelled.

    Raises:
        GatewiseError: see `make_labels`.
    """
    moments = np.unique(table.time_us[make_labels(table, config.target).valid]).size
    return max(1, moments // HELD_OUT // config.cv.num_folds)

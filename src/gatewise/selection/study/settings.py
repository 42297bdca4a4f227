"""What the volatility study stands for where nothing is said: a preset for daily bars, one for bars within the day.

A layer below everything that a person says, other presets too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np

from gatewise.config.fields import flatten
from gatewise.config.preset_layer import preset_values
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
# How often models learn from labels that have settled, and from how many of the newest rows networks do.
_UPDATED_DAILY = {"online.every": "week", "online.recent": 250}
_UPDATED_WITHIN_THE_DAY = {"online.every": "day", "online.recent": 20_000}


def study_settings(table: Table, first: ExperimentConfig) -> dict[str, Any]:
    """Settings by their dotted names.

    Args:
        first: what is said, over `BEFORE_ROWS`.
    """
    measure = getattr(first.target, "measure", "returns")
    daily = table.timeframe >= timedelta(days=1)
    prices = all(name in table.columns for name in ("open", "high", "low", "close"))
    values = _preset("volatility_daily" if daily or measure != "returns" else "volatility_minutes") | _ALWAYS
    values |= _UPDATED_DAILY if daily else _UPDATED_WITHIN_THE_DAY
    if not (daily and prices):
        values.pop("target.measure", None)
    if not all(name in table.columns for name in OHLCV):
        values["features.sets"] = []
    return values


def _preset(name: str) -> dict[str, Any]:
    values = dict(flatten(preset_values(name)))
    del values["name"]
    return values


def without_updates(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same with models that stay as they were trained."""
    return {name: value for name, value in settings.items() if not name.startswith("online.")}


def quarter(table: Table, config: ExperimentConfig) -> int:
    """Rows of each test block so that all blocks together are the newest quarter of what is labelled.

    Raises:
        GatewiseError: see `make_labels`.
    """
    moments = np.unique(table.time_us[make_labels(table, config.target).valid]).size
    return max(1, moments // HELD_OUT // config.cv.num_folds)

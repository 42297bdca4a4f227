"""Predictions beside what came true."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.table import SYMBOL, TIME
from gatewise.targets.base import Labels


def with_targets(predictions: pl.DataFrame, part: str, labels: Labels, rows: npt.NDArray[np.int64]) -> pl.DataFrame:
    """The frame of `Bundle.predict` for `rows`, with the part's name and the known targets.

    Returns:
        symbol, time, part, the predictions, then target (class name) or one target_<output> column an output; null
        where the label is not known.
    """
    targets = labels.spec.target_columns(labels.at(rows), labels.valid[rows])
    return predictions.select(SYMBOL, TIME, pl.lit(part).alias("part"), pl.exclude(SYMBOL, TIME)).with_columns(targets)

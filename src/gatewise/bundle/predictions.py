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
    known = labels.valid[rows]
    if labels.is_classes:
        names = [labels.classes[number] if told else None for number, told in zip(labels.y[rows], known, strict=True)]
        targets = [pl.Series("target", names, dtype=pl.String)]
    else:
        values = [labels.y[rows, i] for i in range(len(labels.outputs))]
        targets = [
            pl.Series(f"target_{name}", np.where(known, column, np.nan)).fill_nan(None)
            for name, column in zip(labels.outputs, values, strict=True)
        ]
    return predictions.select(SYMBOL, TIME, pl.lit(part).alias("part"), pl.exclude(SYMBOL, TIME)).with_columns(targets)

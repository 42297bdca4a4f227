"""What a feature is, and what a built set of features looks like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Values = npt.NDArray[np.float32] | npt.NDArray[np.float64]


@dataclass(frozen=True)
class Feature:
    """One causal number a row: a function of exactly the last `lookback` rows of its own symbol.

    Attributes:
        name: the column's name in the matrix.
        lookback: rows that the value depends on, itself among them; 1 for a value of the row alone.
        expression: Polars expression over the columns of a Table and the shared steps of `features.steps`, written as
            if the table were one gap-free symbol.
        requires: the table columns that the expression reads.
        formula, unit, source: for the reference page.
        at_level: whether the value stands at its column's own level, which may be large beside its steps.
        of_positive: whether prices must be positive for it, as it takes logs or fractions of them.
    """

    name: str
    lookback: int
    expression: pl.Expr
    requires: tuple[str, ...]
    formula: str
    unit: str
    source: str
    at_level: bool = False
    of_positive: bool = False


@dataclass(frozen=True)
class FeatureMatrix:
    """Features of every row of a Table, unscaled.

    Attributes:
        values: [rows, features], of `matrix_dtype`; rows that are not valid hold 0 and must not be read.
        valid: bool [rows]; true where the whole lookback of every feature lies in the row's segment and is present.
        names: the columns, in order.
        lookback: the longest lookback among the features, in rows.
    """

    values: Values
    valid: npt.NDArray[np.bool_]
    names: tuple[str, ...]
    lookback: int


def matrix_dtype(features: Sequence[Feature]) -> np.dtype[Any]:
    """float64 where a feature stands at a level, else float32: a matter of the config alone, never of the numbers.

    At 1e9 float32 moves in steps of 64. What is at a level keeps its digits until a scaler has taken the level off; an
    engineered feature is a ratio, of which float32 holds enough, and is rounded to it whatever stands beside it.
    """
    return np.dtype(np.float64 if any(feature.at_level for feature in features) else np.float32)

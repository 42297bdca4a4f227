"""What a feature is, and what a built set of features looks like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl


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
    """

    name: str
    lookback: int
    expression: pl.Expr
    requires: tuple[str, ...]
    formula: str
    unit: str
    source: str


@dataclass(frozen=True)
class FeatureMatrix:
    """Features of every row of a Table, unscaled.

    Attributes:
        values: float32 [rows, features]; rows that are not valid hold 0 and must not be read.
        valid: bool [rows]; true where the whole lookback of every feature lies in the row's segment and is present.
        names: the columns, in order.
        lookback: the longest lookback among the features, in rows.
    """

    values: npt.NDArray[np.float32]
    valid: npt.NDArray[np.bool_]
    names: tuple[str, ...]
    lookback: int

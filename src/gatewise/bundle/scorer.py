"""What a consumer of predictions depends on, whatever makes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.table import Table


class Scorer(Protocol):
    """Scores rows of tables. A `Bundle` is one.

    A row's prediction depends on the `rows_needed` rows of its symbol that end with it and on nothing else, so a live
    buffer of that many gives the numbers that the whole history gives.
    """

    @property
    def rows_needed(self) -> int:
        """The gap-free rows that one prediction takes."""

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The table's columns that are read, beside symbol and time; others are ignored."""

    @property
    def predicted_columns(self) -> tuple[str, ...]:
        """The columns that `predict` gives, in order: symbol, time, then those of the predictions."""

    def predict(
        self,
        table: Table,
        rows: npt.NDArray[np.int64] | Sequence[int] | None = None,
        device: str = "auto",
        warn: Callable[[str], None] | None = None,
    ) -> pl.DataFrame:
        """Scores rows of a table; a prediction is knowable at its row's time.

        Args:
            rows: row numbers to score, none to many; `None`: every row that has enough gap-free rows.
            device: auto, cpu, cuda or cuda:N.
            warn: is called with a sentence on inputs that lie far from those of training; `None`: it is logged.

        Raises:
            SchemaError: another timeframe, calendar or kind of prices, a symbol that had to be trained on, or a column
                that is read is missing.
            NotEnoughRowsError: no row, or one of `rows`, has enough gap-free rows.
            ConfigError: `rows` are no row numbers.
        """

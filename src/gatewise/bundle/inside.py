"""What a bundle's network makes of windows on the way to its predictions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.table import SYMBOL, TIME, Table
from gatewise.errors import ConfigError
from gatewise.features.base import FeatureMatrix
from gatewise.isolation import plain_numbers
from gatewise.learners.attention import Attention, read_attention, step_weights
from gatewise.learners.base import Inputs, Predictor
from gatewise.parts import own_code
from gatewise.rows import newest_of
from gatewise.training.device import choose_device

_WINDOWS_AT_ONCE = 2048


class Inside(ABC):
    """That part of a bundle; it is asked as `predict` is, and says no more of a row than its window holds."""

    @property
    @abstractmethod
    def predictor(self) -> Predictor:
        """The model itself."""

    @abstractmethod
    def features(self, table: Table) -> FeatureMatrix:
        """The table's feature matrix."""

    @abstractmethod
    def scorable_rows(self, table: Table, matrix: FeatureMatrix) -> npt.NDArray[np.int64]:
        """Rows that can be predicted, ascending, at least one."""

    @abstractmethod
    def inputs(self, table: Table, matrix: FeatureMatrix, rows: npt.NDArray[np.int64], device: str) -> Inputs:
        """What the predictor reads of rows of a table."""

    @plain_numbers()
    def hidden_states(self, table: Table, device: str = "auto") -> pl.DataFrame:
        """What a network has made of each row's window: the state that its prediction is read from.

        Returns:
            symbol, time, then state_0, … (Float32), the top layer's at the window's last step; a row for each row of
            the table with a full, gap-free window, knowable at its time.

        Raises:
            ConfigError: a model that has none.
            SchemaError, NotEnoughRowsError: see `predict`.
        """
        return self._of_windows(table, device, "state_", lambda inputs: self.predictor.hidden_states(inputs)[:, -1])

    @plain_numbers()
    def step_weights(self, table: Table, device: str = "auto") -> pl.DataFrame:
        """How much each step of a row's window counted for its prediction; as `hidden_states`.

        Returns:
            symbol, time, then attention_0, … (Float32): of the row itself, of the row before it, …; they sum to 1.
        """
        return self._of_windows(
            table, device, "attention_", lambda inputs: step_weights(self.predictor, inputs)[:, ::-1]
        )

    @plain_numbers()
    def attention(self, table: Table, newest: int = 100, device: str = "auto") -> Attention:
        """How much steps read of each other, of the `newest` rows with a full, gap-free window.

        Raises:
            ConfigError: a model without attention, or `newest` below 1.
            SchemaError, NotEnoughRowsError: see `predict`.
        """
        choose_device(device)
        if not isinstance(newest, int | np.integer) or newest < 1:
            raise ConfigError(
                f"newest must be a number of rows, 1 or more; got {newest!r}", "leave it out for the newest 100 rows"
            )
        matrix = self.features(table)
        rows = newest_of(self.scorable_rows(table, matrix), table.time_us, newest)
        with own_code():
            return read_attention(self.predictor, self.inputs(table, matrix, rows, device), table)

    def _of_windows(
        self, table: Table, device: str, prefix: str, read: Callable[[Inputs], npt.NDArray[np.float32]]
    ) -> pl.DataFrame:
        """What `read` gives of each row with a full window, [n, columns], beside the row's symbol and time."""
        choose_device(device)
        matrix = self.features(table)
        rows = self.scorable_rows(table, matrix)
        numbers = []
        # All their steps are a window's length times as large.
        for some in np.split(rows, range(_WINDOWS_AT_ONCE, len(rows), _WINDOWS_AT_ONCE)):
            with own_code():
                numbers.append(read(self.inputs(table, matrix, some, device)))
        columns = [pl.Series(f"{prefix}{n}", column) for n, column in enumerate(np.concatenate(numbers).T)]
        return table.frame[rows].select(SYMBOL, TIME).with_columns(columns)

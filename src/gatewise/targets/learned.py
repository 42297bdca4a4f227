"""What is learned of numbers: their levels, or how they move on from the row's present values; then scaled.

Present values are known at the row's own time, so nothing is given away, and a model that has learned nothing says the
last value again, or nearly: what is hard to beat is where it begins. A model of levels must learn to repeat its input
first, and can't once a price has left the range of its training.

A relative change is one of the present value: that of a price that has grown tenfold moves as it did before. Whether a
column has such is asked of training rows alone, as what comes later must not choose what is learned.

Changes are taken and added back in float64: what a price moves in a row may be lost in float32 at the price's level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.config.target_section import TargetConfig, TargetSection
from gatewise.data.table import Table
from gatewise.features.scaling import Scaler
from gatewise.features.symbols import Codes
from gatewise.targets.outputs.base import Floats, OutputSpec
from gatewise.targets.paths import Rows

Least = tuple[float, ...]
_NOTHING = 1e-6  # of the least of training: what prices never fall to, and roundings of 0 do


def start_values(table: Table, spec: OutputSpec, rows: Rows) -> Floats:
    """The present values (NaN: missing) of what y continues, zero where y are changes: float64 [rows, outputs]."""
    if not spec.starts:
        return np.zeros((len(rows), len(spec.outputs)))
    return np.column_stack([table.frame[name].to_numpy()[rows] for name in spec.starts]).astype(np.float64)


def least_present(target: TargetSection, start: Floats | None) -> Least:
    """The least present value of each output whose changes are learned as relative ones, above 0; 0 for the others:
    of a column that is not always positive there is no relative change.

    Args:
        start: float64 [training rows, outputs], present values; `None`: y is learned as it is, and there are none.
    """
    if start is None:
        return ()
    relative = isinstance(target, TargetConfig) and target.learn == "relative"
    return tuple(float(least) if relative and least > 0 else 0.0 for least in start.min(axis=0))


def moved(y: npt.NDArray[Any], start: Floats | None, least: Least) -> npt.NDArray[Any]:
    """What is learned of y [n, outputs], before it is scaled: its change, relative ones as a fraction of the start.

    Args:
        start: float64 [n, outputs], present values; `None`: y is learned as it is.
        least: as `least_present` gave it for the training rows.
    """
    return y if start is None else (y - start) / _step(start, least)


def restored(moves: Floats, start: Floats | None, least: Least) -> Floats:
    """Undoes `moved`."""
    return moves if start is None else start + moves * _step(start, least)


def _step(start: Floats, least: Least) -> Floats:
    """What a move of 1 is; where a present value has come to nothing, or below, the least of training stands for it."""
    relative = np.where(start > _NOTHING * np.array(least), start, least)
    return np.where(np.array(least) > 0, relative, 1.0)


@dataclass(frozen=True)
class Units:
    """What numbers are learned in; baselines learn in it too.

    Attributes:
        scaler: of what is learned, for all rows or one a symbol.
        codes: int32 [rows], the symbol of each row, where the scaler has several.
        start: float64 [rows, outputs], present values; `None`: y is learned as it is.
        least: see `least_present`.
    """

    spec: OutputSpec
    scaler: Scaler
    codes: Codes | None
    start: Floats | None
    least: Least

    def scale(
        self, y: npt.NDArray[Any], rows: Rows | slice = slice(None), dtype: npt.DTypeLike = np.float64
    ) -> npt.NDArray[Any]:
        """y [n, outputs] of `rows` as it is learned; the scaler's columns come one after the other, step by step."""
        codes, start = self._at(rows)
        values, codes = self._by_column(moved(y, start, self.least), codes)
        return self.scaler.transform(values, codes, dtype).reshape(y.shape)

    def unscale(self, predictions: Floats, rows: Rows | slice = slice(None)) -> Floats:
        """Predictions [n, num_outputs] for `rows` in y's own unit, of those in the unit that is learned."""
        codes, start = self._at(rows)

        def restore(scaled: Floats) -> Floats:
            values = self.scaler.inverse(*self._by_column(scaled, codes)).reshape(scaled.shape)
            return restored(values, start, self.least)

        return self.spec.unscaled(predictions, restore)

    def _by_column(self, values: npt.NDArray[Any], codes: Codes | None) -> tuple[npt.NDArray[Any], Codes | None]:
        """[n, steps · columns] as the scaler takes it, and the symbol of each of its rows."""
        steps = values.shape[1] // len(self.scaler.names)
        by_column = values.reshape(len(values) * steps, len(self.scaler.names))
        return by_column, None if codes is None else np.repeat(codes, steps)

    def _at(self, rows: Rows | slice) -> tuple[Codes | None, Floats | None]:
        return (
            None if self.codes is None else self.codes[rows],
            None if self.start is None else self.start[rows],
        )

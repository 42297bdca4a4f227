"""Whether rows lie where a scaler was fitted; what lies far from there is no question that a model was trained on.

The bound holds for any training part: at most 1 % of its rows lie ten standard deviations from the mean (Chebyshev),
none ten ranges from the lowest, at most half of them ten interquartile ranges from the median. A level or unit that is
another's stands out, and heavy tails don't. A scaler of kind none knows of no spread and tells nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gatewise.data.table import Table
from gatewise.features.base import Values
from gatewise.features.scaling import Scaler

BEYOND = 10.0  # scales from the center
# Of the rows: more than a training part can have had, and some room.
_MOST = {"standard": 0.05, "minmax": 0.05, "robust": 0.5}
_WORDS = {
    "standard": "standard deviations from its mean in training",
    "minmax": "ranges from its lowest value in training",
    "robust": "interquartile ranges from its median in training",
}
_CHUNK_ROWS = 65_536
_SHOWN = 3


def far_inputs(
    scaler: Scaler, values: Values, rows: npt.NDArray[np.int64], symbol: npt.NDArray[np.int32] | None = None
) -> str | None:
    """What to say of inputs that lie far from those that the scaler was fitted to; `None` where none do.

    Args:
        values: [rows of the table, columns], unscaled.
        rows: int64, those that are asked of.
        symbol: int32 [rows of the table], as `Scaler.transform` takes it.
    """
    if scaler.kind == "none" or not len(rows):
        return None
    share = _share_beyond(scaler, values, rows, symbol)
    far = [number for number in np.argsort(-share, kind="stable").tolist() if share[number] > _MOST[scaler.kind]]
    if not far:
        return None
    named = ", ".join(f"{scaler.names[number]} ({share[number]:.0%} of the rows)" for number in far[:_SHOWN])
    more = f" and {len(far) - _SHOWN} more" if len(far) > _SHOWN else ""
    return f"more than {BEYOND:g} {_WORDS[scaler.kind]}: {named}{more}"


def far_by_symbol(
    scaler: Scaler, values: Values, rows: npt.NDArray[np.int64], codes: npt.NDArray[np.int32] | None, table: Table
) -> list[str]:
    """What `far_inputs` says of rows of a table, symbol by symbol where there are several."""
    by_symbol = zip(table.symbols, np.split(rows, np.searchsorted(rows, table.symbol_starts[1:])), strict=True)
    far = {name: far_inputs(scaler, values, seen_rows, codes) for name, seen_rows in by_symbol}
    return [f"{name} {inputs}" if len(far) > 1 else inputs for name, inputs in far.items() if inputs]


def say_far(lines: Sequence[str]) -> str:
    """A sentence on what `far_inputs` said, symbol by symbol where there are several."""
    more = f"; and so of {len(lines) - _SHOWN} more symbols" if len(lines) > _SHOWN else ""
    return (
        f"inputs lie far from what the model was trained on, {'; '.join(lines[:_SHOWN])}{more}. Predictions there are "
        "guesses: see that level and unit are those of training"
    )


def _share_beyond(
    scaler: Scaler, values: Values, rows: npt.NDArray[np.int64], symbol: npt.NDArray[np.int32] | None
) -> npt.NDArray[np.float64]:
    beyond = np.zeros(len(scaler.names))
    for first in range(0, len(rows), _CHUNK_ROWS):
        here = rows[first : first + _CHUNK_ROWS]
        codes = None if symbol is None else symbol[here]
        beyond += (np.abs(scaler.transform(values[here], codes, np.float64)) > BEYOND).sum(axis=0)
    return beyond / len(rows)

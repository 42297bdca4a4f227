"""Columns whose steps are smaller than the numbers that hold them can tell apart.

Models compute in float32, with what a column's mean has been taken from: 24 binary digits for its distance from there.
Where the typical step between two rows is lost in the last of them, nothing of it reaches the model. A file's own
numbers are float64 at most, 53 digits for the whole value; steps of a few units of the last one are rounding, not data.
Steps are sampled, 65,536 of them at most: 1,000,000 rows of a column take some 10 ms.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.finding import Finding
from gatewise.data.rows import Rows
from gatewise.data.table import SYMBOL

_MOST_STEPS = 65_536
_FLOAT32_ROUNDING, _FLOAT64_ROUNDING = 2.0**-24, 2.0**-53  # of a number, at most
_FEW_UNITS = 8  # of float64's last digit: a step that is no more is rounding for a good part
_REMEDY = (
    "give the column's changes instead, or less of its range at once: a model sees a column in float32, about 7 digits "
    "of its distance from the mean"
)


def find_lost_steps(rows: Rows) -> Finding:
    """Columns in which float32 would not hold the steps once the mean is off, or float64 has not."""
    examples: list[str] = []
    if rows.frame.height > 1:
        symbol = rows.frame[SYMBOL].rle_id().to_numpy()
        stride = max(1, len(symbol) // _MOST_STEPS)
        at = np.arange(1, len(symbol), stride)
        at = at[symbol[at] == symbol[at - 1]]
        lost = {name: _lost(rows.frame[name], at) for name in rows.columns}
        examples = [f"{name}: {words}" for name, words in lost.items() if words]
    return Finding("lost_steps", len(examples), False, tuple(examples), _REMEDY)


def lost_steps(values: npt.NDArray[np.float64], step: float) -> str | None:
    """What of a column's typical step gets lost, in words; `None` where it stays.

    Args:
        values: float64 [rows], finite.
        step: the median of its changes that are not 0.
    """
    furthest, largest = float(np.abs(values - values.mean()).max()), float(np.abs(values).max())
    if 2 * _FEW_UNITS * largest * _FLOAT64_ROUNDING > step:
        return f"float64 holds steps of {2 * largest * _FLOAT64_ROUNDING:.2g} at {largest:.3g}; it moves by {step:.2g}"
    if furthest * _FLOAT32_ROUNDING > step:
        return (
            f"float32 holds steps of {2 * furthest * _FLOAT32_ROUNDING:.2g} at {furthest:.3g} from the mean; "
            f"it moves by {step:.2g}"
        )
    return None


def _lost(column: pl.Series, at: npt.NDArray[np.int64]) -> str | None:
    values = column.to_numpy()
    finite = np.isfinite(values)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        steps = np.abs(values[at] - values[at - 1])
    steps = steps[np.isfinite(steps) & (steps > 0)]
    return lost_steps(values if finite.all() else values[finite], float(np.median(steps))) if steps.size else None

"""Columns whose steps are smaller than the numbers that hold them can tell apart.

Models compute in float32, with what a column's mean has been taken from: 24 binary digits for its distance from there.
Where the typical step between two rows is lost in the last of them, nothing of it reaches the model. A file's own
numbers are float64 at most, 53 digits for the whole value; steps of a few units of the last one are rounding, not data.
Steps are sampled, 65,536 of them at most: 1,000,000 rows of a column take some 10 ms. Each symbol is asked for itself:
symbols that lie at levels far apart share one mean, unless a scaler is fitted to each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.data.blocks import block_starts
from gatewise.data.check.finding import Finding
from gatewise.data.rows import Rows
from gatewise.data.table import SYMBOL

_MOST_STEPS = 65_536
_FLOAT32_ROUNDING, _FLOAT64_ROUNDING = 2.0**-24, 2.0**-53  # of a number, at most
_FEW_UNITS = 8  # of float64's last digit: a step that is no more is rounding for a good part
BY_SYMBOL = 'features.scale_by="symbol" takes off each symbol\'s own level'
REMEDY = (
    "give the column's changes instead, or less of its range at once: a model sees a column in float32, about 7 digits "
    "of its distance from the mean"
)


def find_lost_steps(rows: Rows) -> Finding:
    """Columns in which float32 would not hold the steps once the mean is off, or float64 has not."""
    if rows.frame.height < 2:
        return Finding("lost_steps", 0, False, (), REMEDY)
    frame = rows.frame if rows.frame[SYMBOL].n_unique() == 1 else rows.frame.sort(SYMBOL, maintain_order=True)
    starts = block_starts(frame[SYMBOL])
    names = frame[SYMBOL].gather(starts).to_list()
    losses = {name: lost_by_symbol(frame[name].to_numpy(), starts, names) for name in rows.columns}
    lost = {name: loss for name, loss in losses.items() if loss}
    examples = tuple(f"{name}{' of ' if loss.whose else ''}{loss.whose}: {loss.words}" for name, loss in lost.items())
    by_symbol = bool(lost) and all(loss.apart_helps for loss in lost.values())
    return Finding("lost_steps", len(lost), False, examples, BY_SYMBOL if by_symbol else REMEDY)


@dataclass(frozen=True)
class LostSteps:
    """A column whose steps get lost.

    Attributes:
        whose: the first symbol of which they do; empty where there is but one.
        words: what of it.
        apart_helps: whether they stay where each symbol is centred by itself.
    """

    whose: str
    words: str
    apart_helps: bool


def lost_by_symbol(
    values: npt.NDArray[Any],
    starts: npt.NDArray[np.int64],
    names: Sequence[str],
    *,
    centred: bool = True,
    apart: bool = False,
) -> LostSteps | None:
    """What of a column's typical steps gets lost in any symbol; `None` where all stay.

    Args:
        values: [rows], NaN where one is missing.
        starts: int64 [symbols], the first row of each; names: theirs.
        centred: whether a mean is taken off at all; apart: each symbol's own, not that of all.
    """
    finite = _finite(values)
    if not len(finite):
        return None
    mean = float(finite.mean()) if centred else 0.0
    stride = max(1, len(values) // _MOST_STEPS)
    lost, kept = [], []
    for name, first, end in zip(names, starts, [*starts[1:], len(values)], strict=True):
        part = values[first:end].astype(np.float64, copy=False)
        known = finite if len(finite) == len(values) == len(part) else _finite(part)
        if (step := _typical_step(part, stride)) is None:
            continue
        if loss := lost_steps(known, step, None if centred and apart else mean):
            lost.append((name, loss))
            kept.append(lost_steps(known, step) is None)
    if not lost:
        return None
    several = len(names) > 1
    return LostSteps(lost[0][0] if several else "", lost[0][1], several and not apart and all(kept))


def lost_steps(values: npt.NDArray[np.float64], step: float, center: float | None = None) -> str | None:
    """What of a column's typical step gets lost, in words; `None` where it stays.

    Args:
        values: float64 [rows], finite.
        step: the median of its changes that are not 0.
        center: what is taken off; `None`: their mean.
    """
    origin = float(values.mean()) if center is None else center
    low, high = float(values.min()), float(values.max())
    furthest, largest = max(high - origin, origin - low), max(high, -low)
    if 2 * _FEW_UNITS * largest * _FLOAT64_ROUNDING > step:
        return f"float64 holds steps of {2 * largest * _FLOAT64_ROUNDING:.2g} at {largest:.3g}; it moves by {step:.2g}"
    if furthest * _FLOAT32_ROUNDING > step:
        return (
            f"float32 holds steps of {2 * furthest * _FLOAT32_ROUNDING:.2g} at {furthest:.3g}"
            f"{' from the mean' if origin else ''}; "
            f"it moves by {step:.2g}"
        )
    return None


def _finite(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    finite = np.isfinite(values)
    return values if finite.all() else values[finite]


def _typical_step(values: npt.NDArray[np.float64], stride: int) -> float | None:
    at = np.arange(1, len(values), stride)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        steps = np.abs(values[at] - values[at - 1])
    steps = steps[np.isfinite(steps) & (steps > 0)]
    return float(np.median(steps)) if steps.size else None

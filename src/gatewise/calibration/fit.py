"""Fits what is set right in a model's predictions, on validation rows alone.

Of numbers, rows are counted with care: labels of neighbouring rows overlap, and a rank among rows that are settled by
the same bars promises more than they hold. So one moment is taken for each label that is settled: the newest one, then
the newest whose label was known by then, and so on. What these still remember of each other is measured; where they do,
ranks are taken among fewer and nothing is promised. Of classes see `class_choice`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.calibration.calibrator import Calibrator
from gatewise.calibration.class_choice import fit_classes
from gatewise.calibration.conformal import conformal_shifts
from gatewise.calibration.shifts import Shifts
from gatewise.config.schema import ExperimentConfig
from gatewise.data.blocks import block_numbers
from gatewise.data.table import SYMBOL
from gatewise.evaluation.moments import memory, moments
from gatewise.fold import FittedFold, trained_labels
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.targets.outputs.base import Floats
from gatewise.targets.outputs.classes import Classes
from gatewise.targets.outputs.quantiles import Quantiles
from gatewise.targets.outputs.volatility import smearing

Ints = npt.NDArray[np.int64]


def calibration_methods(config: ExperimentConfig, kind: str) -> tuple[str, ...]:
    """Those that predictions of a kind may be calibrated by; none: they are not."""
    return config.calibration.methods_for(kind, config.model.calibrated or config.training.loss.name == "qlike")


def fit_calibrator(
    config: ExperimentConfig, samples: Samples, fold: FittedFold, rows: Rows, predictions: Floats
) -> Calibrator | None:
    """Of a model's predictions on validation rows; `None` where the config asks for no calibration.

    Args:
        rows: that the model has not learned from, all labelled; training labels are settled before the first of them.
        predictions: float64 [rows, num_outputs], in the unit that is learned.
    """
    spec = samples.labels.spec
    methods = calibration_methods(config, spec.kind)
    if not methods:
        return None
    y = trained_labels(samples, fold, rows)
    if isinstance(spec, Classes):
        unseen = [name for name, share in zip(spec.classes, fold.floor, strict=True) if share]
        return fit_classes(methods, samples, rows, predictions, y.astype(np.int64), config.target.horizon, unseen)
    if methods == ("smearing",):
        return Shifts("smearing", tuple(smearing(predictions, y).tolist()), len(rows), len(rows))
    assert isinstance(spec, Quantiles)
    settled = settled_apart(samples, rows)
    predictions, y = predictions[settled], y[settled]
    error = (spec.apart(predictions) - y[:, :, None]).mean(axis=(1, 2))
    signals = np.column_stack([error, spec.losses(predictions, y)])  # where it lies, and how wide it is
    independent, mood = independent_rows(samples, rows[settled], signals)
    shifts = conformal_shifts(spec, predictions, y, independent)
    return Shifts("conformal", shifts, len(rows), independent, _not_promised(shifts, independent, mood))


def settled_apart(samples: Samples, rows: Rows) -> Ints:
    """Positions in `rows` of moments whose labels do not overlap, as many as there are back from the newest one.

    A moment is a time stamp with the rows of all symbols at it.
    """
    time_us = samples.table.time_us
    times, moment = np.unique(time_us[rows], return_inverse=True)
    known = np.zeros(len(times), np.int64)
    np.maximum.at(known, moment, time_us[samples.labels.known_at[rows]])
    taken, before = np.zeros(len(times), bool), np.iinfo(np.int64).max
    for number in range(len(times) - 1, -1, -1):
        if known[number] <= before:
            taken[number], before = True, times[number]
    return np.flatnonzero(taken[moment])


def independent_rows(samples: Samples, rows: Rows, signals: Floats) -> tuple[int, float]:
    """(How many independent ones some rows are worth, the longest memory of signals [rows, s] in moments)."""
    when = moments(samples.table.time_us[rows], block_numbers(samples.table.frame[SYMBOL])[rows])
    mood = memory(when.means(signals))
    return max(1, int(when.count / mood)), mood


def _not_promised(shifts: Any, independent: int, mood: float) -> str:
    if all(shift is None for shift in shifts):
        return f"{independent:,} independent validation rows are too few for any of the levels"
    if mood > 1:
        return (
            f"errors of validation rows whose labels don't overlap remember each other for about {mood:.0f} such rows, "
            f"which leaves about {independent:,} independent ones, and what is remembered need not come alike"
        )
    return ""

"""What people should know of rows and settings before anything is trained on them, above all what float32 loses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gatewise.class_weights import weights_remark
from gatewise.config.quick import quick_remark
from gatewise.config.schema import ExperimentConfig
from gatewise.data.check.precision import BY_SYMBOL, REMEDY, LostSteps, lost_by_symbol
from gatewise.samples import Samples
from gatewise.targets.learned import least_present, moved

_SHOWN = 3


def remarks_on(config: ExperimentConfig, samples: Samples, rows: npt.NDArray[np.int64]) -> tuple[str, ...]:
    """What people should know of what is to be trained on, a sentence each: a first look, lost steps, classes without
    a say.

    Args:
        rows: int64, those that are learned from, or more of their kind.
    """
    labels = samples.labels
    weights = weights_remark(config.training.class_weights, labels.counts(rows), labels.classes)
    return tuple(remark for remark in (quick_remark(config), lost_levels(config, samples, rows), weights) if remark)


def unread_remark(unread: Sequence[str], num_features: int, bound: float | None) -> str:
    """Which features `features.drop_correlated` takes away."""
    return (
        f"features left unread, {len(unread)} of {num_features}, each correlated by more than {bound} on training rows "
        f"with one before it: {', '.join(unread)}"
    )


def lost_levels(config: ExperimentConfig, samples: Samples, rows: npt.NDArray[np.int64]) -> str | None:
    """A sentence on the columns whose steps float32 does not hold once scaled, and what to do; `None` where all stay.

    It is what `gatewise data check` calls lost_steps, asked of what is read: features that keep their level, and
    numbers to be predicted.

    Args:
        rows: see `remarks_on`.
    """
    table, matrix, labels = samples.table, samples.matrix, samples.labels
    apart, starts = config.features.scale_by == "symbol", table.symbol_starts
    lost: dict[str, LostSteps] = {}
    if matrix.values.dtype == np.float64:  # others are ratios, without a level
        for number, name in enumerate(matrix.names):
            values = np.where(matrix.valid, matrix.values[:, number], np.nan)
            centred = config.features.scaler != "none"
            if losses := lost_by_symbol(values, starts, table.symbols, centred=centred, apart=apart):
                lost[name] = losses
    start = labels.start
    learned = moved(labels.y, start, least_present(config.target, None if start is None else start[rows]))
    for number, name in enumerate(labels.outputs):
        values = np.where(labels.valid, learned[:, number], np.nan)
        if losses := lost_by_symbol(values, starts, table.symbols, apart=apart):
            lost.setdefault(name, losses)
    if not lost:
        return None
    named = "; ".join(
        f"{name}{' of ' if loss.whose else ''}{loss.whose}: {loss.words}" for name, loss in list(lost.items())[:_SHOWN]
    )
    more = f" (and {len(lost) - _SHOWN} more)" if len(lost) > _SHOWN else ""
    remedy = BY_SYMBOL if all(loss.apart_helps for loss in lost.values()) else REMEDY
    return f"Steps are lost on the way into float32: {named}{more}; {remedy}"

"""What people should know of rows and settings before anything is trained on them, above all what float32 loses."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from gatewise.class_weights import weights_remark
from gatewise.config.quick import quick_remark
from gatewise.config.schema import ExperimentConfig
from gatewise.data.check.precision import BY_SYMBOL, REMEDY, LostSteps, lost_by_symbol
from gatewise.features.correlated import correlated_columns
from gatewise.rows import rows_in_windows
from gatewise.sample_weights import decay_remark
from gatewise.samples import Samples
from gatewise.targets.learned import least_present, moved

_SHOWN = 3
_LEAST_FILTERED = 10  # returns; of daily ones GARCH's QLIKE is then 0.5 % above that of 250 (S&P 500)


def remarks_on(
    config: ExperimentConfig, samples: Samples, rows: npt.NDArray[np.int64], searched: Collection[str] = ()
) -> tuple[str, ...]:
    """What people should know of what is to be trained on, a sentence each: a first look, lost steps, classes without
    a say, a decay that nothing reads, windows that hold next to no returns.

    Args:
        rows: int64, those that are learned from, or more of their kind.
        searched: dotted names of what a search decides.
    """
    labels, first_look = samples.labels, quick_remark(config, searched)
    weights = weights_remark(config.training.class_weights, labels.counts(rows), labels.classes)
    decay = None if "training.sample_weights" in searched else decay_remark(config.training)
    levels = (lost_levels(config, samples, rows), unheld_levels(config, samples), still_rows(samples))
    remarks = (first_look, *levels, weights, decay, short_filter(config))
    return tuple(remark for remark in remarks if remark)


def unheld_levels(config: ExperimentConfig, samples: Samples) -> str | None:
    """A sentence where paths of columns are to be predicted whose levels no feature holds; `None` where each is one."""
    columns = samples.labels.spec.columns
    missing = [name for name in columns if name not in samples.matrix.names]
    if not missing or not samples.labels.steps:
        return None
    return (
        f"No feature holds the level of {', '.join(missing)}, which is predicted: the model can't start from the last "
        f"value; features.columns=[{','.join(columns)}]"
    )


def short_filter(config: ExperimentConfig) -> str | None:
    """A sentence where a model filters returns and its window holds too few; `None` for all others."""
    length = config.windows.sequence_length
    if config.model.reads != "returns" or length >= _LEAST_FILTERED:
        return None
    return (
        f"{config.model.name} reads its window's returns and none before, here {length}, too few to tell a variance "
        "by; it is worth more with windows.sequence_length=60"
    )


def still_rows(samples: Samples) -> str | None:
    """A sentence where a realised measure is 0, so that it has no log; `None` where it never is."""
    history = samples.labels.history
    still = 0 if history is None else int((history.means[:, 0] == 0).sum())
    if not still:
        return None
    return (
        f"Nothing moved over the horizon that ends with {still:,} of {samples.table.num_rows:,} rows: a volatility of "
        "0 has no log, so these are neither predicted nor predicted from; a longer target.horizon has fewer"
    )


def unread_remark(unread: Sequence[str], num_features: int, bound: float | None) -> str:
    """Which features `features.drop_correlated` takes away."""
    return (
        f"features left unread, {len(unread)} of {num_features}, each correlated by more than {bound} on training rows "
        f"with one before it: {', '.join(unread)}"
    )


def unread_columns(config: ExperimentConfig, samples: Samples, train_rows: npt.NDArray[np.int64]) -> list[int]:
    """Numbers of the features that `features.drop_correlated` takes away from what is trained on these rows.

    Args:
        train_rows: int64, samples that are learned from; their windows are looked at, and nothing else.
    """
    if config.features.drop_correlated is None:
        return []
    seen = rows_in_windows(train_rows, config.windows.sequence_length, samples.table.num_rows)
    return correlated_columns(samples.matrix.values, seen, config.features.drop_correlated)


def unread_in_folds(unread: Mapping[int, Collection[int]], names: Sequence[str], bound: float | None) -> str | None:
    """Which features each fold leaves unread, in a sentence; `None` where none does.

    Args:
        unread: {number of a fold: numbers of features}.
        names: of all features.
    """
    alike: dict[tuple[int, ...], list[str]] = {}
    for column, name in enumerate(names):
        if folds := tuple(fold for fold, columns in unread.items() if column in columns):
            alike.setdefault(folds, []).append(name)
    if not alike:
        return None
    said = [
        f"in {_folds(folds, len(unread))} {', '.join(left)}"
        for folds, left in sorted(alike.items(), key=lambda entry: -len(entry[0]))
    ]
    return (
        f"features left unread, of {len(names)}, each correlated by more than {bound} on its fold's training rows with "
        f"one before it: {'; '.join(said)}"
    )


def _folds(folds: Sequence[int], num_folds: int) -> str:
    if len(folds) == num_folds and num_folds > 1:
        return f"all {num_folds} folds"
    *most, last = map(str, folds)
    return f"folds {', '.join(most)} and {last}" if most else f"fold {last}"


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
    for number, name in enumerate(labels.spec.columns):
        values = np.where(labels.valid | bool(labels.steps), learned[:, number], np.nan)
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

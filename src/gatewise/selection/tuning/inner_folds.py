"""How a search cuts what it sees: as many folds as wanted or, where so many are too short, fewer, down to one holdout.

Each design is tried as a whole, in an order that depends on nothing but the samples and their labels; the first that
serves is taken, and said. All cut the samples that they are given, so none touches a row that is scored later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import numpy as np

from gatewise.config.cv_section import CvSection
from gatewise.config.schema import SplitConfig
from gatewise.errors import LabelError, NotEnoughRowsError
from gatewise.splits.base import Rows, Spans
from gatewise.splits.folds import FoldSplit, make_folds, make_holdout

_log = logging.getLogger("gatewise.tune")

HOLDOUT_SHARE = 0.25
# Of the samples that a search sees: what is learned from fewer says little about settings for all of them.
LEAST_TRAIN_SHARE = 0.05
_FORWARD = ("expanding", "sliding")

Folds = tuple[FoldSplit, ...]


@dataclass(frozen=True)
class InnerFolds:
    """The folds that trials are scored on, and what they are in words."""

    folds: Folds
    description: str


def inner_folds(
    spans: Spans,
    cv: CvSection,
    split: SplitConfig,
    timeframe: timedelta,
    check: Callable[[Sequence[FoldSplit]], None],
    *,
    adapt: bool = False,
    stopping: Rows | None = None,
) -> InnerFolds:
    """Cuts samples into the folds of `cv`, or into what they can carry instead.

    Args:
        spans: the samples that a search may see.
        check: raises LabelError where a training part lacks a class.
        adapt: where the splitter goes forward in time and its folds are emptied by the purge, keep less than a
            twentieth of the samples to train on, or miss a class: take fewer folds, and then a purged holdout, the
            newest quarter. Where each of these misses a class, the first that serves otherwise is taken.
        stopping: the very last resort: these of the samples score trials and stop their training as well, and the rest
            trains; the two must be purged against each other. It flatters trials, all alike.

    Raises:
        NotEnoughRowsError: not even the last design serves; says why.
    """

    def cut(n_splits: int) -> Folds:
        return make_folds(spans, cv.model_copy(update={"n_splits": n_splits}), split, timeframe)

    designs: list[tuple[str, Callable[[], Folds]]] = [(f"{cv.num_folds}, {cv.splitter}", partial(cut, cv.n_splits))]
    if adapt and cv.splitter in _FORWARD:
        designs += [(f"{fewer}, {cv.splitter}", partial(cut, fewer)) for fewer in range(cv.n_splits - 1, 1, -1)]
        newest = f"a holdout, the newest {HOLDOUT_SHARE:.0%}"
        designs.append((newest, lambda: (make_holdout(spans, HOLDOUT_SHARE, cv, split, timeframe),)))
        if stopping is not None:
            description = "the fold's own validation part, which also stops the training"
            designs.append((description, lambda: (_scored_on_stopping(spans, stopping),)))
    _, last = designs[-1]
    without_class: list[tuple[Folds, str]] = []
    for description, design in designs:
        try:
            folds = design()
            if design is not last:
                _require_enough(folds, spans)
            check(folds)
        except NotEnoughRowsError as error:
            _log.info("inner folds: not %s (%s)", description, error.message)
            if design is last and not without_class:
                raise NotEnoughRowsError(f"inner folds: {error.message}", error.hint) from error
        except LabelError as error:
            _log.info("inner folds: rather not %s (%s)", description, error.message)
            without_class.append((folds, description))
        else:
            return _described(folds, description, designs)
    folds, description = without_class[0]
    return _described(folds, description, designs)


def _described(folds: Folds, description: str, designs: Sequence[tuple[str, object]]) -> InnerFolds:
    wanted = designs[0][0]
    if description != wanted:
        description = f"{description}, as these samples can't carry {wanted}"
        _log.info("inner folds: %s", description)
    return InnerFolds(folds, description)


def _require_enough(folds: Folds, spans: Spans) -> None:
    for fold in folds:
        if fold.train.size < LEAST_TRAIN_SHARE * spans.row.size:
            raise NotEnoughRowsError(
                f"fold {fold.number} keeps {fold.train.size:,} of {spans.row.size:,} samples to train on, less than "
                f"{LEAST_TRAIN_SHARE:.0%}"
            )


def _scored_on_stopping(spans: Spans, stopping: Rows) -> FoldSplit:
    tested = np.isin(spans.row, stopping)
    nothing = spans.row[:0]
    rows = spans.row[tested]
    return FoldSplit(1, spans.row[~tested], rows, rows, nothing, nothing, int(spans.time_us[tested].min()))

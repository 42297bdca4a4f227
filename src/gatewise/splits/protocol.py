"""Splits in scikit-learn's form, so that its `cross_val_score` and friends run on purged samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

import numpy as np

from gatewise.config.cv_section import CvSection
from gatewise.config.schema import CvConfig
from gatewise.errors import DataError, NotEnoughRowsError
from gatewise.splits.base import Rows, Spans
from gatewise.splits.folds import fold_masks
from gatewise.splits.purge import Mask, purge


class Splitter(Protocol):
    """What scikit-learn asks of a `cv` object. Index arrays are positions among the samples, not rows of a table."""

    def split(self, X: Any = None, y: Any = None, groups: Any = None) -> Iterator[tuple[Rows, Rows]]:
        """Yields (training positions, evaluated positions), both int64 and ascending."""

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """How many pairs `split` yields."""


@dataclass(frozen=True)
class PurgedHoldout:
    """One pair: the newest `fraction` of the samples is evaluated, what it touches is kept out of training.

    Not to be confused with `chronological_split`, which also sets a validation part aside and speaks of table rows.

    Attributes:
        spans: one span a sample, in the order of the rows of X.
        fraction: share of the samples, by time, that is evaluated; samples of one moment stay together.
        embargo: least time between the two parts' spans.
    """

    spans: Spans
    fraction: float = 0.2
    embargo: timedelta = timedelta(0)

    def split(self, X: Any = None, y: Any = None, groups: Any = None) -> Iterator[tuple[Rows, Rows]]:
        """Yields the pair.

        Raises:
            NotEnoughRowsError: a side is empty.
            DataError: X has another number of samples than there are spans.
        """
        _check_length(self.spans, X)
        size = self.spans.row.size
        ordered = np.sort(self.spans.time_us)
        begin = size - round(self.fraction * size)
        evaluated = self.spans.time_us >= ordered[begin] if 0 < begin < size else np.zeros(size, dtype=bool)
        yield purged_pair(self.spans, ~evaluated, evaluated, embargo_before=self.embargo)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Always 1."""
        return 1


@dataclass(frozen=True)
class PurgedFolds:
    """Walk-forward, k-fold or combinatorial folds, purged on both sides.

    Not to be confused with `make_folds`, which also sets a validation part aside and speaks of table rows. Of the
    splitters, `kfold` alone tests every sample once, which is what `cross_val_predict` asks for.

    Attributes:
        spans: one span a sample, in the order of the rows of X.
        cv: the splitter and its numbers; `cv.val` plays no part.
        embargo: least time between the spans of what is trained on and what is evaluated, before and after.
    """

    spans: Spans
    cv: CvSection = field(default_factory=CvConfig)
    embargo: timedelta = timedelta(0)

    def split(self, X: Any = None, y: Any = None, groups: Any = None) -> Iterator[tuple[Rows, Rows]]:
        """Yields a pair for each fold.

        Raises:
            NotEnoughRowsError: more splits than the samples carry, or a side is empty.
            DataError: X has another number of samples than there are spans.
        """
        _check_length(self.spans, X)
        for training, evaluated in fold_masks(self.spans, self.cv):
            yield purged_pair(self.spans, training, evaluated, embargo_before=self.embargo, embargo_after=self.embargo)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """`cv.num_folds`."""
        return self.cv.num_folds


def purged_pair(
    spans: Spans,
    training: Mask,
    evaluated: Mask,
    *,
    embargo_before: timedelta = timedelta(0),
    embargo_after: timedelta = timedelta(0),
) -> tuple[Rows, Rows]:
    """A splitter's one step: purges `training` against `evaluated`, and gives both as ascending positions.

    Raises:
        NotEnoughRowsError: nothing to evaluate, or nothing left to train on.
    """
    microsecond = timedelta(microseconds=1)
    left = purge(
        spans,
        training,
        evaluated,
        embargo_before_us=embargo_before // microsecond,
        embargo_after_us=embargo_after // microsecond,
    )
    if not evaluated.any() or not left.kept.any():
        empty = "training" if evaluated.any() else "evaluated"
        raise NotEnoughRowsError(
            f"the {empty} side must keep at least one sample; got none of {spans.row.size}: "
            f"{left.purged.sum()} purged, {left.embargoed.sum()} embargoed",
            "give more rows, fewer splits, a shorter window or horizon, or a smaller embargo",
        )
    return np.flatnonzero(left.kept), np.flatnonzero(evaluated)


def _check_length(spans: Spans, X: Any) -> None:
    if X is not None and len(X) != spans.row.size:
        raise DataError(f"X must have one row a span, {spans.row.size}; got {len(X)}")

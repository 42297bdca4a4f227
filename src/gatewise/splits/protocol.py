"""Splits in scikit-learn's form, so that its `cross_val_score` and friends run on purged samples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import numpy as np

from gatewise.config.cv_section import CvSection
from gatewise.config.load import load_config
from gatewise.errors import ConfigError, GatewiseError, NotEnoughRowsError, QualityError
from gatewise.splits.base import Rows, Spans
from gatewise.splits.folds import fold_masks
from gatewise.splits.label_spans import embargo_of, spans_of_labels, spans_of_positions
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
            QualityError: X has another number of samples than there are spans.
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


class PurgedFolds:
    """Walk-forward, k-fold or combinatorial folds, purged on both sides: a `cv` for scikit-learn's tools.

        PurgedFolds(horizon=20, n_splits=5)                              # labels look 20 samples ahead
        PurgedFolds(label_ends, splitter="kfold", embargo="1d")          # a Series: index of times -> label's end

    No training sample's span has a moment in common with a tested one's. A span reaches from the oldest row of the
    input to the moment at which the label is known. Not to be confused with `make_folds`, which also sets a validation
    part aside and speaks of table rows. Of the splitters, `kfold` alone tests every sample once, which is what
    `cross_val_predict` asks for.

    Args:
        label_ends: [samples], when each label is known, times or positions; a pandas Series' index says when each
            sample is predicted. `Spans` are taken as they are.
        cv: a section `cv` in place of n_splits, splitter and test_groups; its `val` plays no part.
        embargo: least time between the spans of what is trained on and what is tested, before and after: a timedelta,
            text like `1d`, or samples where all is counted in positions.
        times: [samples], when each is predicted, where label_ends has no index of that.
        horizon: samples ahead at which labels are known, in place of label_ends; without times, X may have any length.
        sequence_length: samples that an input reaches back over, its own among them.
        n_splits: test blocks; combinatorial: groups that the samples are cut into.
        splitter: expanding, sliding, kfold, combinatorial, or one's own.
        test_groups: combinatorial: groups that are tested together.

    Raises:
        QualityError: see `spans_of_labels`.
        ConfigError: neither label_ends nor horizon, or both; a splitter or number that can't be.
    """

    def __init__(
        self,
        label_ends: Any = None,
        cv: CvSection | None = None,
        embargo: timedelta | str | int = 0,
        *,
        times: Any = None,
        horizon: int | None = None,
        sequence_length: int = 1,
        n_splits: int = 5,
        splitter: str = "expanding",
        test_groups: int | None = None,
    ) -> None:
        if (label_ends is None) == (horizon is None):
            raise ConfigError(
                "give label_ends or horizon, one of them", "horizon=20 where labels look 20 samples ahead"
            )
        for name, count, least in (("horizon", horizon, 0), ("sequence_length", sequence_length, 1)):
            if not (count is None or isinstance(count, int | np.integer)) or (count is not None and count < least):
                raise ConfigError(f"{name} must be a whole number, {least} or more; got {count!r}", f"{name}={least}")
        self.horizon, self.sequence_length = horizon, sequence_length
        self._spans: Spans | None = None
        are_times: bool | None = False
        if isinstance(label_ends, Spans):
            self._spans, are_times = label_ends, None
        elif label_ends is not None or times is not None:
            self._spans, are_times = spans_of_labels(label_ends, times, horizon, sequence_length)
        chosen = {"cv.splitter": splitter, "cv.n_splits": n_splits, "cv.test_groups": test_groups}
        with _named_as_keywords():
            self.cv = cv or load_config(overrides=chosen).cv
        self.embargo = embargo
        self._embargo = embargo_of(embargo, are_times)

    def split(self, X: Any = None, y: Any = None, groups: Any = None) -> Iterator[tuple[Rows, Rows]]:
        """Yields a pair for each fold.

        Raises:
            NotEnoughRowsError: more splits than the samples carry, or a side is empty.
            QualityError: X has another number of samples than there are labels.
        """
        spans = self._spans_of(X if X is not None else y)
        with _named_as_keywords():
            for training, evaluated in fold_masks(spans, self.cv):
                yield purged_pair(spans, training, evaluated, embargo_before=self._embargo, embargo_after=self._embargo)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """`cv.num_folds`."""
        return self.cv.num_folds

    def __repr__(self) -> str:
        said = {"n_splits": self.cv.n_splits, "splitter": self.cv.splitter, "embargo": self.embargo}
        if self.horizon is not None:
            said["horizon"] = self.horizon
        labels = "" if self._spans is None else f"{self._spans.row.size} samples, "
        return f"PurgedFolds({labels}{', '.join(f'{name}={value!r}' for name, value in said.items())})"

    def _spans_of(self, X: Any) -> Spans:
        if self._spans is not None:
            _check_length(self._spans, X)
            return self._spans
        if X is None:
            raise QualityError("X must be given where a horizon counts its samples", "folds.split(X)")
        assert self.horizon is not None
        return spans_of_positions(len(X), self.horizon, self.sequence_length)


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


@contextmanager
def _named_as_keywords() -> Iterator[None]:
    """Names settings in errors as `PurgedFolds` takes them."""
    try:
        yield
    except GatewiseError as error:
        error.message, error.hint = error.message.replace("cv.", ""), error.hint and error.hint.replace("cv.", "")
        error.args = (error.message,)
        raise


def _check_length(spans: Spans, X: Any) -> None:
    if X is not None and len(X) != spans.row.size:
        raise QualityError(
            f"X must have one row a span, {spans.row.size}; got {len(X)}",
            "folds within a part of the samples take the label_ends of that part, or a horizon",
        )

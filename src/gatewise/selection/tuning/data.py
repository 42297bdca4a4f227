"""What a search may see: the samples before the test part, cut into inner folds. Nothing else reaches a trial.

A space may hold the length of windows, and with it the samples change and the test part of a later `gatewise train`
moves a little. All trials are scored on the same samples, those of the longest window, and what is set aside holds the
test part of every config in the space.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from gatewise.config.cv_section import CvSection
from gatewise.config.load import change_config
from gatewise.config.schema import ExperimentConfig, SplitConfig
from gatewise.data.table import Table
from gatewise.errors import LabelError, NotEnoughRowsError
from gatewise.evaluation.kinds.table import judge_of
from gatewise.evaluation.scoring import knowing_nothing, score
from gatewise.features.cache import cached_features
from gatewise.jobs.shared import Horizon, SharedData
from gatewise.samples import Samples, make_samples
from gatewise.selection.tuning.inner_folds import inner_folds
from gatewise.selection.tuning.space import SearchSpace
from gatewise.splits.base import Rows, Spans
from gatewise.splits.by_rows import cut_by_rows
from gatewise.splits.embargo import embargo_us, purge_us
from gatewise.splits.folds import FoldSplit
from gatewise.splits.purge import Mask
from gatewise.splits.spans import take_spans
from gatewise.targets.base import Labels

_log = logging.getLogger("gatewise.tune")


@dataclass(frozen=True)
class TuneData:
    """What trials are trained and scored on.

    Attributes:
        shared: the table, its features, its labels, and the inner folds.
        metric: of a fold's test rows; lower is better.
        prior: the metric of what training labels alone say, fold by fold: what knowing nothing gives.
        design: how the inner folds are cut, in words.
    """

    shared: SharedData
    metric: str
    prior: tuple[float, ...]
    design: str

    @property
    def num_folds(self) -> int:
        return len(self.prior)

    @property
    def key(self) -> str:
        """A hash of the rows' values and of which of them trials see."""
        rows = np.concatenate([part for fold in self.folds for part in (fold.train, fold.val, fold.test)])
        return hashlib.sha256(self.shared.table.fingerprint.encode() + rows.tobytes()).hexdigest()[:16]

    @property
    def folds(self) -> tuple[FoldSplit, ...]:
        (horizon,) = self.shared.horizons.values()
        return horizon.folds

    @property
    def test_to_train(self) -> float:
        """Samples scored for each one trained on, over all folds."""
        return sum(fold.test.size for fold in self.folds) / sum(fold.train.size for fold in self.folds)


def widest(config: ExperimentConfig, space: SearchSpace) -> ExperimentConfig:
    """The config whose samples every config of the space has, and whose spans hold theirs: the longest window."""
    lengths, supervise, burn_in = _window_candidates(config, space)
    every = "every" in supervise
    values = {
        "windows.sequence_length": max(lengths),
        "windows.supervise": "every" if every else "last",
        "windows.burn_in": min(burn_in),
    }
    return change_config(config, values)


def tune_data(config: ExperimentConfig, space: SearchSpace, table: Table, *, adapt: bool = False) -> TuneData:
    """Sets the test part aside and cuts what is left into the folds of `config.cv`.

    Args:
        adapt: take fewer folds where the samples can't carry so many; see `inner_folds`.

    Raises:
        NotEnoughRowsError: no sample, more splits than the samples carry, or a fold that the purge emptied.
        LabelError: one class is all that any inner fold's training part holds.
    """
    wide = widest(config, space)
    samples = make_samples(wide, table, cached_features)
    lengths, _, _ = _window_candidates(config, space)
    narrow = change_config(
        wide, {"windows.sequence_length": min(lengths), "windows.supervise": "last", "windows.burn_in": 0}
    )
    most = (
        samples if narrow == wide else make_samples(narrow, table, lambda *_: samples.matrix, lambda *_: samples.labels)
    )
    kept = before_test(samples, most.rows, config.split)
    _log.info(
        "tuning sees %s of %s samples; the newest are set aside as test part", f"{kept.sum():,}", f"{len(kept):,}"
    )
    data = inner_data(samples, take_spans(samples.spans, kept), config.cv, config, adapt=adapt)
    if all(samples.labels.hold_one_class(fold.train) for fold in data.folds):
        raise LabelError(
            "the training part of some inner fold must hold two classes or more; each holds one",
            "move the barriers (target.upper, target.lower), the horizon, or give more rows",
        )
    return data


def before_test(samples: Samples, most_rows: Rows, split: SplitConfig) -> Mask:
    """Which samples touch no moment of the test part, of any config in the space, and lie outside its embargo.

    With n samples, `chronological_split` tests the newest k(n), and k never falls with n. A config of the space has at
    most as many samples as `most_rows`, and all that are in `samples`: so its test part begins no sooner than the k-th
    newest of these, k counted of `most_rows`. Cut by rows, test begins at one row whatever the windows.

    Args:
        samples: those that all configs have, with the widest spans.
        most_rows: rows that hold every sample of every config.

    Raises:
        NotEnoughRowsError: none is left.
    """
    table, spans = samples.table, samples.spans
    kept = np.ones(spans.row.size, dtype=bool)
    if split.method == "rows":
        parts = cut_by_rows(spans, split)
        kept, cutoff_us = parts.train | parts.val | parts.across, parts.test_from_us if split.test else None
    else:
        count = len(most_rows) - round((split.train + split.val) * len(most_rows)) if split.test else 0
        cutoff_us = np.sort(spans.time_us)[max(0, spans.row.size - count)] if count else None
    tested = most_rows[table.time_us[most_rows] >= cutoff_us] if cutoff_us is not None else most_rows[:0]
    if cutoff_us is not None and tested.size:
        first_row = np.maximum(tested - samples.reach_rows, table.segment_start[tested])
        first_us = table.time_us[first_row].min()
        gap_us, _ = embargo_us(split, table.timeframe, spans)
        least_us = purge_us(split, table.timeframe)
        kept = kept & (spans.last_us + gap_us < first_us) & (spans.time_us + least_us < cutoff_us)
    if not kept.any():
        raise NotEnoughRowsError(
            f"tuning must have samples before the test part; none is left of {spans.row.size:,}",
            "give more rows, or a smaller split.test, split.embargo or sequence_length",
        )
    return kept


def inner_data(
    samples: Samples,
    spans: Spans,
    cv: CvSection,
    config: ExperimentConfig,
    *,
    adapt: bool = False,
    stopping: Rows | None = None,
) -> TuneData:
    """Cuts the samples of `spans` into inner folds, and scores the prior on them.

    Args:
        samples: whose table, features and labels trials read, on rows of `spans` and what these touch.
        cv: how they are cut; embargo and least purge are the config's.
        adapt, stopping: see `inner_folds`.

    Raises:
        NotEnoughRowsError: see `tune_data`.
    """
    table, labels, target = samples.table, samples.labels, config.target
    inner = inner_folds(
        spans, cv, config.split, table.timeframe, partial(_require_classes, labels), adapt=adapt, stopping=stopping
    )
    metric = judge_of(labels).deciding_metric
    prior = []
    for fold in inner.folds:
        predicted = knowing_nothing(table, labels, fold.train, fold.test, config.knows_symbols)
        prior.append(score(table, labels, fold.train, fold.test, predicted)[metric])
    horizon = Horizon(labels, spans, samples.reach_rows, inner.folds)
    design = inner.description
    if unseen := _unseen(labels, inner.folds):
        _log.warning("%s", unseen)
        design = f"{design}; {unseen}"
    return TuneData(SharedData(table, samples.matrix, {target.horizon: horizon}), metric, tuple(prior), design)


def _unseen(labels: Labels, folds: Sequence[FoldSplit]) -> str:
    """Which classes the training parts of these folds never see, and what that means; empty where each sees all."""
    named = {fold.number: " and ".join(labels.unseen(fold.train)) for fold in folds}
    places = [f"{names} in inner fold {number}" for number, names in named.items() if names]
    if not places:
        return ""
    return f"training never sees {', '.join(places)}: given what the prior gives a class without a row"


def _require_classes(labels: Labels, folds: Sequence[FoldSplit]) -> None:
    if unseen := _unseen(labels, folds):
        raise LabelError(unseen)


def _window_candidates(
    config: ExperimentConfig, space: SearchSpace
) -> tuple[tuple[int, ...], tuple[str, ...], tuple[int, ...]]:
    windows = config.windows
    return (
        space.candidates("windows.sequence_length", windows.sequence_length),
        space.candidates("windows.supervise", windows.supervise),
        space.candidates("windows.burn_in", windows.burn_in),
    )

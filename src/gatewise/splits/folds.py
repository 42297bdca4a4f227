"""Cross-validation's folds: a splitter says what is tested, the purge what may still be trained on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from gatewise.config.cv_section import CvConfig, CvSection, SplitterPart
from gatewise.config.schema import SplitConfig, format_duration
from gatewise.errors import NotEnoughRowsError
from gatewise.parts import find_part, whose_code
from gatewise.splits.base import Rows, Spans
from gatewise.splits.check import require_masks
from gatewise.splits.combinatorial import combinatorial, kfold
from gatewise.splits.embargo import embargo_us, purge_us
from gatewise.splits.purge import Mask, Purge, purge
from gatewise.splits.walk_forward import walk_forward

_log = logging.getLogger("gatewise.splits")


@dataclass(frozen=True)
class SplitterSpec(SplitterPart):
    """What there is to know of a splitter.

    Attributes:
        masks: (spans, its section) -> for each fold (what may be trained on, what is tested), bool [samples], before
            any purge.
        remedy: what leaves more to train on.
    """

    masks: Callable[[Spans, Any], Iterable[tuple[Mask, Mask]]]
    remedy: str = "lower cv.n_splits"


SPLITTERS: dict[str, SplitterSpec] = {
    "expanding": SplitterSpec(
        lambda spans, cv: walk_forward(spans.time_us, cv.n_splits, test_size=cv.test_size), config=CvConfig
    ),
    "sliding": SplitterSpec(
        lambda spans, cv: walk_forward(spans.time_us, cv.n_splits, sliding=True, test_size=cv.test_size),
        config=CvConfig,
    ),
    "kfold": SplitterSpec(lambda spans, cv: kfold(spans.time_us, cv.n_splits), "raise cv.n_splits", config=CvConfig),
    "combinatorial": SplitterSpec(
        lambda spans, cv: combinatorial(spans.time_us, cv.n_splits, cv.test_groups),
        "lower cv.test_groups",
        config=CvConfig,
    ),
}


@dataclass(frozen=True)
class FoldSplit:
    """One fold. Rows of the table at which samples are made, int64, ascending; a row is in one of them or in none.

    A search that is short of rows may score trials on what stops their training (`inner_folds`): test is val then.

    Attributes:
        number: counts from 1.
        train: what the model learns from.
        val: the newest of what may be trained on; stops the training.
        test: what the fold is judged on.
        purged: not trained on, because their span touches val's or test's.
        embargoed: not trained on, because they lie within the embargo around val or test.
        cutoff_us: the first moment of test.
    """

    number: int
    train: Rows
    val: Rows
    test: Rows
    purged: Rows
    embargoed: Rows
    cutoff_us: int

    @property
    def purged_rows(self) -> int:
        """How many samples were purged."""
        return self.purged.size

    @property
    def embargo_rows(self) -> int:
        """How many samples were dropped by the embargo alone."""
        return self.embargoed.size


def make_folds(spans: Spans, cv: CvSection, split: SplitConfig, timeframe: timedelta) -> tuple[FoldSplit, ...]:
    """Cuts samples into folds.

    No span in train or val has a moment in common with one in test, nor one in train with one in val, in any symbol;
    the embargo lies between them on either side. Test is never shortened. Within a fold, val is the newest `cv.val` of
    what the purge against test left over, so it is newer than all of train; where a test block lies in the midst of it,
    it goes on beyond.

    Args:
        spans: the samples; in microseconds.
        cv: the splitter and its numbers.
        split: embargo and least purge; its fractions play no part.
        timeframe: one row's worth of time.

    Returns:
        `cv.num_folds` folds, in order of their test blocks. What was dropped is also said in the log, a line a fold.

    Raises:
        NotEnoughRowsError: more splits than the data carries, or a fold that the purge emptied; names the fold and the
            fields to change.
    """
    gap_us, origin = embargo_us(split, timeframe, spans)
    least_us = purge_us(split, timeframe)
    size = f"{spans.row.size:,}"
    _log.info("folds: %s, %s, of %s samples; embargo %s (%s)", cv.num_folds, cv.splitter, size, _words(gap_us), origin)
    return tuple(
        _make_fold(spans, number, candidates, test, cv, gap_us, least_us)
        for number, (candidates, test) in enumerate(fold_masks(spans, cv), start=1)
    )


def make_holdout(spans: Spans, share: float, cv: CvSection, split: SplitConfig, timeframe: timedelta) -> FoldSplit:
    """One fold that tests the newest `share` of the samples; all else is as in `make_folds`.

    Raises:
        NotEnoughRowsError: the purge left nothing to train on.
    """
    gap_us, _ = embargo_us(split, timeframe, spans)
    least_us = purge_us(split, timeframe)
    test = _newest(spans.time_us, np.ones(spans.row.size, dtype=bool), share)
    return _make_fold(spans, 1, ~test, test, cv, gap_us, least_us, "the holdout")


def fold_masks(spans: Spans, cv: CvSection) -> Iterable[tuple[Mask, Mask]]:
    """Each fold's (what may be trained on, what is tested), bool [samples], before any purge.

    Raises:
        UnknownNameError: no splitter of that name.
        ConfigError: one's own splitter raises, or its folds break the contract (`require_masks`).
    """
    splitter = find_part("splitter", cv.splitter, SPLITTERS, SplitterSpec)
    if cv.splitter in SPLITTERS:
        return splitter.masks(spans, cv)
    with whose_code(f"splitter {cv.splitter}", "cut these samples"):
        masks = list(splitter.masks(spans, cv))
    return require_masks(masks, spans, cv)


def backtest_paths(folds: Sequence[FoldSplit]) -> tuple[Rows, ...]:
    """The backtest path that each tested row belongs to, so that over all folds a path tests its rows once each.

    Walk-forward and k-fold test a row once: all is path 0. Combinatorial folds test it in as many folds as there are
    paths; the first of these goes to path 0, the second to path 1, and so on, as in `combinatorial_paths`.

    Returns:
        int64 [len(fold.test)] for each fold, aligned with `fold.test`.
    """
    rows = np.concatenate([fold.test for fold in folds])
    order = np.argsort(rows, kind="stable")
    first = np.flatnonzero(np.diff(rows[order], prepend=-1))
    path = np.empty(rows.size, dtype=np.int64)
    path[order] = np.arange(rows.size) - np.repeat(first, np.diff(np.append(first, rows.size)))
    return tuple(np.split(path, np.cumsum([fold.test.size for fold in folds])[:-1]))


def _make_fold(
    spans: Spans,
    number: int,
    candidates: Mask,
    test: Mask,
    cv: CvSection,
    gap_us: int,
    least_us: int,
    name: str | None = None,
) -> FoldSplit:
    around = {"embargo_before_us": gap_us, "embargo_after_us": gap_us, "least_distance_us": least_us}
    of_test = purge(spans, candidates, test, **around)
    val, of_val = newest_apart(spans, of_test.kept, cv.val, gap_us, least_us)
    purged, embargoed = of_test.purged | of_val.purged, of_test.embargoed | of_val.embargoed
    name = name or f"fold {number} of {cv.num_folds:,}"
    sizes = (
        f"train {of_val.kept.sum():,}, val {val.sum():,}, test {test.sum():,} samples; "
        f"{purged.sum():,} purged, {embargoed.sum():,} embargoed ({_words(gap_us)})"
    )
    if not of_val.kept.any():
        remedy = find_part("splitter", cv.splitter, SPLITTERS, SplitterSpec).remedy
        raise NotEnoughRowsError(
            f"{name} must keep samples to train on; none is left of {candidates.sum():,}: {sizes}",
            f"give more rows, {remedy}, or lower cv.val, windows.sequence_length, target.horizon, "
            "split.embargo, split.purge_rows or the features' lookback",
        )
    cutoff_us = int(spans.time_us[test].min())
    _log.info("%s: %s; test from %s", name, sizes, np.datetime64(cutoff_us, "us").astype("datetime64[s]"))
    return FoldSplit(
        number=number,
        train=spans.row[of_val.kept],
        val=spans.row[val],
        test=spans.row[test],
        purged=spans.row[purged],
        embargoed=spans.row[embargoed],
        cutoff_us=cutoff_us,
    )


def newest_apart(spans: Spans, kept: Mask, share: float, gap_us: int, least_us: int) -> tuple[Mask, Purge]:
    """Of samples that a model may be made of the newest share, which stops its training, and what the others become.

    Args:
        gap_us: the embargo before the newest. least_us: see `purge`.
    """
    val = _newest(spans.time_us, kept, share)
    around = {"embargo_before_us": gap_us, "embargo_after_us": gap_us, "least_distance_us": least_us}
    return val, purge(spans, kept & ~val, val, **around)


def _newest(time_us: Rows, kept: Mask, share: float) -> Mask:
    """At least one sample, where there is one, and the whole of the oldest moment that is in."""
    ordered = np.sort(time_us[kept])
    count = max(1, round(share * ordered.size))
    return kept & (time_us >= ordered[-count]) if ordered.size else kept


def _words(duration_us: int) -> str:
    return format_duration(timedelta(microseconds=duration_us))

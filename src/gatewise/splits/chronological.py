"""The oldest samples train, the next ones choose, the newest ones judge; nothing that a later part touches is kept."""

from __future__ import annotations

import logging
import math
from datetime import timedelta

import numpy as np

from gatewise.config.schema import SplitConfig, format_duration
from gatewise.errors import NotEnoughRowsError
from gatewise.splits.base import Spans, Split
from gatewise.splits.by_rows import cut_by_rows, labels_alone
from gatewise.splits.embargo import embargo_us, purge_us
from gatewise.splits.purge import Mask, Purge, purge

_log = logging.getLogger("gatewise.splits")


def chronological_split(spans: Spans, spec: SplitConfig, timeframe: timedelta, certify: float = 0.0) -> Split:
    """Cuts samples by time into train, val, certify and test, then purges and embargoes what comes before each cut.

    Fractions count samples in order of time. A cutoff is one moment for all symbols, so samples of one moment stay in
    one part. Test is never shortened: each earlier part gives way to what is left of the later ones. With
    `method: rows` parts are those of `cut_by_rows`.

    Args:
        spans: the samples; in microseconds.
        spec: fractions, embargo, least purge. `test: 0` gives a plain train/val split with no test.
        timeframe: one row's worth of time.
        certify: share of the val samples, the newest, that make a part of their own; 0: there is none.

    Returns:
        Row numbers of the table. What was dropped and why is also said in the log.

    Raises:
        NotEnoughRowsError: a part is empty, at once or after purging; names the part and the fields to change.
    """
    asked = {"train": spec.train, "val": spec.val, "certify": certify, "test": spec.test}
    by_rows = cut_by_rows(spans, spec) if spec.method == "rows" else None
    train, val, test = (by_rows.train, by_rows.val, by_rows.test) if by_rows else _parts(spans, spec)
    val, newest_val = _in_two(spans, val, certify)
    sizes = {part: int(mask.sum()) for part, mask in zip(asked, (train, val, newest_val, test), strict=True)}
    for part, size in sizes.items():
        if asked[part] and not size:
            raise NotEnoughRowsError(
                f"the {part} part must hold at least one sample; got none of {spans.row.size} "
                f"(split.{part}={asked[part]:g})",
                f"give more rows, a larger split.{part}, or a shorter windows.sequence_length",
            )
    cutoffs = tuple(int(spans.time_us[part].min()) for part in (val, newest_val, test) if part.any())

    step_us = timeframe // timedelta(microseconds=1)
    gap_us, origin = embargo_us(spec, timeframe, spans)
    least_us = purge_us(spec, timeframe)
    kept_apart = spans if spec.purge_inputs else labels_alone(spans)
    later, dropped = test, {}
    for part, mask in (("certify", newest_val), ("val", val), ("train", train)):
        dropped[part] = left = purge(kept_apart, mask, later, embargo_before_us=gap_us, least_distance_us=least_us)
        later = later | left.kept
        if asked[part] and not left.kept.any():
            raise NotEnoughRowsError(
                f"the {part} part must keep at least one sample; all {sizes[part]} were dropped: "
                f"{left.purged.sum()} purged, {left.embargoed.sum()} embargoed ({_words(gap_us)}), "
                f"of {spans.row.size} samples in all",
                f"give more rows, or lower windows.sequence_length, target.horizon, split.embargo, split.purge_rows or "
                f"the features' lookback, or raise split.{part}" + " or split.val" * (part == "certify"),
            )
    purged = sum(int(left.purged.sum()) for left in dropped.values())
    embargoed = sum(int(left.embargoed.sum()) for left in dropped.values())
    kept = {part: dropped[part].kept if part in dropped else test for part, share in asked.items() if share}
    _log.info(
        "split: %s samples; %s purged (%s touches a later part), %s embargoed (%s = %g rows; %s)",
        ", ".join(f"{part} {int(mask.sum()):,}" for part, mask in kept.items()),
        f"{purged:,}",
        "label or input" if spec.purge_inputs else "label",
        f"{embargoed:,}",
        _words(gap_us),
        gap_us / step_us,
        origin,
    )
    remarks: tuple[str, ...] = ()
    if by_rows:
        across = int(by_rows.across.sum())
        purged += across
        remarks = (_remark(sizes, dropped, across),)
        _log.info("%s", remarks[0])
    return Split(
        train=spans.row[dropped["train"].kept],
        val=spans.row[dropped["val"].kept],
        test=spans.row[test],
        purged_rows=purged,
        embargo_rows=embargoed,
        embargo_us=gap_us,
        cutoffs_us=cutoffs,
        remarks=remarks,
        certify=spans.row[dropped["certify"].kept],
    )


def _parts(spans: Spans, spec: SplitConfig) -> tuple[Mask, Mask, Mask]:
    size = spans.time_us.size
    num_train = round(spec.train * size)
    num_judged_last = size - round((spec.train + spec.val) * size) if spec.test else 0
    never = np.iinfo(np.int64).max
    ends = (num_train, size - num_judged_last)
    within = sorted({end for end in ends if end < size})
    # Sorted as far as these two places need it: a fifth of the time of a whole sort.
    ordered = np.partition(spans.time_us, within) if within else spans.time_us
    first_val, first_test = (int(ordered[end]) if end < size else never for end in ends)
    train, test = spans.time_us < first_val, spans.time_us >= first_test
    return train, ~train & ~test, test


def _in_two(spans: Spans, part: Mask, share: float) -> tuple[Mask, Mask]:
    """A part without its newest `share` of samples, and these; samples of one moment stay together."""
    time_us = np.sort(spans.time_us[part])
    taken = min(math.ceil(share * time_us.size), time_us.size - 1)
    if taken <= 0:
        return part, np.zeros_like(part)
    newest = part & (spans.time_us >= time_us[time_us.size - taken])
    return part & ~newest, newest


def _remark(sizes: dict[str, int], dropped: dict[str, Purge], across: int) -> str:
    taken = {part: sizes[part] - int(dropped[part].kept.sum()) for part in ("train", "val", "certify") if sizes[part]}
    parts = " and ".join(f"{number:,} of {sizes[part]:,} {part} windows" for part, number in taken.items())
    return (
        f"Parts are cut by rows: all {sizes['test']:,} test windows are kept; the purge took {parts}; the labels of "
        f"{across:,} more lie in two parts"
    )


def _words(duration_us: int) -> str:
    return format_duration(timedelta(microseconds=duration_us))

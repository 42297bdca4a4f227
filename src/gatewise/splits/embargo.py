"""How long an embargo is, as told, or five days of it; and the least distance that is purged."""

from __future__ import annotations

from datetime import timedelta

from gatewise.config.schema import SplitConfig, format_duration
from gatewise.splits.base import Spans

DEFAULT = timedelta(days=5)
DEFAULT_ROWS = 5
LARGEST_SHARE_PERCENT = 2
_MICROSECOND = timedelta(microseconds=1)
_LONGEST_US = 10**18  # longer than rows can lie apart; 2^31 rows of a day are more, and no longer int64 beside a time


def embargo_us(spec: SplitConfig, timeframe: timedelta, spans: Spans) -> tuple[int, str]:
    """The embargo in microseconds, and where it comes from in words.

    Rows count as rows x timeframe, so that an embargo is the same stretch of time for every symbol and through every
    gap. Without a word from the config: five days (five rows where a row is a day or longer), at most 2 % of the time
    from the first sample to the last, in whole rows; none with `method: rows`. Five days are 1440 bars of five minutes.
    """
    step = timeframe // _MICROSECOND
    if spec.embargo is not None:
        return min(spec.embargo // _MICROSECOND, _LONGEST_US), "split.embargo"
    if spec.embargo_rows is not None:
        words = f"split.embargo_rows: {spec.embargo_rows} x {format_duration(timeframe)}"
        return min(spec.embargo_rows * step, _LONGEST_US), words
    if spec.method == "rows":
        return 0, "split.method rows has none"
    usual = max(DEFAULT // _MICROSECOND, DEFAULT_ROWS * step)
    most = int(spans.time_us.max() - spans.time_us.min()) * LARGEST_SHARE_PERCENT // 100 if spans.row.size else 0
    if usual <= most:
        return usual, "default: five days, or five rows where a row is a day or longer"
    return most // step * step, f"default: five days, capped at {LARGEST_SHARE_PERCENT}% of the series"


def purge_us(spec: SplitConfig, timeframe: timedelta) -> int:
    """`split.purge_rows` in microseconds: samples so near an evaluated one are purged whatever they read; 0: none."""
    return min(spec.purge_rows * (timeframe // _MICROSECOND), _LONGEST_US)

"""Hours of trade on a clock of 12 hours, sorted: 1:00 to 3:59 stands ahead of 9:30 to 12:59 under the same date.

Nothing goes back and nothing comes twice, so prices tell: the first row of a date opens where its own last row closed,
and not where the date before did, day after day.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from gatewise.data.order import in_order
from gatewise.data.stamps.turned_back import TO_HOURS
from gatewise.data.table import STAMP, SYMBOL
from gatewise.errors import AmbiguousError

_FEWEST_DATES, _LEAST_SHARE, _MUCH_NEARER = 10, 0.9, 0.1
_LEAST_REST = 2  # hours without a row between the afternoon and the morning
_FIRST_ROWS = 10_000


def refuse_half_clock(name: str, frame: pl.DataFrame, zone: str) -> None:
    """Refuses rows whose afternoons stand ahead of their mornings.

    Args:
        name: how errors call the file.
        frame: symbol, `__stamp` and columns of numbers, in any order.
        zone: whose clock the stamps show.

    Raises:
        AmbiguousError: they do.
    """
    if not {"open", "close"} <= {*frame.columns} or not _may_be_half(frame[STAMP], zone):
        return
    date = pl.col(STAMP).dt.convert_time_zone(zone).dt.date().alias("date")
    days = in_order(frame.select(SYMBOL, STAMP, "open", "close")).group_by(SYMBOL, date, maintain_order=True)
    ends = days.agg(pl.col("open").first(), pl.col("close").last())
    ends = ends.with_columns(pl.col("close").shift().over(SYMBOL).alias("before"))
    opened, last, before = (ends[column].to_numpy() for column in ("open", "close", "before"))
    with np.errstate(invalid="ignore", divide="ignore"):
        to_own, to_before = (np.abs(np.log(opened / close)) for close in (last, before))
    clear = np.isfinite(to_own) & np.isfinite(to_before) & (to_own != to_before)
    nearer = int((to_own < to_before)[clear].sum())
    if clear.sum() < _FEWEST_DATES or nearer < _LEAST_SHARE * clear.sum():
        return
    if np.median(to_own[clear]) < _MUCH_NEARER * np.median(to_before[clear]):
        raise AmbiguousError(
            f"{name}: {nearer} of {int(clear.sum())} dates open where their own last row closed, and no hour is above "
            "12: the clock counts 12 hours, nothing says AM or PM, and afternoons stand ahead of mornings",
            TO_HOURS,
        )


def _may_be_half(stamp: pl.Series, zone: str) -> bool:
    """Whether rows stand at 12 and 1, at no hour above 12 or at midnight, and a rest parts the two halves."""
    if not _hours(stamp.head(_FIRST_ROWS), zone).is_between(1, 12).all():  # most files end here
        return False
    hour = _hours(stamp, zone)
    if hour.max() != 12 or hour.min() != 1:
        return False
    gaps = np.diff(np.unique(hour.to_numpy()).astype(np.int64))
    return int((gaps > _LEAST_REST).sum()) == 1 and bool((gaps[gaps <= _LEAST_REST] == 1).all())


def _hours(stamp: pl.Series, zone: str) -> pl.Series:
    return stamp.dt.convert_time_zone(zone).dt.hour()

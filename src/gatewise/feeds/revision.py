"""Series whose old rows change at the source: prices adjusted for dividends and splits, with every new one."""

from __future__ import annotations

import polars as pl

from gatewise.errors import ReadError
from gatewise.feeds.base import Feed
from gatewise.feeds.retry import Retry
from gatewise.lake.base import TIME, SeriesKey
from gatewise.lake.lake import Lake

REVISED = (
    "earlier rows have changed at the source since the last fetch, as adjusted prices do with every dividend and "
    "split: all of it was fetched again"
)
_TOLERANCE = 1e-5  # sources round; the smallest dividends move earlier prices by more


def is_revised(feed: Feed, key: SeriesKey, lake: Lake, retry: Retry) -> bool:
    """Whether the rows that the lake holds differ from what the feed says of them now; costs all their pages.

    Rows that can't be read count as different, as a part that is fetched anew may not fit to the rest.

    Raises:
        FeedError: the source refuses, or did not answer after every try.
    """
    if not feed.revises(key):
        return False
    series = lake.series(key)
    try:
        manifest = series.manifest
        if manifest is None or not manifest.rows:
            return False
        held = series.read()
    except ReadError:
        return True
    cursor, end = manifest.covered[0][0], manifest.covered[-1][1]
    while cursor < end:
        page = feed.page(key, cursor, end, retry)
        if _differ(held, page.frame):
            return True
        cursor = page.resume
    return False


def _differ(held: pl.DataFrame, answered: pl.DataFrame) -> bool:
    both = held.join(answered, on=TIME, suffix="__now")
    return any(
        both.filter((pl.col(name) - pl.col(f"{name}__now")).abs() > _TOLERANCE * pl.col(name).abs()).height
        for name in held.columns
        if f"{name}__now" in both.columns and name != "volume"  # which sources correct for weeks
    )

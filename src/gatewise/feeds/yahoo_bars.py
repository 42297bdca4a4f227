"""Yahoo's rows as bars of the lake: adjusted or as they were traded, and stamped with the moment they are knowable.

Yahoo's own prices are neither: it divides all earlier prices by every later split, and adjusts `Adj Close` alone for
dividends. As traded means that splits are undone, so that a row never changes again; adjusted means that both are in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.market.sessions import session_close, sessions
from gatewise.data.steps.timeframe import DAY, knowable
from gatewise.lake.base import TIME

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_PRICES = ("Open", "High", "Low", "Close")


@dataclass(frozen=True)
class Answered:
    """Rows as yfinance gives them without adjustment, as plain arrays of one length.

    Attributes:
        stamp_us: the bars' opens, for daily bars the midnight of their date at the exchange; UTC.
        open, high, low, close: divided by all later splits; NaN where missing.
        adjusted_close: for dividends too.
        volume: times all later splits.
        dividends: a share's, a fund's capital gains among them, on the day it is first traded without; 0 on other
            days; divided by later splits.
        splits: new shares for an old one on the day of a split; 0 on other days.
    """

    stamp_us: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    adjusted_close: Floats
    volume: Floats
    dividends: Floats
    splits: Floats

    @classmethod
    def of(cls, frame: Any) -> Answered:
        """From the pandas frame of `Ticker.history(auto_adjust=False, actions=True)`."""
        stamps = frame.index.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
        if "Capital Gains" in frame.columns:  # of funds, paid out as dividends are
            frame = frame.assign(Dividends=frame["Dividends"] + frame["Capital Gains"])
        names = (*_PRICES, "Adj Close", "Volume", "Dividends", "Stock Splits")
        return cls(stamps, *(frame[name].to_numpy(dtype=np.float64) for name in names))


def frame_of(
    rows: Answered, *, adjusted: bool, splits: Answered, timeframe: timedelta, zone: str, calendar: str | None
) -> pl.DataFrame:
    """Bars of the lake.

    Args:
        rows: of the span.
        adjusted: for splits and dividends, as daily rows can be; else as traded, with the columns dividends and splits.
        splits: daily rows from the span's start until now, which tell of every later split.
        timeframe: of the rows.
        zone: of the exchange.
        calendar: its code, if it is known.

    Returns:
        time, open, high, low, close, volume (and dividends, splits), in order of time; rows without a close left out.
    """
    values = {name.lower(): getattr(rows, name.lower()) for name in _PRICES}
    if adjusted:
        factor = rows.adjusted_close / rows.close
        columns = {name: value * factor for name, value in values.items()} | {"volume": rows.volume}
    else:
        factor = later_splits(rows.stamp_us, splits)
        columns = {name: value * factor for name, value in values.items()}
        # Yahoo rounds volume to whole shares of today.
        columns |= {
            "volume": np.round(rows.volume / factor),
            "dividends": rows.dividends * factor,
            "splits": rows.splits,
        }
    time = knowable_at(rows.stamp_us, timeframe, zone, calendar)
    frame = pl.DataFrame([time, *(pl.Series(name, value, nan_to_null=True) for name, value in columns.items())])
    return frame.filter(pl.col("close").is_not_null()).sort(TIME)


def later_splits(stamp_us: Ints, splits: Answered) -> Floats:
    """For each moment the product of all splits after it: how many shares one of then is now."""
    there = np.flatnonzero(splits.splits > 0)
    products = np.append(np.cumprod(splits.splits[there][::-1])[::-1], 1.0)
    return np.asarray(products[np.searchsorted(splits.stamp_us[there], stamp_us, side="right")], np.float64)


def knowable_at(stamp_us: Ints, timeframe: timedelta, zone: str, calendar: str | None) -> pl.Series:
    """When bars are complete: days at their session's close, shorter ones at their end or the close before it."""
    stamp = pl.Series(TIME, stamp_us).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    plain = pl.select(knowable(pl.lit(stamp), timeframe, zone).alias(TIME)).to_series()
    if calendar is None or not stamp_us.size:
        return plain
    if timeframe >= DAY:
        return session_close(stamp, plain, zone, calendar)
    of_calendar = sessions(calendar, int(stamp_us.min()), int(stamp_us.max()))
    at = np.searchsorted(of_calendar.start_us, stamp_us, side="right") - 1
    ends = stamp_us + timeframe // timedelta(microseconds=1)
    cut = (at >= 0) & (stamp_us < of_calendar.end_us[at])
    ends = np.where(cut, np.minimum(ends, of_calendar.end_us[at]), ends)
    return pl.Series(TIME, ends).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")

"""The Table: a validated long frame of rows that each say when they may be used."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.blocks import block_starts
from gatewise.data.market.sessions import trading_time
from gatewise.errors import NotEnoughRowsError, QualityError, SchemaError

SYMBOL = "symbol"
TIME = "time"
AGAIN = "__again_"  # ahead of a number and the name of a column whose name another has before it
STAMP, FILE, ROW = "__stamp", "__file", "__row"  # columns of rows on their way into a table
OHLC = ("open", "high", "low", "close")
OHLCV = (*OHLC, "volume")


@dataclass(frozen=True)
class Table:
    """Rows of one or many symbols, sorted by symbol and time, each stamped with the moment it is knowable.

    Not to be confused with a file's rows: sources that stamp a bar's open are shifted by one timeframe before they
    become a Table. Missing values are null, never NaN; nothing is filled. A row number of `frame` is the address that
    features, labels, splits and windows share.

    Attributes:
        frame: `symbol` (String), `time` (Datetime[us, UTC]), then Float64 columns.
        timeframe: the usual step between two rows of a symbol.
        gap_tolerance: a longer step between two rows is a gap, which no feature, window or label may cross.
        calendar: code of an exchange's calendar; steps are then measured in its trading time (`trading_time`).
        origin: of each row `__file` (UInt32, from 0), `__row` (Int64, from 1, as errors count), then the source's own
            columns of the time as they stand there; `None`: rows that were made here. It is no part of the
            fingerprint, and goes where the rows themselves go (`slice`), not to other ones.
        late_months: by how many months rows of months are knowable later than their periods end, as a stamp of a last
            day is read as the next period's start; `None`: some are, and some are not.
        repairs: what was mended when rows were read, as JSON values; a bundle keeps them.
        any_prices: prices may be 0 or negative, as back-adjusted ones are: returns are differences, in price units.
    """

    frame: pl.DataFrame
    timeframe: timedelta
    gap_tolerance: timedelta
    calendar: str | None = None
    any_prices: bool = False
    repairs: tuple[Mapping[str, Any], ...] = ()
    late_months: int | None = 0
    origin: pl.DataFrame | None = None

    def __post_init__(self) -> None:
        dtypes = dict(self.frame.schema)
        if list(dtypes)[:2] != [SYMBOL, TIME]:
            raise SchemaError(f"a table starts with columns symbol, time; got {list(dtypes)[:2]}")
        if dtypes[SYMBOL] != pl.String or dtypes[TIME] != pl.Datetime("us", "UTC"):
            raise SchemaError(f"symbol must be String and time Datetime[us, UTC]; got {dtypes[SYMBOL]}, {dtypes[TIME]}")
        wrong = [name for name in self.columns if dtypes[name] != pl.Float64]
        if wrong:
            raise SchemaError(f"columns must be Float64; got {', '.join(f'{n}: {dtypes[n]}' for n in wrong)}")
        if self.frame.is_empty():
            raise NotEnoughRowsError("a table needs at least one row; got none")
        if self.timeframe <= timedelta(0) or self.gap_tolerance < self.timeframe:
            raise SchemaError(
                f"0 < timeframe <= gap tolerance must hold; got {self.timeframe}, {self.gap_tolerance}",
                "data.gap_tolerance takes at least one data.timeframe",
            )
        if self.frame[SYMBOL].null_count() or self.frame[TIME].null_count():
            raise QualityError("every row must have a symbol and a time")
        falls = np.diff(self.time_us) <= 0
        falls[self.symbol_starts[1:] - 1] = False
        if falls.any() or len(set(self.symbols)) != len(self.symbols):
            raise QualityError("rows must be sorted by symbol and time, with no time twice in a symbol")
        assert self.origin is None or self.origin.height == self.frame.height

    @property
    def num_rows(self) -> int:
        return self.frame.height

    @property
    def columns(self) -> tuple[str, ...]:
        """The numeric columns, in order."""
        return tuple(self.frame.columns[2:])

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.frame[SYMBOL].gather(self.symbol_starts).to_list())

    @cached_property
    def time_us(self) -> npt.NDArray[np.int64]:
        """Microseconds since the epoch at which each row is knowable."""
        return self.frame[TIME].dt.epoch("us").to_numpy()

    @cached_property
    def source_row(self) -> npt.NDArray[np.int64]:
        """Each row's place among those of its file, from 0 in the order that the source gave them, int64 [rows].

        A longer bar's is that of the last row in it. Of wide files several symbols' rows share one.
        """
        return np.arange(self.num_rows) if self.origin is None else self.origin[ROW].to_numpy() - 1

    @cached_property
    def symbol_starts(self) -> npt.NDArray[np.int64]:
        """The first row of each of `symbols`, int64 [symbols]."""
        return block_starts(self.frame[SYMBOL])

    @cached_property
    def segment_start(self) -> npt.NDArray[np.int64]:
        """For each row the first row of its segment: the longest run of one symbol without a gap."""
        starts, clock_us = np.zeros(self.num_rows, np.bool_), self.time_us
        starts[self.symbol_starts] = True
        if self.calendar is not None:
            clock_us = trading_time(clock_us, self.calendar, self.timeframe)
        starts[1:] |= np.diff(clock_us) > self.gap_tolerance // timedelta(microseconds=1)
        first = np.flatnonzero(starts)
        return np.repeat(first, np.diff(first, append=self.num_rows))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over symbols, times, segments, names, values, calendar: equal tables, equal prints, everywhere."""
        calendar = () if self.calendar is None else ("\x1e", self.calendar)
        if self.any_prices:
            calendar = (*calendar, "\x1e", "any prices")
        if self.late_months != 0:
            calendar = (*calendar, "\x1e", f"late by {self.late_months} months")
        digest = hashlib.sha256("\x1f".join((*self.symbols, "\x1e", *self.columns, *calendar)).encode())
        digest.update(self.symbol_starts.tobytes())
        digest.update(np.ascontiguousarray(self.segment_start).tobytes())
        digest.update(np.ascontiguousarray(self.time_us).tobytes())
        for name in self.columns:
            digest.update(np.ascontiguousarray(self.frame[name].fill_null(float("nan")).to_numpy()).tobytes())
        return digest.hexdigest()

    def with_frame(self, frame: pl.DataFrame) -> Table:
        """The same clock over other rows."""
        return replace(self, frame=frame, origin=None)

    def slice(self, first: int, length: int) -> Table:
        """Rows in a row, with their places in the source."""
        origin = None if self.origin is None else self.origin.slice(first, length)
        return replace(self, frame=self.frame.slice(first, length), origin=origin)


def require_bars(table: Table) -> None:
    """Checks that a table is bars: OHLCV present, finite, positive prices if they must be, low <= open, close <= high.

    Raises:
        SchemaError: a column is missing.
        QualityError: the first row that breaks a rule, by symbol and time.
    """
    missing = [name for name in OHLCV if name not in table.columns]
    if missing:
        raise SchemaError(
            f"bars need columns {', '.join(OHLCV)}; missing: {', '.join(missing)} (have: {', '.join(table.columns)})",
            "name raw columns instead: features.sets=[] with features.columns=[…]",
        )
    low, high = pl.col("low"), pl.col("high")
    rules = {
        "prices must be positive and finite": pl.any_horizontal(
            ((pl.col(c) <= 0) & (not table.any_prices)) | pl.col(c).is_infinite() for c in OHLC
        ),
        "volume must be finite and not negative": (pl.col("volume") < 0) | pl.col("volume").is_infinite(),
        "low <= open, close <= high must hold": (low > pl.min_horizontal("open", "close"))
        | (high < pl.max_horizontal("open", "close")),
    }
    for rule, broken in rules.items():
        offenders = table.frame.filter(broken.fill_null(False))
        if offenders.height:
            row = offenders.row(0, named=True)
            values = ", ".join(f"{c}={row[c]:g}" for c in OHLCV if row[c] is not None)
            raise QualityError(
                f"{rule}; rows that break it: {offenders.height}, the first at {row[SYMBOL]} "
                f"{row[TIME]:%Y-%m-%d %H:%M:%S}: {values}",
                "gatewise data check with the same settings shows them"
                + ('; data.prices="any" takes back-adjusted ones' if "positive" in rule else ""),
            )

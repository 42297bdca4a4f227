"""Rows without a header, known by the shape of their cells and proved by the order of their prices.

Sources: Binance's public archive (klines); Kraken's downloadable OHLCVT; histdata.com's "detailed files specification"
(ASCII and MetaTrader minutes); Kibot's "Data format"; EODData's read-me (Metastock ASCII); ccxt's `fetch_ohlcv`; the
API documentation of Bybit (v5, "Get Kline") and OKX (v5, "Get candlesticks").
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import polars as pl

from gatewise.config.schema import DataConfig
from gatewise.data.table import OHLC, ROW
from gatewise.errors import ReadError

KLINE = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)
_DIGITS = r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_DATE = rf"(?:\d{{4}}([-/.])\d{{1,2}}\1\d{{1,2}}|\d{{1,2}}([-/.])\d{{1,2}}\2\d{{4}}|{_DIGITS})"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?"
_CELLS = {
    "e": r"\d{10}(?:\.0+)?|\d{13}|\d{16}|\d{19}",  # an epoch
    "s": r"\d{10}(?:\.0+)?",  # an epoch in seconds
    "m": r"\d{13}",  # an epoch in milliseconds
    "d": _DATE,
    "t": rf"{_DATE}(?:[T ]{_CLOCK}(?: ?[AaPp][Mm]|Z|[+-]\d{{2}}:?\d{{2}})?| \d{{6}}| \d{{4}})",  # date and clock
    "c": rf"{_CLOCK}|\d{{4}}|\d{{6}}",
    "w": r"[A-Za-z][\w.\-/=^:]*",
    "n": r"(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)?",
    "i": r"(?:\d+(?:\.0+)?)?",
    "f": r"[01]",
}
_BARS = (*OHLC, "volume")
_ROUNDED = 1e-3  # amounts are written with few digits
_LEAN = r"\d{8} \d{2}:\d{2}"


@dataclass(frozen=True)
class Layout:
    """Rows of one shape.

    Attributes:
        cells: a letter a cell, of `_CELLS`.
        columns: their names.
        who: whose files are of this shape.
    """

    cells: str
    columns: tuple[str, ...]
    who: str

    @property
    def proved(self) -> bool:
        """Whether other columns than a time and bars say whose rows they are, and so in which order."""
        return not {*self.columns} <= {"symbol", "date", "time", *_BARS}

    @property
    def usual(self) -> bool:
        """Whether programs alone write such rows, and all known ones in this order."""
        return self.cells.startswith("e")


LAYOUTS = (
    Layout("nnnnnnnnnnnn", KLINE, "exchange klines"),
    Layout("snnnnni", ("time", *_BARS, "trades"), "Kraken's OHLCVT"),
    Layout("snnnnnni", ("time", *OHLC, "vwap", "volume", "trades"), "Kraken's OHLC answers"),
    Layout("ennnnn", ("time", *_BARS), "candles of ccxt and exchanges"),
    Layout("mnnnnnn", ("time", *_BARS, "turnover"), "Bybit's klines"),
    Layout("mnnnnnnnf", ("time", *_BARS, "volume_ccy", "turnover", "confirm"), "OKX's candles"),
    Layout("tnnnnn", ("time", *_BARS), "HistData, NinjaTrader, FirstRate"),
    Layout("tnnnn", ("time", *OHLC), "bars without volume"),
    Layout("dcnnnnn", ("date", "time", *_BARS), "MetaTrader, HistData, Kibot"),
    Layout("dcnnnn", ("date", "time", *OHLC), "bars without volume"),
    Layout("dnnnnn", ("date", *_BARS), "days of Kibot, NinjaTrader, FirstRate"),
    Layout("dnnnn", ("date", *OHLC), "days without volume"),
    Layout("wdnnnnn", ("symbol", "date", *_BARS), "days of EODData, Metastock"),
    Layout("wdcnnnnn", ("symbol", "date", "time", *_BARS), "Metastock"),
    Layout("wtnnnnn", ("symbol", "time", *_BARS), "bars of several symbols"),
)


def find_layout(rows: Sequence[Sequence[str]]) -> Layout | None:
    """The layout whose shape all rows have."""
    for layout in LAYOUTS:
        patterns = [_CELLS[letter] for letter in layout.cells]
        if all(
            len(row) == len(patterns)
            and all(re.fullmatch(rf"\s*(?:{p})\s*", cell) for p, cell in zip(patterns, row, strict=True))
            for row in rows
        ):
            return layout
    return None


def _clock_of(file: str) -> tuple[str, ...]:
    """What is known of the clock of stamps without a zone by whose file it is."""
    if re.match(r"DAT_(ASCII|MT|NT|MS|XLSX)_", file):
        return ('HistData stamps by New York\'s clock without daylight saving time: data.timezone="Etc/GMT+5"',)
    return ()


def _is_lean(rows: Sequence[Sequence[str]]) -> bool:
    """Whether these are LEAN's hours or days, whose prices may be scaled: `20131001 09:00,…`."""
    return all(len(row) == 6 and re.fullmatch(_LEAN, row[0].strip()) for row in rows)


def headless(
    name: str, file: PurePath, rows: Sequence[Sequence[str]], spec: DataConfig
) -> tuple[tuple[str, ...], Layout | None, tuple[str, ...]]:
    """The columns' names of rows without a header: those that were said, or by their shape.

    Args:
        name: how errors call the file.
        file: its path, which may tell whose it is.
        rows: cells of the first rows.
        spec: may say the columns' names.

    Returns:
        The names, the layout that gave them, if any, and notes.

    Raises:
        ReadError: another number of columns than names, or rows of no known shape.
    """
    if spec.columns_are:
        if len(rows[0]) != len(spec.columns_are):
            raise ReadError(
                f"{name} must have {len(spec.columns_are)} columns ({', '.join(spec.columns_are)}); got {len(rows[0])}",
                _names_hint(len(rows[0])),
            )
        return spec.columns_are, None, ()
    lean = _is_lean(rows)
    layout = None if lean else find_layout(rows)
    if layout is None:
        named = len(rows[0]) == 6 and re.search(r"_(trade|minute|second)\b", f"{name} {file.stem}")
        raise ReadError(
            f"{name} has no header: its first line holds numbers ({','.join(rows[0])[:60]})",
            'a LEAN file? data.format="lean"' if named or lean else _names_hint(len(rows[0])),
        )
    note = (
        f"no header; by the shape of its rows ({layout.who}) the columns are {', '.join(layout.columns)} "
        "(data.columns_are says otherwise)"
    )
    return layout.columns, layout, (note, *(() if spec.timezone else _clock_of(file.name)))


def require_order(name: str, frame: pl.DataFrame) -> None:
    """Holds open, high, low, close of a layout, and its turnover, against what they must be.

    Flat rows fit any order; where all are flat, no order is wrong.

    Raises:
        ReadError: in one of the first rows the high is not the highest of the four, or the low not the lowest, or a
            vwap is beyond them; or the volume is another price; or most
            bars span more than a bar's prices do, or their turnover is no amount beside it times a price of theirs.
    """
    prices = frame.head(1_000).with_columns(pl.col(pl.String).str.strip_chars())
    amounts = [column for column in ("volume", "volume_ccy", "turnover") if column in frame.columns]
    amounts = amounts if "turnover" in amounts else []
    numbers = [*OHLC, *dict.fromkeys([*(c for c in ("volume", "vwap") if c in frame.columns), *amounts])]
    prices = prices.select(ROW, *(pl.col(column).cast(pl.Float64, strict=False) for column in numbers))
    low, high = pl.min_horizontal("open", "close"), pl.max_horizontal("open", "close")
    wrong = prices.filter((pl.col("low") > low) | (pl.col("high") < high))
    if "vwap" in numbers:  # of what was traded, so never beyond low and high; 0 where nothing was
        beyond = (pl.col("vwap") < pl.col("low") * (1 - _ROUNDED)) | (pl.col("vwap") > pl.col("high") * (1 + _ROUNDED))
        wrong = pl.concat([wrong, prices.filter(beyond, pl.col("volume") > 0)])
    if "volume" in numbers and not amounts and _is_price(prices):
        wrong = prices
    far = prices.filter(pl.col("high") > 2 * pl.col("low"))  # a volume that is above all prices, or below them
    if 2 * far.height > prices.height:
        wrong = far
    if not wrong.height and amounts and not _are_worth(prices, amounts):
        raise ReadError(
            f"{name} has no header, and what would be its turnover is not what its volume is worth at its prices",
            _names_hint(frame.width - 1),
        )
    if wrong.height:
        row = wrong.row(0, named=True)
        shown = ", ".join(f"{column} {row[column]:g}" for column in numbers if row[column] is not None)
        raise ReadError(
            f"{name} has no header, and its prices are not in the order {', '.join(numbers)}: row {row[ROW]} would "
            f"have {shown}",
            _names_hint(frame.width - 1),
        )


def _are_worth(prices: pl.DataFrame, amounts: Sequence[str]) -> bool:
    """Whether one amount, of coins, is another, of money, at a price of the bar, in most rows that have any trade."""
    for coins, money in itertools.permutations(amounts, 2):
        traded = prices.filter((pl.col(coins) > 0) & (pl.col(money) > 0))
        paid = pl.col(money) / pl.col(coins)
        fit = traded.filter(paid.is_between(pl.col("low") * (1 - _ROUNDED), pl.col("high") * (1 + _ROUNDED)))
        if 2 * fit.height > traded.height:
            return True
    return False


def _is_price(prices: pl.DataFrame) -> bool:
    """Whether the volume is about as large as the close in all rows, or moves with it: a vwap, an adjusted close."""
    close, volume = prices["close"], prices["volume"]
    if prices.height < 2 or not (close > 0).all() or not (volume > 0).all() or volume.null_count():
        return False
    ratio = volume / close
    moves, steps = (float(np.abs(np.diff(np.log(x.to_numpy()))).sum()) for x in (ratio, close))
    return bool(ratio.is_between(0.2, 5).all()) or moves < steps / 2


def _names_hint(width: int) -> str:
    return (
        f"data.columns_are=NAME,NAME,… names its {width} columns in their order, such as "
        "time,open,high,low,close,volume"
    )

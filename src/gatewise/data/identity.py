"""Which column says whose row it is, and which one names intervals, of which a table holds the rows of one alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from gatewise.config.schema import format_duration
from gatewise.data.intervals import is_about, read_interval
from gatewise.errors import AmbiguousError, SchemaError

# Spellings after `normalise`, the better one first. Sources: the CSV and API headers of Binance, CoinAPI,
# CryptoDataDownload, Nasdaq, Finam, Tushare, Wind, JoinQuant, RiceQuant, MOEX, Databento, DoltHub, OpenFIGI, Refinitiv,
# NSE, Coinbase and OKX, and of data sets on Kaggle.
SYMBOLS = (
    "symbol",
    "ticker",
    "tic",
    "sym",
    "ticker_symbol",
    "stock_symbol",
    "act_symbol",
    "trading_symbol",
    "tradingsymbol",
    "pair",
    "instrument",
    "asset",
    "coin",
    "unique_id",
    "series_id",
    "ts_code",
    "wind_code",
    "stock_code",
    "sec_code",
    "security_code",
    "order_book_id",
    "secid",
    "security_id",
    "securityid",
    "inst_id",
    "instid",
    "product_id",
    "instrument_id",
    "isin",
    "figi",
    "ric",
    "cusip",
    "sedol",
    "stock_name",
    "instrument_name",
)
# Words that mean other things too: taken where their values tell rows apart that would share a time, or follow each
# other in runs; a single value, where it is written like a symbol.
LOOSE_SYMBOLS = (
    *("code", "stock", "security", "scrip", "contract", "name", "product", "underlying", "company", "market"),
    "s",  # of streams of Binance and Alpaca
)
INTERVALS = (
    "interval",
    "timeframe",
    "time_frame",
    "tf",
    "period",
    "per",
    "resolution",
    "granularity",
    "bar_size",
    "barsize",
    "bar_type",
    "bartype",
    "bar_interval",
    "candle_interval",
    "kline_interval",
    "ktype",
    "k_type",
    "freq",
    "frequency",
)
_NO_NAME = ("market", "company", "product")  # one value of these is a venue or a firm more often than a symbol
_TICKER = r"(?=.{1,20}$)[A-Z0-9^.:=/_!-]*[A-Z][A-Z0-9^.:=/_!-]*"
_LEAST_DIGITS = 4
_MOST_INTERVALS = 40
_SHOWN = 6


@dataclass(frozen=True)
class Interval:
    """A column that names the length of bars, and the one length that it names in every row."""

    column: str
    value: str


def find_symbol(
    frame: pl.DataFrame, spelled: Mapping[str, str], time: tuple[str, ...], kept: Collection[str], named: bool
) -> tuple[str | None, list[str]]:
    """The column of the symbol, if any, and what there is to say about it.

    Args:
        frame: as read.
        spelled: normalised spelling -> column.
        time: the columns of the time.
        kept: columns that were asked for as they are, or under another name; no loose spelling among them is looked at.
        named: the user named the one series of rows without a symbol column; loose spellings then name none.
    """
    free = {spelling: column for spelling, column in spelled.items() if column not in time}
    found = [free[s] for s in SYMBOLS if s in free and not _is_empty(frame[free[s]])]
    loose = [(s, free[s]) for s in LOOSE_SYMBOLS if s in free and free[s] not in kept]
    if not found and not named:
        for spelling, column in loose:
            if _tells_series(frame, spelling, column, time):
                return column, [f"symbols are read from {column!r} (data.symbol_column says otherwise)"]
    notes = []
    if found[1:]:
        others = ", ".join(map(repr, found[1:]))
        notes.append(f"symbols are read from {found[0]!r}; {others} could name them too (data.symbol_column chooses)")
    return (found[0] if found else None), notes


def _is_empty(column: pl.Series) -> bool:
    if column.null_count() == len(column):
        return True
    return column.dtype == pl.String and bool((column.str.strip_chars() == "").fill_null(True).all())


def _tells_series(frame: pl.DataFrame, spelling: str, column: str, time: tuple[str, ...]) -> bool:
    values = frame[column]
    if not (values.dtype == pl.String or values.dtype.is_integer()):
        return False
    values = values.cast(pl.String).str.strip_chars()
    if values.null_count() or (values == "").any():
        return False
    num_values = values.n_unique()
    if num_values == 1:
        return spelling not in _NO_NAME and re.fullmatch(_TICKER, values[0]) is not None
    if num_values * 2 > len(values) or not _are_names(values.unique()):
        return False
    stamps = _hashes([frame[part] for part in time])
    again = len(stamps) - stamps.n_unique()
    if again:  # a state of the market repeats its times as the rows do; of series each has its own
        return (len(stamps) - _hashes([stamps, values]).n_unique()) * 2 < again
    # Without a time that comes twice, numbers in runs may be how much there is of something.
    quantities = values.str.contains(r"^[1-9]\d*$").any()
    return not quantities and int((values != values.shift()).fill_null(True).sum()) == num_values


def _hashes(columns: Sequence[pl.Series]) -> pl.Series:
    """A number for each row, the same where all columns are; counted in a fifth of the time that texts take."""
    found = columns[0].hash(seed=0)
    for number, column in enumerate(columns[1:], start=1):
        found = found ^ column.hash(seed=number)
    return found


def _are_names(values: pl.Series) -> bool:
    """Words, or codes of so many digits; not how much there is of something."""
    numbers = values.cast(pl.Float64, strict=False).is_not_null()
    lengths = values.str.len_chars()
    return not numbers.any() or bool(
        values.str.contains(r"^\d+$").all() and lengths.n_unique() == 1 and lengths[0] >= _LEAST_DIGITS
    )


def find_interval(
    name: str, frame: pl.DataFrame, spelled: Mapping[str, str], taken: Collection[str]
) -> Interval | None:
    """The column that names the interval of each row, where there is one.

    Args:
        name: how errors call the file.
        frame: as read.
        spelled: normalised spelling -> column.
        taken: columns that have another role, or were asked for as they are.

    Raises:
        AmbiguousError: it names several.
    """
    for spelling in INTERVALS:
        column = spelled.get(spelling)
        if column is None or column in taken:
            continue
        counts = frame.select(pl.col(column).cast(pl.String).str.strip_chars().alias("value"))["value"].value_counts(
            sort=True
        )
        if found := interval_of(name, column, counts.drop_nulls().filter(pl.col("value") != "")["value"].to_list()):
            return found
    return None


def interval_of(name: str, column: str, values: Sequence[str]) -> Interval | None:
    """What a column of these values says, the most frequent first; None where they are no intervals.

    Raises:
        AmbiguousError: several intervals.
    """
    if not 0 < len(values) <= _MOST_INTERVALS or not all(map(read_interval, values)):
        return None
    if values[1:]:
        raise several_intervals(f"{name}: column {column!r} names", column, values)
    return Interval(column, values[0])


def several_intervals(where: str, column: str, values: Sequence[str]) -> AmbiguousError:
    listed = ", ".join(values[:_SHOWN]) + (", …" if values[_SHOWN:] else "")
    return AmbiguousError(
        f"{where} intervals {listed}; a table holds rows of one",
        f"keep the rows of one: data.filter={ {column: values[0]}!r}",
    )


def hold_intervals(named: Sequence[tuple[str, Interval]], timeframe: timedelta | None, asked: bool) -> list[str]:
    """Holds what columns say of the interval against each other and against the step between rows.

    Args:
        named: file and what its column says, for each file that has one.
        timeframe: of the rows.
        asked: the user gave it; what contradicts it is then said, and no more.

    Returns:
        Notes.

    Raises:
        AmbiguousError: files of several intervals.
        SchemaError: the rows step otherwise.
    """
    if not named:
        return []
    file, first = named[0]
    for other, interval in named[1:]:
        if not set(read_interval(interval.value)) & set(read_interval(first.value)):
            raise several_intervals(
                f"{file} and {other} name in {first.column!r}", first.column, [first.value, interval.value]
            )
    lengths = [length for length in read_interval(first.value) if length is not None]
    if timeframe is None or not lengths or any(is_about(length, timeframe) for length in lengths):
        return []
    step = format_duration(timeframe)
    told = f"{file}: column {first.column!r} says {first.value} of every row, and the timeframe is {step}"
    if asked:
        return [f"{told}, as asked"]
    raise SchemaError(
        f"{told} by the step between rows", f'data.timeframe="{step}" insists on it, or says how long a row lasts'
    )

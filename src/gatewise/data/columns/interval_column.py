"""Which column names the length of each row's bar; a table holds the rows of one length alone.

Words like `period` number parts of the year and counts, too (`H1`, `H2`; 1, 2, 3). What such values are is asked of the
rows: bars of a length step by it, and bars of several lengths share times.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from gatewise.config.schema import format_duration
from gatewise.data.names.intervals import is_about, read_interval
from gatewise.data.table import STAMP, SYMBOL
from gatewise.errors import AmbiguousError, SchemaError

# Spellings after `normalise`, the better one first.
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
_NUMBERING = "period"  # the one of these that more often counts something
_MOST_INTERVALS = 40
_MOST_NUMBERS = 10  # that may be lengths in a column that no name says to hold such
_SHOWN = 6
_SAMPLE_ROWS = 200


@dataclass(frozen=True)
class Interval:
    """A column that names the length of bars, and the lengths that it names, the most frequent first.

    Several of them are no lengths for sure: `require_no_lengths` asks the rows.
    """

    column: str
    values: tuple[str, ...]


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
        if interval := interval_of(name, column, [v for v in _most_frequent_first(_texts(frame[column])) if v]):
            return interval
    return None


def interval_of(name: str, column: str, values: Sequence[str]) -> Interval | None:
    """What a column of these values says, the most frequent first; None where they are no intervals.

    Raises:
        AmbiguousError: several intervals, beyond doubt.
    """
    if not 0 < len(values) <= _MOST_INTERVALS or not all(map(read_interval, values)):
        return None
    if values[1:] and not _may_count(values):
        raise several_intervals(f"{name}: column {column!r} names", column, values)
    return Interval(column, tuple(values))


def require_no_lengths(name: str, interval: Interval, column: pl.Series, symbols: pl.Series, stamps: pl.Series) -> None:
    """Holds several values that may be lengths of bars or numbers of anything against the rows.

    Lengths they are where one time has rows of two values, or where rows of a value step by it. Numbers that go round
    may step by the largest of them, and by no other: each third minute is called 3.

    Args:
        name: how errors call the file.
        interval: of `find_interval`, with several values.
        column, symbols, stamps: of the rows.

    Raises:
        AmbiguousError: lengths they are.
    """
    rows = _by_value(_texts(column), symbols, stamps)
    usual = _usual_steps(rows)
    fitting = _fitting(usual)
    apart = rows.select(SYMBOL, STAMP).is_unique().all()
    if apart and len(usual) > len(fitting) and set(fitting) <= {max(interval.values, key=_number)}:
        return
    error = several_intervals(f"{name}: column {interval.column!r} names", interval.column, interval.values)
    raise AmbiguousError(error.message, f"{error.hint}; numbers of a day's or a year's parts belong into the time")


def refuse_lengths(
    name: str, left_out: pl.DataFrame, numbers: pl.DataFrame, symbols: pl.Series, stamps: pl.Series
) -> None:
    """Holds other columns against the rows: those of which all may be lengths of bars, by which rows step.

    Args:
        name: how errors call the file.
        left_out: columns of words.
        numbers: columns of numbers, which count more often than they name lengths.
        symbols, stamps: of the rows.

    Raises:
        AmbiguousError: a column names several lengths, and the rows of two at least step by theirs, those of numbers
            all of them.
    """
    for column in left_out:
        if not names_lengths(column.head(_SAMPLE_ROWS)):
            continue
        texts = _texts(column)
        values = _most_frequent_first(texts)
        if not 1 < len(values) <= _MOST_INTERVALS or not all(map(_is_said, values)):
            continue
        if len(_fitting(_usual_steps(_by_value(texts, symbols, stamps)))) > 1:
            raise several_intervals(f"{name}: column {column.name!r} names", column.name, values)
    for column in numbers:
        if not _may_be_lengths(column.head(_SAMPLE_ROWS)) or not _may_be_lengths(column):
            continue
        texts = column.cast(pl.Int64).cast(pl.String)
        values = _most_frequent_first(texts)
        usual = _usual_steps(_by_value(texts, symbols, stamps), middle=True)
        if 1 < len(values) == len(_fitting(usual)):
            raise several_intervals(f"{name}: column {column.name!r} names", column.name, values)


def _may_be_lengths(numbers: pl.Series) -> bool:
    """Whether numbers are a few, each of which may count the minutes or seconds of a bar."""
    values = numbers.unique()
    if not 0 < len(values) <= _MOST_NUMBERS or not values.is_finite().fill_null(False).all():
        return False
    return all(value == round(value) and bool(read_interval(f"{value:.0f}")) for value in values)


def names_lengths(column: pl.Series) -> bool:
    """Whether all cells of a column are words for lengths of bars."""
    return all(map(_is_said, _texts(column).drop_nulls().unique()))


def several_intervals(address: str, column: str, values: Sequence[str]) -> AmbiguousError:
    listed = ", ".join(values[:_SHOWN]) + (", …" if values[_SHOWN:] else "")
    return AmbiguousError(
        f"{address} intervals {listed}; a table holds rows of one",
        f"keep the rows of one: data.filter={ {column: values[0]}!r}",
    )


def hold_intervals(named: Sequence[tuple[str, Interval]], timeframe: timedelta | None, given: bool) -> list[str]:
    """Holds what columns say of the interval against each other and against the step between rows.

    Args:
        named: file and what its column says of all rows, for each file that has one.
        timeframe: of the rows.
        given: the user gave it; what contradicts it is then said, and no more.

    Returns:
        Notes.

    Raises:
        AmbiguousError: files of several intervals.
        SchemaError: the rows step otherwise.
    """
    if not named:
        return []
    file, first = named[0]
    values = tuple(dict.fromkeys(interval.values[0] for _, interval in named))
    fits = [timeframe is None or any(is_about(length, timeframe) for length in _lengths(value)) for value in values]
    if _NUMBERING in first.column.lower() and _may_count(values) and not any(fits):
        return []
    for other_file, interval in named[1:]:
        if not set(read_interval(interval.values[0])) & set(read_interval(values[0])):
            raise several_intervals(
                f"{file} and {other_file} name in {first.column!r}", first.column, [values[0], interval.values[0]]
            )
    if timeframe is None or fits[0] or not _lengths(values[0]):
        return []
    step = format_duration(timeframe)
    text = f"{file}: column {first.column!r} says {values[0]} of every row, and the timeframe is {step}"
    if given:
        return [f"{text}, as asked"]
    raise SchemaError(
        f"{text} by the step between rows", f'data.timeframe="{step}" insists on it, or says how long a row lasts'
    )


def _texts(column: pl.Series) -> pl.Series:
    return column.cast(pl.String).str.strip_chars()


def _most_frequent_first(texts: pl.Series) -> list[str]:
    return texts.drop_nulls().alias("value").value_counts(sort=True)["value"].to_list()


def _is_said(value: str) -> bool:
    """Whether a text names a length; a letter alone may be anything."""
    return len(value) > 1 and bool(read_interval(value))


def _by_value(texts: pl.Series, symbols: pl.Series, stamps: pl.Series) -> pl.DataFrame:
    rows = pl.DataFrame([symbols.alias(SYMBOL), stamps.alias(STAMP), texts.alias("value")]).drop_nulls()
    return rows.unique().sort(SYMBOL, "value", STAMP)


def _usual_steps(rows: pl.DataFrame, middle: bool = False) -> dict[str, timedelta]:
    """Of each value, of `_by_value`, that has two rows of a symbol: the most frequent step, or the middle one."""
    follows = (pl.col(SYMBOL) == pl.col(SYMBOL).shift()) & (pl.col("value") == pl.col("value").shift())
    steps = rows.select("value", pl.when(follows).then(pl.col(STAMP).diff()).alias("step")).drop_nulls()
    usual = pl.col("step").median() if middle else pl.col("step").mode().min()
    return dict(steps.group_by("value").agg(usual).iter_rows())


def _fitting(usual: dict[str, timedelta]) -> list[str]:
    """The values whose rows step by the length that they name."""
    return [value for value, step in usual.items() if any(is_about(length, step) for length in _lengths(value))]


def _lengths(value: str) -> list[timedelta]:
    return [length for length in read_interval(value) if length is not None]


def _number(value: str) -> float:
    return float(re.sub(r"[A-Za-z]", "", value) or 1)


def _may_count(values: Sequence[str]) -> bool:
    """Whether values are numbers behind nothing or one and the same letter: 1, 2, 3; H1, H2."""
    heads = {match[1].upper() for value in values if (match := re.fullmatch(r"([A-Za-z]?)\d+(?:\.0)?", value))}
    return len(heads) == 1 and all(re.fullmatch(r"[A-Za-z]?\d+(?:\.0)?", value) for value in values)

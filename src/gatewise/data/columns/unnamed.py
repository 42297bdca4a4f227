"""Columns that may say whose each row is under a name that nobody knows, where no column of symbols is known.

Symbols that share times show themselves by that (`repeats`); those that follow one another do not, and would be one
series that jumps between instruments. A column tells them where each of its values comes in one run of rows. Where the
rows' times begin again at every change, or the price jumps there, it is refused; where nothing does, as where a company
changes its name, and where it is called as states of the market, venues and currencies are, it is said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from gatewise.data.cells.missing import are_numbers
from gatewise.data.columns.identity import IDS, LOOSE_SYMBOLS, SYMBOLS, TICKER, VENUES
from gatewise.data.columns.spellings import normalise
from gatewise.data.files.part import Part
from gatewise.data.table import FILE, ROW, STAMP, SYMBOL
from gatewise.errors import AmbiguousError

_LEAST_RUN = 4  # rows of a value, on average
_JUMP = 6.0  # times the usual move, which grows with the square root of time
_MOST_STEPS = 65_536
# Words in names of columns that name instruments, and those that name what an instrument goes through.
_NAMING = {word for name in (*SYMBOLS, *IDS, *LOOSE_SYMBOLS) for word in name.split("_")}
_NAMING -= {"s", "name", "company", "act", "order", "book", "trading", "unique"}
_NAMING.update(
    ("delivery", "expiry", "expiration", "maturity", "entity", "issuer", "key", "id", "label", "variable", "item")
)
_PASSING = {word for name in VENUES for word in name.split("_")} - {"id", "code", "name"}
_PASSING.update(("status", "state", "currency", "session", "sector", "industry", "country", "region", "type", "side"))
_PASSING.update(
    ("time", "date", "day", "week", "month", "quarter", "year", "season", "period", "hour", "zone", "timezone")
)
_PASSING.update(("weekday", "holiday", "event", "regime", "phase", "split", "set", "fold", "group", "note", "comment"))
_DATED = r"^\s*\d{1,4}[-/.]\d{1,2}([-/.]|\s*$)|^\s*\d{4}[-\s]?[A-Za-z]|\d:\d\d"


@dataclass(frozen=True)
class _Runs:
    """A column whose values each come in one run: how many, the first two, and what happens at each change."""

    count: int
    values: tuple[str, str]
    begin_again: bool
    jump: bool


def find_unnamed(parts: Sequence[Part], given: str | None) -> list[str]:
    """What there is to say of columns that may name symbols.

    Args:
        parts: all files.
        given: the name of the one series, where the user said that it is one; nothing is looked at then.

    Raises:
        AmbiguousError: rows of several instruments, by all that is seen, would be one series.
    """
    parts = [] if given else [part for part in parts if not part.symbols_named]
    notes = []
    for column in dict.fromkeys(name for part in parts for name in _candidates(part)):
        held = [part for part in parts if column in part.words.columns or column in part.frame.columns]
        if (runs := _runs_of(held, column)) is None:
            continue
        value, next_value = runs.values
        more = ", …" if runs.count > 2 else ""
        description = f"column {column!r} holds {runs.count} values one after another ({value!r}, {next_value!r}{more})"
        each = f"data.symbol_column={column!r} reads a series of each"
        change = "the times begin again" if runs.begin_again else "the price jumps" if runs.jump else None
        passing = bool(_tokens(column) & _PASSING)
        if change and not passing:
            raise AmbiguousError(
                f"{held[0].name}: {description}, and {change} wherever it changes: several instruments, or one series?",
                f'{each}; data.symbol="NAME" says that they are one, and data.filter={ {column: value}!r} keeps the '
                "rows of one",
            )
        if change or not passing:
            changes = f", and {change} wherever it changes" if change else ""
            notes.append(f"warning: {description}{changes}; the rows are taken for one series ({each})")
    return notes


def _candidates(part: Part) -> list[str]:
    """Columns of text that were left out, and whole numbers that are called as ids are."""
    texts = [column for column in part.words.columns if column != ROW]
    columns = [column for column in part.frame.columns if column not in (SYMBOL, STAMP, ROW)]
    return texts + [c for c in columns if _tokens(c) & {"id", "code", "token", *IDS} and not _tokens(c) & _PASSING]


def _tokens(column: str) -> set[str]:
    return {normalise(column), *normalise(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column)).split("_")}


def _runs_of(parts: Sequence[Part], column: str) -> _Runs | None:
    """None where values come and go, are one, or name no instruments."""
    held = [part.words[column] if column in part.words.columns else part.frame[column] for part in parts]
    changes = sum(int((values != values.shift()).sum()) for values in held)
    num_rows = sum(map(len, held))
    if (changes + len(parts)) * _LEAST_RUN > num_rows or changes + len(parts) < 2:
        return None
    rows = pl.concat(_rows(*pair, number) for number, pair in enumerate(zip(parts, held, strict=True)))
    rows = rows.filter(pl.col("value").is_not_null() & (pl.col("value") != ""))
    if rows.height * 2 < num_rows:  # remarks on a few rows
        return None
    begins = (rows["value"] != rows["value"].shift()) | (rows[SYMBOL] != rows[SYMBOL].shift())
    runs = rows.group_by(SYMBOL, "value", maintain_order=True).agg(
        file=pl.col(FILE).first(),
        last_file=pl.col(FILE).last(),
        start=pl.col(STAMP).min(),
        end=pl.col(STAMP).max(),
        opens=pl.col("price").get(pl.col(STAMP).arg_min()),
        closes=pl.col("price").get(pl.col(STAMP).arg_max()),
    )
    if runs.height != int(begins.fill_null(True).sum()) or runs.height * _LEAST_RUN > rows.height:
        return None
    runs = runs.filter(pl.len().over(SYMBOL) > 1)
    values = runs["value"]
    if not runs.height or not _name(column, values, held[0].dtype == pl.String):
        return None
    if rows.select(SYMBOL, STAMP).is_duplicated().any():  # `repeats` judges
        return None
    inner = ~begins.fill_null(True) & (rows[FILE] == rows[FILE].shift()).fill_null(False)
    steps = rows.select(pl.col(STAMP).diff().dt.total_microseconds(), pl.col("price").diff().abs()).filter(inner)
    most = int((runs[SYMBOL] == runs[SYMBOL][0]).sum())
    return _Runs(most, (values[0], values[1]), _begin_again(runs, steps), _jump(runs, steps))


def _rows(part: Part, values: pl.Series, number: int) -> pl.DataFrame:
    """Symbol, stamp, file, value as text and price, as a logarithm where it has one."""
    if values.dtype != pl.String and (values == values.round()).all():
        values = values.cast(pl.Int64)
    columns = (column for column in part.frame.columns if column not in (SYMBOL, STAMP, ROW, values.name))
    name = "close" if "close" in part.frame.columns else next(columns, None)
    price = part.frame[name] if name else pl.repeat(None, len(values), dtype=pl.Float64, eager=True)
    price = price.log() if (price > 0).all() else price
    text = values.cast(pl.String).str.strip_chars()
    file = pl.repeat(number, len(values), dtype=pl.UInt32, eager=True)
    return pl.DataFrame(
        [part.frame[SYMBOL], part.frame[STAMP], file.alias(FILE), text.alias("value"), price.alias("price")]
    )


def _name(column: str, values: pl.Series, are_words: bool) -> bool:
    """Whether a column's name, or else how its values are written, says that they name instruments."""
    if are_words and (are_numbers(values).any() or values.str.contains(_DATED).any()):
        return False
    return bool(_tokens(column) & (_NAMING | _PASSING)) or all(re.fullmatch(TICKER, value) for value in values)


def _begin_again(runs: pl.DataFrame, steps: pl.DataFrame) -> bool:
    """Whether at every change, within a file, the times go against the way that they else go."""
    onward = int((steps[STAMP] > 0).sum()) >= int((steps[STAMP] < 0).sum())
    after = runs.select(pl.col("start", "end", "file").shift(-1).over(SYMBOL).name.suffix("_after"))
    both = pl.concat([runs, after], how="horizontal").drop_nulls("start_after")
    back = both["start_after"] < both["end"] if onward else both["end_after"] > both["start"]
    return bool((back & (both["last_file"] == both["file_after"])).all())


def _jump(runs: pl.DataFrame, steps: pl.DataFrame) -> bool:
    """Whether runs follow one another in time, and the price moves at every change as it never does in that time."""
    after = pl.col("start", "opens").shift(-1).over(SYMBOL).name.suffix("_after")
    both = runs.sort(SYMBOL, "start").with_columns(after).drop_nulls("start_after")
    few = steps.head(_MOST_STEPS).drop_nulls()
    usual, unit = few["price"].median(), few[STAMP].abs().median()
    if (both["start_after"] <= both["end"]).any() or not isinstance(usual, float) or not isinstance(unit, float):
        return False
    waited = (both["start_after"] - both["end"]).dt.total_microseconds() / max(unit, 1.0)
    moved = (both["opens_after"] - both["closes"]).abs()
    return usual > 0 and bool((moved > _JUMP * usual * waited.clip(1.0).sqrt()).fill_null(False).all())

"""Columns that may say whose each row is, where no column of symbols is known or within each symbol that one names.

Symbols that share times show themselves by that (`repeats`); those that follow one another do not, and would be one
series that jumps between instruments. A column tells them where each of its values comes in one run of rows. Where the
rows' times begin again at every change, or the price jumps there, it is refused; where nothing does, as where a company
changes its name, and where it is called as states of the market, venues and currencies are, it is said. Within symbols
only what happens is said or refused, as a column says that they are series.
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
_REFUSED_SHARE = 0.5  # of the symbols; of fewer, some had their reasons
_JUMP = 6.0  # times the usual move, which grows with the square root of time
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
# An instrument that expires is called by when it does, in words that else name no instrument.
_EXPIRING = {"expiry", "expiration", "maturity", "delivery", "contract"}
_DATED = r"^\s*\d{1,4}[-/.]\d{1,2}([-/.]|\s*$)|^\s*\d{4}[-\s]?[A-Za-z]|\d:\d\d"


@dataclass(frozen=True)
class _Runs:
    """A column whose values each come in one run within symbols: what happens at each change.

    Attributes:
        count: how many values the first such symbol has.
        values: its first two.
        symbol: which it is; of those with a change, where there is one.
        share: of all symbols, those where something happens at each change.
        change: what happens there, in words; None: nothing.
        shared: a value is of several symbols.
        instruments: the column's name or how its values are written says that they are instruments.
    """

    count: int
    values: tuple[str, str]
    symbol: str
    share: float
    change: str | None
    shared: bool
    instruments: bool


def find_unnamed(parts: Sequence[Part], given: str | None, chosen: str | None = None) -> list[str]:
    """What there is to say of columns that may name symbols.

    Args:
        parts: all files.
        given: the name of the one series, where the user said that it is one; nothing is looked at then.
        chosen: the column of symbols, where the user said which; nothing is refused within its symbols then.

    Raises:
        AmbiguousError: rows of several instruments, by all that is seen, would be one series.
    """
    notes = []
    for named in (False, True):
        of_kind = [part for part in parts if (part.symbols_from is not None) == named and not given]
        for column in dict.fromkeys(name for part in of_kind for name in _candidates(part)):
            held = [part for part in of_kind if column in part.words.columns or column in part.frame.columns]
            if (runs := _runs_of(held, column)) is not None and (note := _judge(held[0], column, runs, chosen)):
                notes.append(note)
    return notes


def _judge(part: Part, column: str, runs: _Runs, chosen: str | None) -> str | None:
    """A warning, if there is one to give.

    Raises:
        AmbiguousError: see `find_unnamed`.
    """
    named, values = part.symbols_from is not None, runs.values
    within = f" within symbol {runs.symbol!r}" if named else ""
    more = ", …" if runs.count > 2 else ""
    description = (
        f"column {column!r} holds {runs.count} values one after another{within} ({values[0]!r}, {values[1]!r}{more})"
    )
    changes = f", and {runs.change} wherever it changes" if runs.change else ""
    each = f"data.symbol_column={column!r} reads a series of each"
    one = f"data.filter={ {column: values[0]}!r} keeps the rows of one"
    if runs.change and runs.instruments and not (named and (chosen or runs.share < _REFUSED_SHARE)):
        as_one = f"data.symbol_column={part.symbols_from!r}" if named else 'data.symbol="NAME"'
        ways = ([] if runs.shared else [each]) + [f"{as_one} says that they are one, and {one}"]
        raise AmbiguousError(
            f"{part.name}: {description}{changes}: several instruments, or one series?", "; ".join(ways)
        )
    if runs.change or (not named and runs.instruments):
        way = one if named and (runs.shared or not runs.instruments) else each
        return f"warning: {description}{changes}; the rows are taken for one series ({way})"
    return None


def _candidates(part: Part) -> list[str]:
    """Columns of text that were left out, and whole numbers that are called as ids and expiries are."""
    texts = [column for column in part.words.columns if column != ROW]
    columns = [column for column in part.frame.columns if column not in (SYMBOL, STAMP, ROW)]
    ids = [c for c in columns if _tokens(c) & {"id", "code", "token", *IDS} and not _tokens(c) & _PASSING]
    return texts + ids + [c for c in columns if c not in ids and _tokens(c) & _EXPIRING]


def _tokens(column: str) -> set[str]:
    return {normalise(column), *normalise(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column)).split("_")}


def _runs_of(parts: Sequence[Part], column: str) -> _Runs | None:
    """None where values come and go, are one, or name no instruments."""
    held = [part.words[column] if column in part.words.columns else part.frame[column] for part in parts]
    if len(parts) == 1 and held[0].n_unique() == 1:
        return None
    rows = pl.concat(_rows(*pair, number) for number, pair in enumerate(zip(parts, held, strict=True)))
    num_rows, num_symbols = rows.height, rows[SYMBOL].n_unique()
    rows = rows.filter(pl.col("value").is_not_null() & (pl.col("value") != ""))
    if rows.height * 2 < num_rows:  # remarks on a few rows
        return None
    pairs = rows.select(SYMBOL, "value").unique()
    several = pairs.filter(pl.len().over(SYMBOL) > 1)[SYMBOL].unique()
    rows = rows.filter(pl.col(SYMBOL).is_in(several.implode())).sort(SYMBOL, maintain_order=True)
    rows = rows.filter(pl.struct(SYMBOL, STAMP).is_unique().all().over(SYMBOL))  # of others `repeats` judges
    begins = (pl.col("value") != pl.col("value").shift()).fill_null(True).over(SYMBOL)
    once = begins.sum().over(SYMBOL) == pl.col("value").n_unique().over(SYMBOL)
    rows = rows.filter(once & (begins.sum().over(SYMBOL) * _LEAST_RUN <= pl.len().over(SYMBOL)))
    if rows.is_empty():
        return None
    runs = rows.group_by(SYMBOL, "value", maintain_order=True).agg(
        file=pl.col(FILE).first(),
        last_file=pl.col(FILE).last(),
        start=pl.col(STAMP).min(),
        end=pl.col(STAMP).max(),
        opens=pl.col("price").get(pl.col(STAMP).arg_min()),
        closes=pl.col("price").get(pl.col(STAMP).arg_max()),
    )
    instruments = _are_instruments(column, runs["value"], held[0].dtype == pl.String)
    if instruments is None:
        return None
    inner = ~begins & (pl.col(FILE) == pl.col(FILE).shift()).fill_null(False)
    moves = (pl.col(STAMP).diff().dt.total_microseconds(), pl.col("price").diff().abs())
    steps = rows.with_columns(*moves, inner=inner).filter("inner")
    changes = {"the times begin again": _begin_again(runs, steps), "the price jumps": _jump(runs, steps)}
    change = max(changes, key=lambda words: len(changes[words]))
    changed = changes[change]
    symbol = changed[0] if changed else runs[SYMBOL][0]
    values = runs.filter(pl.col(SYMBOL) == symbol)["value"]
    return _Runs(
        count=len(values),
        values=(values[0], values[1]),
        symbol=symbol,
        share=len(changed) / num_symbols,
        change=change if changed else None,
        shared=pairs["value"].is_duplicated().any(),
        instruments=instruments,
    )


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


def _are_instruments(column: str, values: pl.Series, are_words: bool) -> bool | None:
    """Whether a column's name, or else how its values are written, says that they name instruments.

    Returns:
        False where they may, or are what instruments go through; None where they are neither.
    """
    tokens = _tokens(column)
    expiring = bool(tokens & _EXPIRING)
    if are_words and not expiring and (are_numbers(values).any() or values.str.contains(_DATED).any()):
        return None
    if not are_words and expiring and not values.str.contains(r"^\d{4,}$").all():  # how long it is until then
        return None
    if tokens & _PASSING and not expiring:
        return False
    known = normalise(column) in (*SYMBOLS, *LOOSE_SYMBOLS)
    if known or tokens & (_NAMING | _EXPIRING) or all(re.fullmatch(TICKER, value) for value in values):
        return True
    return False if values.str.contains(r"^\S+$").all() else None


def _begin_again(runs: pl.DataFrame, steps: pl.DataFrame) -> list[str]:
    """Symbols of which at every change, within a file, the times go against the way that they else go."""
    onward = int((steps[STAMP] > 0).sum()) >= int((steps[STAMP] < 0).sum())
    after = runs.select(pl.col("start", "end", "file").shift(-1).over(SYMBOL).name.suffix("_after"))
    both = pl.concat([runs, after], how="horizontal").drop_nulls("start_after")
    back = both["start_after"] < both["end"] if onward else both["end_after"] > both["start"]
    return _all_of(both[SYMBOL], back & (both["last_file"] == both["file_after"]))


def _jump(runs: pl.DataFrame, steps: pl.DataFrame) -> list[str]:
    """Symbols whose runs follow one another in time, and whose price moves at each change as never in that time."""
    usual = steps.drop_nulls().group_by(SYMBOL).agg(usual=pl.col("price").median(), unit=pl.col(STAMP).abs().median())
    after = pl.col("start", "opens").shift(-1).over(SYMBOL).name.suffix("_after")
    both = runs.sort(SYMBOL, "start").with_columns(after).drop_nulls("start_after")
    both = both.join(usual, on=SYMBOL, how="left", maintain_order="left")
    waited = (both["start_after"] - both["end"]).dt.total_microseconds() / both["unit"].clip(1.0)
    moved = (both["opens_after"] - both["closes"]).abs()
    most = both["usual"] * waited.clip(1.0).sqrt() * _JUMP
    return _all_of(both[SYMBOL], (both["start_after"] > both["end"]) & (both["usual"] > 0) & (moved > most))


def _all_of(symbols: pl.Series, holds: pl.Series) -> list[str]:
    """The symbols of which every row holds."""
    rows = pl.DataFrame([symbols, holds.fill_null(False).alias("holds")])
    return rows.group_by(SYMBOL, maintain_order=True).agg(pl.col("holds").all()).filter("holds")[SYMBOL].to_list()

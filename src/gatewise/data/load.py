"""From a data config to a Table: the data edge in one screen."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import polars as pl
import pyarrow as pa

from gatewise.config.schema import DataConfig, format_duration
from gatewise.data.check.market import find_outside_sessions
from gatewise.data.check.prices import Prices, find_hundredfold
from gatewise.data.check.repeats import judge_repeats, repeated
from gatewise.data.check.steps import refuse_mixed_steps
from gatewise.data.market.sessions import rests
from gatewise.data.origin import origin_of
from gatewise.data.rows import Rows
from gatewise.data.sources import read_source
from gatewise.data.steps.resample import resample
from gatewise.data.table import FILE, OHLCV, ROW, STAMP, SYMBOL, TIME, Table
from gatewise.errors import NotEnoughRowsError, QualityError

_log = logging.getLogger("gatewise.data")


def load_table(spec: DataConfig, frame: pa.Table | None = None, unnamed: str | None = None) -> Table:
    """Reads, types, stamps, checks and sorts rows; nothing is filled, and nothing dropped without a word.

    What was assumed or left out goes to the log `gatewise.data`. Bars' own rules (OHLC order, positive prices) are
    `require_bars`' to check, as a table need not be bars.

    Args:
        frame: the rows, as their source gives them, where `spec.source` is frame; see `read_source`.
        unnamed: whose the rows of one series are, where nothing says it: no column, no setting, no name of a file.

    Raises:
        ConfigError: no data is named, or `data.resample` is no whole multiple of the rows' timeframe.
        ReadError: a file is absent, unreadable, or not what its name says; a cell is no number or no time.
        AmbiguousError: two readings are possible; the hint names the setting that settles it.
        SchemaError: columns are missing or differ between files; another timeframe than asked for.
        QualityError: infinite values, a known column without any value, or a time twice in a symbol.
        NotEnoughRowsError: no row is left, or one row only and no timeframe given.
    """
    rows = read_source(spec, frame)
    if unnamed is not None and rows.unnamed:
        rows = _called(rows, unnamed)
    for note in rows.notes:
        _log.info("%s", note)
    if outside := find_outside_sessions(rows).count:
        share = f"{outside:,} of {rows.frame.height:,} rows lie outside the sessions of {rows.calendar}"
        _log.info(
            "%s and take no time on its clock; where these are many: another data.calendar or data.timezone", share
        )
    _warn_of_hundredfold(rows, spec)
    table = table_of(rows, spec)
    if spec.resample is not None:
        table = resample(table, spec.resample, spec.gap_tolerance)
    _log.info("%s", _summary(table))
    return table


def _called(rows: Rows, symbol: str) -> Rows:
    """Rows of one series under another name; those of several as they are."""
    if rows.frame[SYMBOL].n_unique() > 1:
        return rows
    note = f"nothing says whose the rows are: taken for the model's own {symbol} (data.symbol says otherwise)"
    return replace(rows, frame=rows.frame.with_columns(pl.lit(symbol).alias(SYMBOL)), notes=(*rows.notes, note))


def _warn_of_hundredfold(rows: Rows, spec: DataConfig) -> None:
    """Prices that are certainly wrong are trained on all the same, as nothing is mended unasked; but not silently."""
    prices = Prices(rows, "last" if spec.on_duplicate == "last" else "first", ratios=spec.prices != "any")
    finding = find_hundredfold(prices)
    if finding.count:
        _log.warning(
            "rows with prices that are 10, 100, … times what they should be: %d, the first %s; "
            'data.repair="hundredfold" mends them',
            finding.count,
            finding.examples[0],
        )


def table_of(rows: Rows, spec: DataConfig) -> Table:
    """The rows themselves as a Table, before any resampling.

    Raises:
        QualityError, NotEnoughRowsError: see `load_table`.
    """
    if rows.timeframe is None or rows.gap_tolerance is None:
        raise NotEnoughRowsError(
            f"{rows.files[0]}: the timeframe is the most frequent step between rows; got {rows.frame.height} row(s) "
            "and no step",
            'data.timeframe="1m" (or whatever a row lasts)',
        )
    _refuse_empty(rows)
    ordered = ordered_rows(rows, spec)
    frame, origin = ordered.drop(STAMP, FILE, ROW), origin_of(ordered, rows.stamps)
    done = tuple(repair.to_dict() for repair in rows.repairs)
    clock = (rows.timeframe, rows.gap_tolerance, rows.calendar)
    return Table(frame, *clock, spec.prices == "any", done, rows.late_months, origin)


def ordered_rows(rows: Rows, spec: DataConfig) -> pl.DataFrame:
    """Finite rows in order of symbol and stamp, one of each, with the columns of `Rows.frame`.

    Raises:
        QualityError: see `load_table`.
    """
    refuse_mixed_steps(rows, spec)
    _refuse_infinite(rows)
    ordered = rows.ordered
    if ordered is not rows.frame and (within := _falls_within_files(rows.frame)):
        _log.info("rows that lie before the row above them: %d; sorted by symbol and time", within)
    return _once(ordered, rows, spec.on_duplicate)


def _falls_within_files(frame: pl.DataFrame) -> int:
    follows = [pl.col(name) == pl.col(name).shift() for name in (SYMBOL, FILE)]
    falls = pl.all_horizontal(*follows, pl.col(STAMP) < pl.col(STAMP).shift())
    return int(frame.select(falls.sum()).item())


def _refuse_infinite(rows: Rows) -> None:
    counts = rows.frame.select(pl.col(rows.columns).is_infinite().sum()).row(0, named=True)
    if column := next((name for name in rows.columns if counts[name]), None):
        first = rows.frame.filter(pl.col(column).is_infinite()).row(0, named=True)
        raise QualityError(
            f"{rows.address(first)}: {column} must be finite; infinite cells: {counts[column]}",
            "empty those cells (a missing value), or leave the column out: data.columns=[…]",
        )


def _refuse_empty(rows: Rows) -> None:
    for column in rows.columns:
        if rows.frame[column].null_count() == rows.frame.height:
            raise QualityError(
                f"{rows.files[0]}: column {column!r} holds no number in any of {rows.frame.height} rows",
                "leave it out: data.columns=[…], or take another for it: "
                f"data.rename={ ({column if column in OHLCV else 'close': 'NAME'})!r}",
            )


def _once(frame: pl.DataFrame, rows: Rows, keep: str) -> pl.DataFrame:
    """Of rows in order, those that share a stamp with the row above settled, or refused."""
    again = repeated(frame)
    if not again.any():
        return frame
    repeats = judge_repeats(frame, again, rows)
    message = f"rows that repeat a time of their symbol: {repeats.count}"
    differences = f"; {repeats.what}" if repeats.what else ""
    if keep == "error" or not repeats.may_choose:
        second = frame.row(int(again.arg_max() or 0), named=True)
        raise QualityError(f"{message}, the first at {rows.address(second)}{differences}", repeats.hint)
    _log.info("%s; the %s of each is kept%s", message, keep, differences)
    return frame.filter(~again if keep == "first" else ~again.shift(-1, fill_value=False))


def _summary(table: Table) -> str:
    first, last = pl.Series([table.frame[TIME].min(), table.frame[TIME].max()]).dt.strftime("%Y-%m-%d %H:%M")
    names = table.symbols
    symbols = f"{len(names)} symbols" if len(names) > 3 else ", ".join(names)
    of_trading = f" of {table.calendar}'s trading time" if rests(table.calendar) else ""
    gaps = int((table.segment_start == np.arange(table.num_rows)).sum()) - len(names)
    return (
        f"{table.num_rows:,} rows of {symbols} at {format_duration(table.timeframe)}, usable from "
        f"{first} to {last} UTC; {gaps:,} gaps longer than "
        f"{format_duration(table.gap_tolerance)}{of_trading}; columns {', '.join(table.columns)}"
    )

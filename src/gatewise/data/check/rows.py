"""What is wrong with rows, counted and located; nothing is refused here and nothing repaired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from gatewise.config.schema import DataConfig, format_duration
from gatewise.data.check.finding import SHOWN, Finding, where
from gatewise.data.check.market import find_gaps, find_outside_sessions
from gatewise.data.check.precision import find_lost_steps
from gatewise.data.check.prices import (
    Prices,
    find_fixed_point,
    find_hundredfold,
    find_level_jumps,
    find_possible_splits,
    find_spikes,
)
from gatewise.data.check.repeats import judge_repeats, repeated
from gatewise.data.check.steps import find_mixed_steps, find_off_grid_rows
from gatewise.data.load import table_of
from gatewise.data.repair.mended import Repair
from gatewise.data.rows import Rows
from gatewise.data.sources import read_source
from gatewise.data.steps.resample import bars_of_symbols, describe_bars, rows_expected
from gatewise.data.table import FILE, OHLC, STAMP, SYMBOL, TIME


@dataclass(frozen=True)
class Report:
    """The outcome of a check.

    Attributes:
        files, rows: how many were read.
        symbols: their names, sorted.
        timeframe: None where no symbol has two rows.
        start, end: first and last moment at which a row is knowable, ISO, UTC.
        first_stamp, last_stamp: the first and last time as the file stamps rows, in UTC.
        findings: every kind that was looked for, also those found nowhere.
        notes: what was assumed or left out while reading.
        repairs: what was mended while reading; findings are of rows as they are after that.
    """

    files: int
    rows: int
    symbols: tuple[str, ...]
    timeframe: timedelta | None
    start: str
    end: str
    first_stamp: str
    last_stamp: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    repairs: tuple[Repair, ...] = ()

    @property
    def ok(self) -> bool:
        """True where the timeframe is known and nothing blocks; gaps, missing values, zero volume, disorder do not."""
        return self.timeframe is not None and not any(finding.count and finding.blocks for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The object of `gatewise data check --json`."""
        return {
            "files": self.files,
            "rows": self.rows,
            "symbols": len(self.symbols),
            "timeframe": format_duration(self.timeframe) if self.timeframe is not None else None,
            "start": self.start,
            "end": self.end,
            **{finding.kind: finding.count for finding in self.findings},
            "ok": self.ok,
            "symbol_names": list(self.symbols),
            "first_stamp": self.first_stamp,
            "last_stamp": self.last_stamp,
            "notes": list(self.notes),
            "repairs": [repair.to_dict() for repair in self.repairs],
        }


def check_data(spec: DataConfig, frame: pa.Table | None = None) -> Report:
    """Reads what `load_table` would read and counts what is wrong with it; the arguments are those of `load_table`.

    Raises:
        ReadError, AmbiguousError, SchemaError: what can't be read can't be counted either; see `load_table`.
    """
    return check_rows(read_source(spec, frame), spec)


def check_rows(rows: Rows, spec: DataConfig) -> Report:
    """Counts what is wrong with rows that were read already.

    Args:
        spec: what they were read by; says how duplicates are settled and which longer bars are wanted.
    """
    frame = rows.frame
    low, high = pl.min_horizontal("open", "close"), pl.max_horizontal("open", "close")
    prices = [column for column in OHLC if column in frame.columns]
    faults = Prices(rows, "last" if spec.on_duplicate == "last" else "first", ratios=spec.prices != "any")
    infinite = [pl.col(column).is_infinite() for column in rows.columns]
    findings = [
        find_mixed_steps(rows, spec),
        find_off_grid_rows(rows),
        find_gaps(rows),
        find_outside_sessions(rows),
        _duplicates(rows, settled=spec.on_duplicate != "error"),
        _disorder(rows),
        _rows(
            rows,
            "in_the_future",
            pl.col(STAMP) > datetime.now(UTC) + timedelta(days=1),
            "nothing where rows are forecasts; else data.time_format says how stamps are written",
            blocks=False,
        ),
        _rows(
            rows,
            "ohlc_violations",
            (pl.col("low") > low) | (pl.col("high") < high) if len(prices) == len(OHLC) else None,
            "low <= open, close <= high must hold: mend or take out those rows, or use columns as they are",
            shown=OHLC,
        ),
        _missing(rows),
        _rows(
            rows,
            "zero_volume",
            pl.col("volume") == 0 if "volume" in frame.columns else None,
            "nothing, where nothing was traded",
            blocks=False,
        ),
        _rows(
            rows,
            "infinite",
            pl.any_horizontal(infinite) if infinite else None,
            "empty those cells (a missing value)",
            shown=rows.columns[:6],
        ),
        _rows(
            rows,
            "non_positive",
            pl.any_horizontal(pl.col(column) <= 0 for column in prices) if prices else None,
            "returns need positive prices: mend or take out those rows; of futures that were back-adjusted, which fall "
            'below 0 rightly: data.prices="any"',
            blocks=spec.prices != "any",
            shown=tuple(prices),
        ),
        _rows(
            rows,
            "negative_volume",
            pl.col("volume") < 0 if "volume" in frame.columns else None,
            "mend those cells, or empty them (a missing value)",
            shown=("volume",),
        ),
        _columns(rows, "empty_columns", lambda c: c.count() == 0, "leave them out: data.columns=[…]", True),
        _columns(rows, "constant_columns", lambda c: c.count() > 1 and c.min() == c.max(), "they teach nothing"),
        find_lost_steps(rows),
        find_hundredfold(faults),
        find_spikes(faults),
        find_level_jumps(faults),
        find_possible_splits(faults),
        find_fixed_point(faults),
    ]
    notes = list(rows.notes)
    if spec.resample is not None and not any(finding.count and finding.blocks for finding in findings):
        finding, note = _short_bars(rows, spec, spec.resample)
        findings.append(finding)
        notes.append(note)
    return Report(
        len(rows.files),
        frame.height,
        tuple(frame[SYMBOL].unique().sort().to_list()),
        rows.timeframe,
        *_span(frame[TIME]),
        *_span(frame[STAMP]),
        tuple(findings),
        tuple(notes),
        rows.repairs,
    )


def _rows(
    rows: Rows,
    kind: str,
    broken: pl.Expr | None,
    remedy: str,
    blocks: bool = True,
    shown: tuple[str, ...] = (),
) -> Finding:
    """Rows for which an expression is true; no such rows where the columns that it needs are absent."""
    if broken is None:
        return Finding(kind, 0, blocks, (), remedy)
    broken_rows = rows.frame.filter(broken.fill_null(False))
    examples = []
    for row in broken_rows.head(SHOWN).iter_rows(named=True):
        values = ", ".join(f"{column}={row[column]:g}" for column in shown if row[column] is not None)
        examples.append(f"{where(rows, row)}{': ' + values if values else ''}")
    return Finding(kind, broken_rows.height, blocks, tuple(examples), remedy)


def _duplicates(rows: Rows, settled: bool) -> Finding:
    ordered = rows.ordered
    again = repeated(ordered)
    if not again.any():
        return Finding("duplicates", 0, True, (), "")
    repeats = judge_repeats(ordered, again, rows)
    equal = f"{repeats.count - repeats.differing} of {repeats.count} repeat every value of the row with the same time"
    first = ordered.filter(again).head(SHOWN).iter_rows(named=True)
    examples = (equal, *([repeats.what] if repeats.what else []), *(where(rows, row) for row in first))
    return Finding("duplicates", repeats.count, not (settled and repeats.may_choose), examples, repeats.hint)


def _disorder(rows: Rows) -> Finding:
    """Rows earlier than the row above them in the same file and symbol."""
    if rows.ordered is rows.frame:
        return Finding("out_of_order", 0, False, (), "")
    stamp = pl.col(STAMP)
    frame = rows.frame.with_columns(
        (stamp < stamp.shift().over(FILE, SYMBOL)).fill_null(False).alias("falls"),
        (stamp > stamp.shift().over(FILE, SYMBOL)).fill_null(False).alias("rises"),
    )
    broken_rows = frame.filter("falls")
    examples = [where(rows, row) for row in broken_rows.head(SHOWN).iter_rows(named=True)]
    if broken_rows.height > frame["rises"].sum():
        examples.insert(0, "the newest row comes first")
    return Finding(
        "out_of_order", broken_rows.height, False, tuple(examples), "nothing: rows are sorted when they are loaded"
    )


def _missing(rows: Rows) -> Finding:
    counts = {column: rows.frame[column].null_count() for column in rows.columns}
    most = sorted(((count, column) for column, count in counts.items() if count), reverse=True)
    examples = tuple(f"{column}: {count:,} of {rows.frame.height:,}" for count, column in most[:SHOWN])
    return Finding(
        "nan", sum(counts.values()), False, examples, "nothing is filled: rows whose inputs are missing are not used"
    )


def _columns(rows: Rows, kind: str, broken: Callable[[pl.Series], bool], remedy: str, blocks: bool = False) -> Finding:
    names = tuple(column for column in rows.columns if broken(rows.frame[column]))
    return Finding(kind, len(names), blocks, names, remedy)


def _short_bars(rows: Rows, spec: DataConfig, step: timedelta) -> tuple[Finding, str]:
    """Longer bars that lack some of their rows, and what was made in words."""
    table = table_of(rows, spec)
    bars = bars_of_symbols(table, step)
    expected = rows_expected(bars, table)
    short = np.flatnonzero(bars.num_rows < expected)
    worst = short[np.argsort(bars.num_rows[short], kind="stable")[:SHOWN]]
    symbols = table.frame[SYMBOL].gather(bars.first[worst])
    ends = pl.Series(bars.end_us[worst]).cast(pl.Datetime("us")).dt.strftime("%Y-%m-%d %H:%M:%S")
    examples = tuple(
        f"{symbol} until {end}: {count} of {whole} rows"
        for symbol, end, count, whole in zip(
            symbols, ends, bars.num_rows[worst].tolist(), expected[worst].tolist(), strict=True
        )
    )
    remedy = "nothing: a bar is made of the rows that are there, once its end has passed"
    return Finding("short_bars", int(short.size), False, examples, remedy), describe_bars(bars, table, step)


def _span(times: pl.Series) -> tuple[str, str]:
    first, last = pl.Series([times.min(), times.max()]).dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ")
    return first, last

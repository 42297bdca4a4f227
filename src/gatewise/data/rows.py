"""Rows of all files in one frame, typed and stamped, not yet judged: a Table is made of them, a check looks at them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import polars as pl

from gatewise.config.schema import DataConfig, format_duration
from gatewise.data.blocks import block_starts
from gatewise.data.columns.interval_column import hold_intervals
from gatewise.data.files.part import Part
from gatewise.data.knowable import months_late, timed, wall_clock
from gatewise.data.market.sessions import find_calendar, said_calendar
from gatewise.data.names.grammar import says_nothing
from gatewise.data.order import in_order
from gatewise.data.repair.mended import Repair
from gatewise.data.steps.envelopes import Envelopes, find_envelopes
from gatewise.data.steps.irregular import irregular, most_frequent_whole, steady, taken_for
from gatewise.data.steps.mixed_steps import Stretch, find_stretches
from gatewise.data.steps.months import find_months
from gatewise.data.steps.off_grid import find_off_grid
from gatewise.data.steps.timeframe import DAY, OtherStep, find_other_steps, gap_tolerance, insisted, steps_of
from gatewise.data.steps.uneven import Uneven, find_uneven
from gatewise.data.table import FILE, OHLCV, ROW, STAMP, SYMBOL, TIME
from gatewise.errors import NotEnoughRowsError, SchemaError, UnknownNameError


@dataclass(frozen=True)
class Rows:
    """Rows of all files, in the files' order.

    Attributes:
        frame: symbol, time (when knowable), Float64 columns, then `__stamp` (as in the file), `__file`, `__row`.
        files: names, by `__file`.
        timeframe: asked for, or the most frequent step; None where no symbol has two rows.
        gap_tolerance: None with the timeframe.
        notes: what was assumed, left out or skipped, for people.
        calendar: code of the exchange's calendar in whose trading time gaps are measured.
        stretches: of rows that step regularly by another step than the timeframe.
        other_steps: files and symbols that step otherwise, where nobody says what a row lasts.
        uneven: longer periods that take turns with those of the timeframe, where nobody says what a row lasts.
        off_grid: symbol and `__stamp` of the rows off the timeframe's grid; None where nothing looked for them.
        stamps: of each file its columns of the time as it holds them (`origin.stamps_of`); none where `time` is all.
        words: of each file the columns of text that are not in `frame`, by `__row`; none where there are none.
        zone_assumed: nothing says that the stamps are UTC, as which they were read.
        repairs: what was mended after they were read.
        symbols_named: a column says whose each row is.
        unnamed: nothing says whose the rows are: no column, no setting, and no name of a file.
        late_months: see `Table`.
        spare: columns that only repairs are decided by; `sources.read_source` leaves them out.
    """

    frame: pl.DataFrame
    files: tuple[str, ...]
    timeframe: timedelta | None
    gap_tolerance: timedelta | None
    notes: tuple[str, ...]
    calendar: str | None = None
    stretches: tuple[Stretch, ...] = ()
    other_steps: tuple[OtherStep, ...] = ()
    uneven: Uneven | None = None
    off_grid: pl.DataFrame | None = None
    words: tuple[pl.DataFrame, ...] = ()
    stamps: tuple[pl.DataFrame, ...] = ()
    zone_assumed: bool = False
    repairs: tuple[Repair, ...] = ()
    symbols_named: bool = False
    unnamed: bool = False
    late_months: int | None = 0
    spare: frozenset[str] = frozenset()

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(c for c in self.frame.columns if c not in (SYMBOL, TIME, STAMP, FILE, ROW))

    @cached_property
    def ordered(self) -> pl.DataFrame:
        """`frame` by symbol and stamp; rows that share both stay in the files' order. Made once, for all who look."""
        return in_order(self.frame)

    @cached_property
    def envelopes(self) -> tuple[Envelopes, ...]:
        """Longer bars among those that they are made of. Looked for once."""
        return find_envelopes(self.ordered, self.timeframe) if self.timeframe is not None else ()

    def address(self, row: dict[str, Any]) -> str:
        """`file.csv row 17 (BTCUSDT 2022-01-01 00:16:00)` for a row of `frame`."""
        return f"{self.files[row[FILE]]} row {row[ROW]} ({row[SYMBOL]} {row[STAMP]:%Y-%m-%d %H:%M:%S})"

    def texts(self) -> pl.DataFrame:
        """`words` of all files, with `__file` and `__row`; null where a file lacks another's column."""
        empty = pl.DataFrame(schema={FILE: pl.UInt32, ROW: pl.UInt32})
        numbered = (
            frame.with_columns(pl.lit(number, pl.UInt32).alias(FILE)) for number, frame in enumerate(self.words)
        )
        return pl.concat([empty, *numbered], how="diagonal")


def rows_of(parts: Sequence[Part], spec: DataConfig, notes: Sequence[str] = ()) -> Rows:
    """Typed rows of one or several files, or of another source, as one frame with each row's moment and the timeframe.

    Args:
        parts: at least one.
        notes: what there was to say before; they come first.

    Raises:
        SchemaError, UnknownNameError, NotEnoughRowsError: see the steps.
    """
    notes = [*notes, *_merged_notes(parts)]
    files = tuple(part.name for part in parts)
    frame = _concat(parts)
    if spec.symbols:
        known = frame[SYMBOL].unique().to_list()
        for symbol in spec.symbols:
            if symbol not in known:
                few = (
                    known if len(known) <= 20 else difflib.get_close_matches(symbol, known, n=10) or sorted(known)[:10]
                )
                raise UnknownNameError("symbol", symbol, few)
        frame = frame.filter(pl.col(SYMBOL).is_in(spec.symbols))
    symbols = frame[SYMBOL].gather(block_starts(frame[SYMBOL])).unique().sort().to_list()
    notes += _one_in_two_cases(symbols)
    steps = steps_of(frame)
    wall = wall_clock(parts)
    common, share = most_frequent_whole(steps)
    periods = find_months(frame, wall, common, steps["step"]) if common is not None else None
    unsteady = irregular(steps, common, share) if common is not None and periods is None else ()
    uneven = find_uneven(steps, common) if common is not None and periods is None else None
    if common is not None and unsteady and common >= DAY:
        uneven = None  # meetings and announcements lie anywhere; sessions of a day take turns
    unsteady = unsteady if uneven is None else ()
    if unsteady and common is not None and spec.timeframe is None:
        common = steady(files[0], steps, unsteady, common, share)
    timeframe = spec.timeframe or periods or common
    named = [(part.name, part.interval) for part in parts if part.interval is not None]
    notes += hold_intervals(named, timeframe, given=spec.timeframe is not None)
    other_steps: tuple[OtherStep, ...] = ()
    if timeframe is not None:
        if spec.timeframe is not None or len(symbols) > 1 or len(files) > 1:
            other_steps = find_other_steps(steps, timeframe)
        if spec.timeframe is not None:
            if unsteady:
                notes += taken_for(steps, timeframe)
            elif uneven is None or spec.timeframe < uneven.longest:
                notes += insisted(steps, other_steps, files, timeframe)
            other_steps, uneven = (), None
        if spec.timeframe is None:
            reason = "rows lie in periods of the calendar" if periods else f"the most frequent step, {share:.1%} of all"
            notes.append(f"timeframe {format_duration(timeframe)}: {reason}")
        elif periods and timeframe < periods < 1.5 * timeframe:
            notes.append(
                f"warning: rows lie in periods of the calendar of {format_duration(periods)}; taken for rows of "
                f"{format_duration(timeframe)}, as asked, the longest of them count as known before they end"
            )
        stretches = find_stretches(steps, timeframe)
        off_grid = find_off_grid(frame, wall, timeframe)
    else:
        stretches, uneven, off_grid = (), None, None
        notes.append('timeframe unknown: no symbol has two rows (data.timeframe="1m" says how long one lasts)')
    calendar = find_calendar(said_calendar(spec.calendar, spec.session, spec.timezone))
    late = months_late(frame, parts, spec.stamp, timeframe)
    frame = timed(frame, parts, spec.stamp, timeframe, calendar, notes)
    frame, off_grid = _on_grid(_between(frame, spec.start, spec.end), off_grid, spec.off_grid, timeframe, notes)
    stretches = _left_in(stretches, frame)
    if other_steps:
        left = set(frame.select(FILE, SYMBOL).unique().iter_rows())
        other_steps = tuple(series for series in other_steps if (series.file, series.symbol) in left)
    if stretches and spec.timeframe is not None:
        count, step = sum(stretch.count for stretch in stretches), format_duration(stretches[0].step)
        given = format_duration(spec.timeframe)
        notes.append(f"rows that follow each other by {step}: {count:,}; taken for rows of {given}, as asked")
    frame = _without_empty(frame, spec.columns, notes)
    tolerance = gap_tolerance(spec.gap_tolerance, timeframe, calendar)
    rows = Rows(
        frame,
        files,
        timeframe,
        tolerance,
        tuple(notes),
        calendar,
        stretches,
        other_steps,
        uneven,
        off_grid,
        words=tuple(part.words for part in parts),
        stamps=tuple(part.stamps for part in parts),
        zone_assumed=all(part.zone_assumed for part in parts),
        symbols_named=any(part.symbols_from is not None for part in parts),
        unnamed=not (spec.symbol or spec.symbols)
        and all(p.symbols_from is None and (p.named is None or says_nothing(p.named)) for p in parts),
        late_months=late,
        spare=frozenset.union(*(part.spare for part in parts)) & {*frame.columns},
    )
    if not rows.columns:
        raise SchemaError(
            f"{files[0]}: beside time and symbol no column holds numbers", "a row needs a number to be used"
        )
    return rows


def _one_in_two_cases(symbols: Sequence[str]) -> list[str]:
    cases: dict[str, list[str]] = {}
    for symbol in symbols:
        cases.setdefault(symbol.casefold(), []).append(symbol)
    several = [" and ".join(own) for own in cases.values() if own[1:]]
    few = "; ".join(several[:3]) + ("; …" if several[3:] else "")
    return [f"warning: symbols that only capitals tell apart are taken for several: {few}"] if several else []


def _merged_notes(parts: Sequence[Part]) -> list[str]:
    """One line a fact, however many files share it."""
    files: dict[str, list[str]] = {}
    for part in parts:
        for note in part.notes:
            files.setdefault(note, []).append(part.name)
        if part.texts:
            files.setdefault(f"left out, as they hold no numbers: {', '.join(part.texts)}", []).append(part.name)
    return [
        f"{names[0]}{f' and {len(names) - 1} more files' if names[1:] else ''}: {note}" for note, names in files.items()
    ]


def _concat(parts: Sequence[Part]) -> pl.DataFrame:
    texts = {text for part in parts for text in part.texts}
    texts |= {name for part in parts for name in part.spare if any(name not in p.frame.columns for p in parts)}
    first = [column for column in parts[0].frame.columns if column not in texts]
    frames = []
    for number, part in enumerate(parts):
        columns = [column for column in part.frame.columns if column not in texts]
        if set(columns) != set(first):
            lacks, adds = sorted(set(first) - set(columns)), sorted(set(columns) - set(first))
            differences = [f"lacks {', '.join(lacks)}"] * bool(lacks) + [f"adds {', '.join(adds)}"] * bool(adds)
            raise SchemaError(
                f"files must hold the same columns; {part.name} {' and '.join(differences)} beside {parts[0].name}",
                "load them apart, or keep what they share: data.columns=[open,high,low,close,volume]",
            )
        frames.append(part.frame.select(first).with_columns(pl.lit(number, pl.UInt32).alias(FILE)))
    return pl.concat(frames) if frames[1:] else frames[0]


def _between(frame: pl.DataFrame, start: datetime | None, end: datetime | None) -> pl.DataFrame:
    bounds = [
        pl.col(TIME) >= _utc(start) if start else pl.lit(True),
        pl.col(TIME) < _utc(end) if end else pl.lit(True),
    ]
    kept = frame.filter(*bounds) if start or end else frame
    if kept.is_empty():
        raise NotEnoughRowsError(
            f"no row is knowable between {start or 'the beginning'} and {end or 'the end'}; the data runs from "
            f"{frame[TIME].min()!s} to {frame[TIME].max()!s}",
            "data.start and data.end are in UTC",
        )
    return kept


def _on_grid(
    frame: pl.DataFrame, off_grid: pl.DataFrame | None, way: str, timeframe: timedelta | None, notes: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Rows, and those of them that are off the grid, which are said and on request left out."""
    if off_grid is None or timeframe is None or off_grid.is_empty():
        return frame, off_grid
    odd = frame.join(off_grid, on=[SYMBOL, STAMP], how="semi", maintain_order="left")
    if odd.is_empty():
        return frame, odd.select(SYMBOL, STAMP)
    named = f"{odd.height:,}, the first of {odd[SYMBOL][0]} at {odd[STAMP][0]:%Y-%m-%d %H:%M:%S}"
    message = f"rows off the grid of {format_duration(timeframe)}: {named}"
    if way == "keep":
        notes.append(f'{message}; a bar that was still running? (data.off_grid="drop" leaves them out)')
        return frame, odd.select(SYMBOL, STAMP)
    notes.append(f"{message}; left out")
    kept = frame.join(off_grid, on=[SYMBOL, STAMP], how="anti", maintain_order="left")
    return kept, off_grid.clear()


def _left_in(stretches: tuple[Stretch, ...], frame: pl.DataFrame) -> tuple[Stretch, ...]:
    """Those of which a step is among the rows that are kept."""
    if not stretches:
        return ()
    first, last = frame.select(pl.col(STAMP).min().alias("first"), pl.col(STAMP).max().alias("last")).row(0)
    return tuple(stretch for stretch in stretches if stretch.start < last and stretch.end > first)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _without_empty(frame: pl.DataFrame, wanted: Sequence[str], notes: list[str]) -> pl.DataFrame:
    keep = {SYMBOL, TIME, STAMP, FILE, ROW, *OHLCV, *wanted}
    empty = [c for c in frame.columns if c not in keep and frame[c].null_count() == frame.height]
    if empty:
        notes.append(f"left out, as they hold no value in any row: {', '.join(empty)}")
    return frame.drop(empty)

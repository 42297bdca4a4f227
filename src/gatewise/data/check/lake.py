"""What is wrong with the lake: pages that are damaged, bars that are absent, and what the check of rows finds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.config.durations import format_duration, months_of
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import Report, check_rows
from gatewise.data.lake_source import refuse_filter
from gatewise.data.market.sessions import rests, sessions
from gatewise.data.sources import read_source
from gatewise.data.steps.periods import bounds_of_months
from gatewise.data.table import TIME
from gatewise.errors import GatewiseError
from gatewise.lake.absence import LEVEL, Absences, absences_on, even_grid
from gatewise.lake.base import SeriesKey
from gatewise.lake.lake import Lake
from gatewise.lake.manifest import Manifest, iso
from gatewise.lake.series import Damage
from gatewise.lake.spans import Span

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class SeriesCheck:
    """The outcome for one series.

    Attributes:
        key: the series.
        manifest: None where it is damaged itself.
        damaged: pages that are not what was written.
        absences: bars that are absent from covered time; None where rows could not be read or there are none.
        report: what the check of rows found; None likewise.
        error: why rows could not be read.
    """

    key: SeriesKey
    manifest: Manifest | None
    damaged: tuple[Damage, ...] = ()
    absences: Absences | None = None
    report: Report | None = None
    error: str | None = None

    @property
    def ok(self) -> bool:
        """True where nothing is damaged and the rows can be trained on; absent bars and outages don't count."""
        return self.error is None and not self.damaged and self.report is not None and self.report.ok

    @property
    def uncovered(self) -> tuple[Span, ...]:
        """The spans between those that were fetched or imported."""
        covered = self.manifest.covered if self.manifest else ()
        return tuple((left[1], right[0]) for left, right in itertools.pairwise(covered))

    def to_dict(self) -> dict[str, Any]:
        """One entry of `gatewise data check --json`."""
        absences = self.absences
        return {
            "source": self.key.source,
            "symbol": self.key.symbol,
            "timeframe": format_duration(self.key.timeframe),
            "rows": self.manifest.rows if self.manifest else None,
            "ok": self.ok,
            "error": self.error,
            "damaged_pages": [{"file": d.page.file, "reason": d.reason} for d in self.damaged],
            "uncovered": [[iso(start), iso(end)] for start, end in self.uncovered],
            "bars": absences.bars if absences else None,
            "absent": absences.absent if absences else None,
            "absent_runs": absences.runs.height if absences else None,
            "no_trade": int(absences.of_kind("no_trade")["bars"].sum()) if absences else None,
            "left_out": _listed(absences, "left_out"),
            "outages": _listed(absences, "outage"),
            "before_first": _listed(absences, "before_first"),
            "after_last": _listed(absences, "after_last"),
            "report": self.report.to_dict() if self.report else None,
        }


def check_lake(lake: Lake, keys: Sequence[SeriesKey], spec: DataConfig | None = None) -> list[SeriesCheck]:
    """Checks series one after the other; what can't be read is told, not raised.

    Costs about 2 s for a million rows.

    Args:
        spec: its calendar or session, gap tolerance, longer bars, kind of prices and repairs are those that training
            would take.
    """
    if spec is not None:
        refuse_filter(spec)
    names = ("calendar", "session", "timezone", "gap_tolerance", "resample", "prices", "repair")
    settings = {name: getattr(spec, name) for name in names} if spec else {}
    return [_check(lake, key, settings) for key in keys]


def expected_bars(
    time_us: npt.NDArray[np.int64], covered: Sequence[Span], timeframe: timedelta, calendar: str | None
) -> npt.NDArray[np.int64]:
    """The moments in covered time at which a bar should end, in microseconds since the epoch.

    With a calendar of sessions those are the sessions' closes, for bars of a day; within the day every `timeframe`
    from the opening of each stretch of trading, the last at or after its end, as a bar that the close cuts short may be
    stamped with either. Without one, or for longer bars, the clock never rests, but for days of the week on which a
    series of daily bars never has a row. Months end by UTC's calendar.
    """
    if (months := months_of(timeframe)) is not None:
        return _of_months(covered, months)
    if calendar is None or timeframe > _DAY or not covered or not time_us.size:
        grid = even_grid(time_us, covered, timeframe)
        return _without_days_of_rest(grid, time_us) if calendar is None and timeframe == _DAY else grid
    bounds = [_us(moment) for span in covered for moment in span]
    market = sessions(calendar, bounds[0], bounds[-1])
    if timeframe == _DAY:
        ends = market.close_us if rests(calendar) else _without_days_of_rest(market.close_us, time_us)
    else:
        step = timeframe // timedelta(microseconds=1)
        counts = -((market.start_us - market.end_us) // step)
        nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + 1
        ends = np.repeat(market.start_us, counts) + nth * step
    return np.asarray(ends[np.searchsorted(bounds, ends, side="right") % 2 == 1])


def _of_months(covered: Sequence[Span], months: int) -> npt.NDArray[np.int64]:
    """Ends of periods of the calendar in covered time."""
    parts = [np.array([], np.int64)]
    for start, end in covered:
        days = np.arange(_us(start), _us(end), _DAY // timedelta(microseconds=1))
        ends = np.unique(bounds_of_months(days, months)[1])
        parts.append(ends[ends < _us(end)])
    return np.concatenate(parts)


def _without_days_of_rest(grid_us: npt.NDArray[np.int64], time_us: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Leaves out days of the week that never have a row, where by the share of all days with rows chance would not."""
    weekday = grid_us // (_DAY // timedelta(microseconds=1)) % 7
    place = np.unique(np.searchsorted(grid_us, time_us, side="left"))
    place = place[place < grid_us.size]
    held, room = (np.bincount(days, minlength=7) for days in (weekday[place], weekday))
    rests = (held == 0) & ((1 - place.size / max(grid_us.size, 1)) ** room <= LEVEL)
    return np.asarray(grid_us[~rests[weekday]])


def _check(lake: Lake, key: SeriesKey, settings: dict[str, Any]) -> SeriesCheck:
    series = lake.series(key)
    manifest: Manifest | None = None
    damaged: tuple[Damage, ...] = ()
    try:
        manifest = series.manifest
        if manifest is None or not manifest.rows:
            return SeriesCheck(key, manifest, error="it holds no row")
        damaged = series.verify()
        if damaged:
            return SeriesCheck(key, manifest, damaged)
        place = {"source": "lake", "lake": str(lake.root), "feed": key.source}
        spec = DataConfig(**place, symbols=(key.symbol,), timeframe=key.timeframe, **settings)
        rows = read_source(spec)
        time_us = rows.frame[TIME].dt.epoch("us").to_numpy().astype(np.int64, copy=False)
        grid = expected_bars(time_us, manifest.covered, key.timeframe, rows.calendar)
        return SeriesCheck(key, manifest, (), absences_on(grid, time_us, manifest.left_out), check_rows(rows, spec))
    except GatewiseError as error:
        message = f"{error.message}; {error.hint}" if error.hint else error.message
        return SeriesCheck(key, manifest, damaged, error=message)


def _listed(absences: Absences | None, kind: str) -> list[dict[str, Any]]:
    return [
        {"start": iso(start), "end": iso(end), "bars": bars}
        for start, end, bars in (absences.of_kind(kind).select("start", "end", "bars").iter_rows() if absences else ())
    ]


def absences_frame(checks: Sequence[SeriesCheck]) -> pl.DataFrame:
    """Every run of absent bars of every series: source, symbol, timeframe, start, end, bars, kind, chance."""
    frames = [
        check.absences.runs.select(
            pl.lit(check.key.source).alias("source"),
            pl.lit(check.key.symbol).alias("symbol"),
            pl.lit(format_duration(check.key.timeframe)).alias("timeframe"),
            pl.all(),
        )
        for check in checks
        if check.absences is not None
    ]
    return pl.concat(frames) if frames else pl.DataFrame()


def _us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=moment.tzinfo)) // timedelta(microseconds=1)

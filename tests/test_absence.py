"""Absent bars: quiet minutes told from outages, by the rule that its module states.

A bug here is silent: an outage taken for a quiet hour is believed to be the market, and a quiet hour taken for an
outage hides the real ones in a long list.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise.lake.absence import LEVEL, NEIGHBOURS, Absences, absences_on, even_grid
from gatewise.lake.spans import Span

MINUTE = timedelta(minutes=1)
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
US = 60_000_000

Flags = npt.NDArray[np.bool_]


def absences_of(present: Flags) -> Absences:
    """Of minutes from a Monday on, of which some are there."""
    grid = int(MONDAY.timestamp()) * 1_000_000 + US * np.arange(1, present.size + 1)
    return absences_on(grid, grid[present])


def absences_in(time: pl.Series, covered: list[Span], timeframe: timedelta) -> Absences:
    """Of rows on a clock that never rests, as `gatewise data check` lists them."""
    time_us = time.dt.epoch("us").to_numpy()
    return absences_on(even_grid(time_us, covered, timeframe), time_us)


def market(num: int, share: float, seed: int = 0) -> Flags:
    return np.random.default_rng(seed).random(num) < share


def by_the_rule(present: Flags, first: int, end: int) -> float:
    """The neighbourhood's estimate, bar by bar as the module words it."""
    places = [*range(max(first - NEIGHBOURS, 0), first), *range(end, min(end + NEIGHBOURS, present.size))]
    n, a = len(places), sum(not present[place] for place in places)
    within = set(places)
    b = sum(not present[p] and not present[p - 1] for p in places if p - 1 in within)
    q = (a + 0.5) / (n + 1)
    r = (b + 2 * q) / (a + 2)
    return present.size * q * r ** (end - first - 1)


@settings(max_examples=25, deadline=None)
@given(num=st.integers(2, 2000), share=st.floats(0.02, 0.98), spoiled=st.floats(0, 0.3), seed=st.integers(0, 99))
def test_bars_that_were_left_out_are_of_their_own_kind_and_change_no_other(
    num: int, share: float, spoiled: float, seed: int
) -> None:
    present, left = market(num, share, seed), market(num, spoiled, seed + 1)
    grid = int(MONDAY.timestamp()) * 1_000_000 + US * np.arange(1, num + 1)
    spans = [(MONDAY + (n + 1) * MINUTE, MONDAY + (n + 2) * MINUTE) for n in np.flatnonzero(left).tolist()]
    found = absences_on(grid, grid[present], spans)
    assert found.of_kind("left_out")["bars"].sum() == (left & ~present).sum()
    assert found.absent == (~present).sum() == found.runs["bars"].sum()
    assert found.runs.filter(pl.col("kind") != "left_out").equals(absences_of(present | left).runs)


@settings(max_examples=40, deadline=None)
@given(num=st.integers(2, 3000), share=st.floats(0.02, 0.98), seed=st.integers(0, 99))
def test_the_neighbourhoods_chance_is_the_rule_worked_out_bar_by_bar(num: int, share: float, seed: int) -> None:
    present = market(num, share, seed)  # less than four days, so that the clock is left out
    found = absences_of(present)
    assert found.bars == num
    assert found.absent == int((~present).sum()) == int(found.runs["bars"].sum())
    for start, bars, chance in found.runs.select("start", "bars", "chance").iter_rows():
        first = (start - MONDAY) // MINUTE - 1
        assert not present[first : first + bars].any()
        expected = by_the_rule(present, first, first + bars)
        # Runs that the neighbourhood finds improbable are looked at again beside the longest ones around.
        assert math.isclose(chance, expected, rel_tol=1e-9) or (expected <= LEVEL and chance > expected)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.7, 0.95, 0.999])
def test_chance_alone_makes_no_outage(share: float) -> None:
    assert sum(absences_of(market(40_000, share, seed)).outages.height for seed in range(10)) == 0


@pytest.mark.parametrize(("share", "bars"), [(1.0, 3), (0.99, 12), (0.9, 15), (0.5, 60), (0.1, 500)])
def test_a_run_far_longer_than_the_others_is_an_outage_and_the_others_are_not(share: float, bars: int) -> None:
    present = market(40_000, share)
    present[20_000 : 20_000 + bars] = False
    present[[19_999, 20_000 + bars]] = True
    found = absences_of(present)
    assert found.outages.select("start", "end", "bars").rows() == [
        (MONDAY + 20_001 * MINUTE, MONDAY + (20_000 + bars) * MINUTE, bars)
    ]


def test_a_quiet_minute_in_a_busy_market_is_no_outage() -> None:
    present = np.ones(40_000, bool)
    present[5_000] = False
    assert absences_of(present).runs["kind"].to_list() == ["no_trade"]


def test_hours_that_rest_every_week_make_no_outage_and_a_silent_working_day_does() -> None:
    minute = np.arange(6 * 7 * 1440)
    weekend, nightly = minute // 1440 % 7 >= 5, minute % 1440 >= 22 * 60
    present = ~(weekend | nightly)
    assert absences_of(present).outages.is_empty()
    present[15 * 1440 : 16 * 1440] = False  # a Tuesday
    assert absences_of(present).outages.height == 1


def test_a_symbol_that_was_listed_late_and_delisted_early_has_no_outage() -> None:
    present = np.zeros(40_000, bool)
    present[10_000:30_000] = True
    found = absences_of(present)
    assert found.runs.select("kind", "bars").rows() == [("before_first", 10_000), ("after_last", 10_000)]


def test_a_series_without_rows_and_one_without_covered_time_have_nothing_to_tell() -> None:
    empty = pl.Series([], dtype=pl.Datetime("us", "UTC"))
    assert absences_in(empty, [], MINUTE).bars == 0
    found = absences_in(empty, [(MONDAY, MONDAY + timedelta(hours=1))], MINUTE)
    assert (found.bars, found.absent, found.runs["kind"].to_list()) == (60, 60, ["before_first"])


def test_only_covered_time_can_lack_a_bar() -> None:
    time = pl.datetime_range(MONDAY, MONDAY + timedelta(days=9), "1m", eager=True, time_unit="us", closed="left")
    hole = (MONDAY + timedelta(days=3), MONDAY + timedelta(days=5))
    rows = time.filter((time < hole[0]) | (time >= hole[1]))
    whole = absences_in(rows, [(MONDAY, MONDAY + timedelta(days=9))], MINUTE)
    assert whole.outages["bars"].to_list() == [2880]
    parts = absences_in(rows, [(MONDAY, hole[0]), (hole[1], MONDAY + timedelta(days=9))], MINUTE)
    assert (parts.bars, parts.absent) == (7 * 1440, 0)


def test_daily_bars_that_close_by_a_clock_with_summer_time_lack_only_days_without_one() -> None:
    days = [datetime(2024, 1, 1) + timedelta(days=n) for n in range(366)]
    closes = [pl.Series([day + timedelta(hours=17)]).dt.replace_time_zone("America/New_York") for day in days]
    time = pl.concat(closes).dt.convert_time_zone("UTC").cast(pl.Datetime("us", "UTC"))
    span = (time[0], time[-1] + timedelta(days=1))
    assert absences_in(time, [span], timedelta(days=1)).absent <= 1
    assert absences_in(
        time.filter(pl.Series([n not in range(99, 130) for n in range(366)])), [span], timedelta(1)
    ).outages["bars"].to_list() == [31]

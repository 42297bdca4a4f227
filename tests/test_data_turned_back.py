"""A clock that goes back within a date, day after day. Rows are sorted by their stamps before anything looks at them,
so an evening that stands under the date of the day after it, or an afternoon without PM, moves by half a day for good:
a model sees the evening after the day that it came before.
"""

from __future__ import annotations

import itertools
import random
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import as_csv, bars, load, put
from gatewise.config.schema import DataConfig
from gatewise.data.files.part import part_of
from gatewise.data.files.text import Raw
from gatewise.data.stamps.turned_back import find_turns
from gatewise.errors import AmbiguousError, QualityError

DATES = ("%Y%m%d", "%Y-%m-%d", "%d.%m.%Y")
FIRST = date(2024, 3, 18)  # a Monday
EVENINGS, MORNINGS = st.integers(17, 21), st.integers(0, 9)


def days(count: int) -> list[date]:
    return [day for n in range(2 * count) if (day := FIRST + timedelta(days=n)).weekday() < 5][:count]


def sessions(count: int, evening: int, morning: int, step: int) -> list[tuple[date, datetime]]:
    """Day of trade and true moment of each bar: an evening on the last day of trade before, then the day itself."""
    found = []
    for before, day in zip(days(count + 1), days(count + 1)[1:], strict=False):
        late = [datetime.combine(before, time(evening)) + timedelta(minutes=step * n) for n in range(120 // step)]
        early = [datetime.combine(day, time(morning)) + timedelta(minutes=step * n) for n in range(240 // step)]
        found += [(day, moment) for moment in (*late, *early)]
    return found


def refusal(columns: dict[str, list[Any]]) -> AmbiguousError:
    with pytest.raises(AmbiguousError) as raised:
        read(columns)
    return raised.value


def read(columns: dict[str, list[Any]], **said: Any) -> list[datetime]:
    frame = pl.DataFrame(columns)
    frame = frame.with_columns(close=pl.int_range(1.0, frame.height + 1)).with_row_index("__row", 1)
    spec = DataConfig(paths=("f.csv",), **said)
    return (
        part_of(Raw("f.csv", frame, (), None), Path("f.csv"), spec)
        .frame["__stamp"]
        .dt.replace_time_zone(None)
        .to_list()
    )


def turns(moments: list[datetime], symbols: list[str] | None = None, text: list[str] | None = None) -> bool:
    written = None if text is None else pl.Series(text)
    return find_turns(pl.Series(moments), pl.Series(symbols or ["X"] * len(moments)), written) is not None


@given(
    evening=EVENINGS,
    morning=MORNINGS,
    step=st.sampled_from([5, 15, 60, 120]),
    fmt=st.sampled_from(DATES),
    order=st.sampled_from(["oldest first", "newest first", "symbols one by one", "symbols side by side"]),
    one_cell=st.booleans(),
)
def test_an_evening_under_the_next_days_date_is_refused_and_read_by_the_calendars_dates(
    evening: int, morning: int, step: int, fmt: str, order: str, one_cell: bool
) -> None:
    bars = sessions(10, evening, morning, step)
    bars = bars[::-1] if order == "newest first" else bars
    symbols = ["X"] * len(bars)
    if order == "symbols one by one":
        bars, symbols = bars * 2, ["A"] * len(bars) + ["B"] * len(bars)
    if order == "symbols side by side":
        bars, symbols = [bar for bar in bars for _ in "AB"], ["A", "B"] * len(bars)
    clock = [f"{moment:%H:%M:%S}" for _, moment in bars]
    if one_cell:
        of = refusal(
            {"time": [f"{day:{fmt}} {at}" for (day, _), at in zip(bars, clock, strict=True)], "symbol": symbols}
        )
        assert "the date is the day of trade" in of.message
        return
    columns = {"trading_day": [f"{day:{fmt}}" for day, _ in bars], "time": clock, "symbol": symbols}
    assert "the date is the day of trade" in refusal(columns).message
    columns["ActionDay"] = [f"{moment:{fmt}}" for _, moment in bars]
    assert "data.time_column='ActionDay,time'" in refusal(columns).hint
    assert read(columns, time_column="ActionDay,time") == [moment for _, moment in bars]


def test_a_midnight_under_the_date_that_it_ends_is_said_to_be_one() -> None:
    """As sheets make of 24:00; nights that go past midnight are days of trade all the same."""
    hours = [*range(1, 24), 0]
    dates = [day for day in days(8) for _ in hours]
    ending = refusal({"date": dates, "time": [f"{hour:02}:00" for _ in days(8) for hour in hours]})
    assert "midnight that ends its date" in ending.message
    assert 'data.stamp="close"' in str(ending.hint)
    night = [21, 22, 23, 0, 1, 9, 10, 13]
    dates = [day for day in days(8) for _ in night]
    traded = refusal({"date": dates, "time": [f"{hour:02}:00" for _ in days(8) for hour in night]})
    assert "day of trade" in traded.message


def test_another_column_of_dates_is_named_only_where_it_puts_rows_in_order() -> None:
    bars = sessions(10, 21, 9, 15)
    columns = {"date": [f"{day}" for day, _ in bars], "time": [f"{moment:%H:%M}" for _, moment in bars]}
    columns |= {"same": columns["date"], "expiry": ["2024-06-21"] * len(bars)}
    hint = refusal(columns).hint
    assert "data.time_column" not in hint
    assert "calendar" in hint


def test_a_night_that_was_traded_in_some_of_the_years_alone_is_found() -> None:
    plain = [(day, datetime.combine(day, time(9 + hour))) for day in days(60) for hour in range(6)]
    later = [(day + timedelta(days=140), moment + timedelta(days=140)) for day, moment in sessions(20, 21, 9, 30)]
    bars = [datetime.combine(day, moment.time()) for day, moment in (*plain, *later)]
    assert turns(bars)


@given(
    step=st.sampled_from([1, 5, 30, 60]),
    opens=st.integers(7, 11),
    newest_first=st.booleans(),
    from_zero=st.booleans(),
    columns=st.sampled_from([1, 2]),
)
def test_twelve_hours_without_am_and_pm_are_refused(
    step: int, opens: int, newest_first: bool, from_zero: bool, columns: int
) -> None:
    start = [datetime.combine(day, time(opens, 30 if step <= 30 else 0)) for day in days(6)]
    moments = [at + timedelta(minutes=step * n) for at in start for n in range(420 // step)]
    moments = moments[::-1] if newest_first else moments
    hours = [m.hour % 12 if from_zero else (m.hour - 1) % 12 + 1 for m in moments]
    clock = [f"{hour}:{m:%M}" for hour, m in zip(hours, moments, strict=True)]
    cells = {"Date": [f"{m:%Y-%m-%d}" for m in moments], "Time": clock}
    if columns == 1:
        cells = {"time": [f"{day} {at}" for day, at in zip(cells["Date"], clock, strict=True)]}
    of = refusal(cells)
    assert "counts 12 hours" in of.message
    assert read(cells | {"half": [f"{m:%p}" for m in moments]}) == moments


def test_twelve_hours_around_the_clock_are_refused_for_what_they_are() -> None:
    moments = [datetime.combine(FIRST, time()) + timedelta(hours=n) for n in range(240)]
    assert "counts 12 hours" in refusal({"time": [f"{m:%Y-%m-%d %I:%M}" for m in moments]}).message


def test_twelve_hours_that_pass_the_hour_at_which_they_began_are_refused() -> None:
    """From before the market opens until it has closed: 4:00 comes twice."""
    moments = [datetime.combine(day, time(4)) + timedelta(minutes=30 * n) for day in days(6) for n in range(32)]
    assert "counts 12 hours" in refusal({"time": [f"{m:%Y-%m-%d %I:%M}" for m in moments]}).message


def test_two_series_that_end_at_noon_are_none_such() -> None:
    rows = [datetime.combine(day, time(hour)) for day in days(6) for _ in "AB" for hour in range(1, 13)]
    assert not turns(rows)


ORDERS = {
    "oldest first": lambda rows, _: rows,
    "newest first": lambda rows, _: rows[::-1],
    "shuffled": lambda rows, seed: random.Random(seed).sample(rows, len(rows)),
    "newest first within a date": lambda rows, _: sorted(rows, key=lambda m: (m.date(), -m.timestamp())),
    "newest date first": lambda rows, _: sorted(rows, key=lambda m: (-m.toordinal(), m)),
    "by the clock": lambda rows, _: sorted(rows, key=lambda m: (m.time(), m)),
    "two series one after the other": lambda rows, _: rows * 2,
    "two series date by date": lambda rows, _: [
        m for day in dict.fromkeys(r.date() for r in rows) for m in [r for r in rows if r.date() == day] * 2
    ],
    "the last rows again": lambda rows, _: [*rows, *rows[-10:]],
    "a day that was appended in two parts": lambda rows, _: [*rows[5:], *rows[:5]],
}


@given(
    order=st.sampled_from(list(ORDERS)),
    count=st.integers(2, 12),
    opens=st.integers(0, 12),
    step=st.sampled_from([15, 60, 120]),
    bars=st.integers(3, 12),
    seed=st.integers(0, 10_000),
)
def test_rows_in_any_other_order_are_none_such(
    order: str, count: int, opens: int, step: int, bars: int, seed: int
) -> None:
    rows = [
        datetime.combine(day, time(opens)) + timedelta(minutes=step * n) for day in days(count) for n in range(bars)
    ]
    rows = [row for row in rows if row.hour]  # none of the next day
    if order != "shuffled" or (bars > 4 and count > 2):
        assert not turns(ORDERS[order](rows, seed))


@given(st.integers(0, 10), st.integers(2, 9), st.integers(8, 12))
def test_rows_that_are_sorted_as_text_are_none_such(opens: int, count: int, bars: int) -> None:
    """9:30 comes after 15:30 then, and is that date's first bar all the same."""
    rows = [datetime.combine(day, time(opens)) + timedelta(hours=n) for day in days(count) for n in range(bars)]
    text = {f"{m:%Y-%m-%d} {m.hour}:{m:%M}": m for m in rows}
    in_order = sorted(text)
    if opens + bars > 13:
        assert not turns([text[cell] for cell in in_order], text=in_order)


@given(st.integers(1, 6), st.integers(2, 6))
def test_one_bar_of_the_night_and_one_of_the_day_are_enough(dates: int, more: int) -> None:
    rows = [datetime.combine(day, time(hour)) for day in days(dates + more) for hour in (21, 9)]
    assert turns(rows) == (dates + more >= 6)


@pytest.mark.parametrize("written", ["%I:%M", "0 to 11"])
@pytest.mark.parametrize("zone", [None, "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("hours", [(0, 24), (4, 20)], ids=["around the clock", "extended hours"])
def test_twelve_hours_that_were_sorted_are_refused_and_none_of_two_rows_is_chosen(
    written: str, zone: str | None, hours: tuple[int, int], tmp_path: Path
) -> None:
    """Where they were sorted by what the stamps say, the clock goes back nowhere: each time comes twice instead."""
    moments = [datetime(2024, 1, 8) + n * timedelta(minutes=30) for n in range(48 * 10)]
    moments = [moment for moment in moments if hours[0] <= moment.hour < hours[1]]
    clock = [f"{m:%Y-%m-%d %I:%M}" if written == "%I:%M" else f"{m:%Y-%m-%d} {m.hour % 12:02}:{m:%M}" for m in moments]
    frame = bars(len(moments)).with_columns(pl.Series("time", clock)).sort("time", maintain_order=True)
    path = put(tmp_path, "X.csv", frame.write_csv())
    for choice in ("error", "first"):
        with pytest.raises(QualityError, match="counts 12 hours without AM or PM") as refused:
            load(path, timezone=zone, on_duplicate=choice)
        assert "AM and PM" in str(refused.value.hint)


def test_two_rows_at_a_time_of_a_whole_day_may_still_be_chosen_from(tmp_path: Path) -> None:
    both = pl.concat([bars(48 * 5, timedelta(minutes=30), seed=n) for n in (1, 2)]).sort("time", maintain_order=True)
    assert load(put(tmp_path, "X.csv", as_csv(both)), on_duplicate="first").num_rows == 48 * 5


def traded(moments: list[datetime], seed: int) -> pl.DataFrame:
    """Bars that open where the one before closed, but after a night."""
    random = np.random.default_rng(seed)
    night = np.append(False, [later.date() != earlier.date() for earlier, later in itertools.pairwise(moments)])
    gap = np.where(night, random.normal(0, 0.01, len(moments)), random.normal(0, 1e-4, len(moments)))
    move = random.normal(0, 1e-3, len(moments))
    closed = np.cumsum(gap + move)
    opened, close = 100 * np.exp(closed - move), 100 * np.exp(closed)
    high, low = np.maximum(opened, close) * 1.0001, np.minimum(opened, close) * 0.9999
    return pl.DataFrame({"time": moments, "open": opened, "high": high, "low": low, "close": close, "volume": 1.0})


@settings(max_examples=30, deadline=None)
@given(step=st.sampled_from([5, 15, 30]), count=st.integers(15, 60), seed=st.integers(0, 1000))
def test_hours_of_trade_on_a_sorted_clock_of_twelve_are_told_by_their_prices(
    step: int, count: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, begin = tmp_path_factory.mktemp("halves"), time(9, 30)
    moments = [
        datetime.combine(day, begin) + timedelta(minutes=step * n) for day in days(count) for n in range(390 // step)
    ]
    rows = traded(moments, seed)
    twelve = rows.with_columns(pl.Series("time", [f"{m:%Y-%m-%d %I:%M}" for m in moments])).sort("time")
    with pytest.raises(AmbiguousError, match="the clock counts 12 hours") as refused:
        load(put(folder, "X.csv", twelve.write_csv()))
    assert "AM and PM" in str(refused.value.hint)
    assert load(put(folder, "X.csv", as_csv(rows))).num_rows == len(moments)
    halves = [m.replace(hour=m.hour - 12) if m.hour > 12 else m for m in moments]
    true = traded(sorted(halves), seed)  # a market that does rest between 4:00 and 9:30
    assert load(put(folder, "X.csv", as_csv(true))).num_rows == len(moments)

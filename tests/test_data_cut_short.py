"""Laws of bars that a session's close cuts short.

The last hour of a session that counts as ended in the night falls into the next day's bar: two sessions are mixed,
each day, without a word. Ended with the close although it holds the night's trade, it would be a look ahead.
"""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import exchange_calendars
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import as_csv, load, put
from gatewise.data.market.cut_short import cut_at_closes

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
Span = tuple[datetime, datetime]


@cache
def spans(calendar: str, first: str = "2024-11-25") -> list[Span]:
    """Open and close of the sessions of Thanksgiving's week, with its half day, and the next; from the package."""
    with warnings.catch_warnings(action="ignore"):
        made = exchange_calendars.get_calendar(calendar, start="2024-11-01", end="2024-12-31")
    days = made.sessions_in_range(first, "2024-12-04")
    return [(made.session_open(day).to_pydatetime(), made.session_close(day).to_pydatetime()) for day in days]


def regular(calendar: str, step: timedelta, first: str = "2024-11-25") -> list[datetime]:
    """When rows of regular hours open, counted from each session's open."""
    return [opened + step * n for opened, close in spans(calendar, first) for n in range(-(-(close - opened) // step))]


def rows(opens: list[datetime], seed: int = 1) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    close = np.round(100 + np.cumsum(random.normal(0, 1, len(opens))), 2)
    columns = {"open": close - 0.5, "high": close + 1, "low": close - 1, "close": close}
    return pl.DataFrame({"time": opens, **columns, "volume": random.integers(1, 99, len(opens))})


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["XNYS", "XBOM", "XLON", "XTKS"]), st.sampled_from([30, 45, 60, 90, 120, 180, 240]))
def test_days_of_a_calendar_are_the_rows_whose_opens_lie_in_each_session(
    tmp_path_factory: pytest.TempPathFactory, calendar: str, minutes: int
) -> None:
    frame = rows(regular(calendar, minutes * MINUTE))
    path = put(tmp_path_factory.mktemp("x"), "X.csv", as_csv(frame, datetime.isoformat))
    made = load(path, calendar=calendar, resample=timedelta(days=1), timeframe=minutes * MINUTE).frame
    wanted = []
    for opened, close in spans(calendar)[1:]:  # before the first row there may have been others
        of = frame.filter(pl.col("time") >= opened, pl.col("time") < close)
        wanted.append(
            (close, of["open"][0], of["high"].max(), of["low"].min(), of["close"][-1], float(of["volume"].sum()))
        )
    assert made.select("time", "open", "high", "low", "close", "volume").rows() == wanted


def times(opens: list[datetime], step: timedelta, calendar: str = "XNYS", symbol: str = "X") -> pl.DataFrame:
    known = pl.Series("time", [moment + step for moment in opens]).dt.cast_time_unit("us")
    frame = pl.DataFrame([pl.repeat(symbol, len(opens), eager=True).alias("symbol"), known])
    return frame.with_columns(cut_at_closes(frame, step, calendar)[0])


def at_closes(frame: pl.DataFrame, calendar: str = "XNYS") -> int:
    return frame["time"].is_in([close for _, close in spans(calendar)]).sum()


def test_a_bar_that_holds_trade_after_hours_is_usable_at_its_own_end() -> None:
    """Four hours by UTC's clock of a market that trades from 9:00 to 1:00 UTC."""
    days = [opened.replace(hour=8, minute=0) for opened, _ in spans("XNYS")]
    opens = [day + 4 * HOUR * n for day in days for n in range(5)]
    assert times(opens, 4 * HOUR)["time"].to_list() == [moment + 4 * HOUR for moment in opens]
    of_sessions = [moment for moment in opens if moment.hour in (12, 16, 20) and moment.day != 29]
    assert at_closes(times(of_sessions, 4 * HOUR)) == len(spans("XNYS")) - 1  # the 29th closes at 18:00 UTC


def test_a_row_that_opens_at_the_close_shows_that_the_one_before_it_has_ended() -> None:
    """Yahoo's hours with trade before and after: from 9:30 on the half hour, from 16:00 on the hour."""
    after = [close + HOUR * n for _, close in spans("XNYS") for n in range(4)]
    made = times(sorted(regular("XNYS", HOUR) + after), HOUR)
    assert made["time"].n_unique() == made.height
    assert at_closes(made) == len(spans("XNYS"))


def test_one_stray_row_of_the_night_changes_no_other_session() -> None:
    opens = regular("XNYS", HOUR, "2024-11-04")
    made = times(opens, HOUR)
    assert at_closes(made) == len(spans("XNYS"))
    assert times([*opens, opens[6] + 3 * HOUR], HOUR)[:-1].equals(made)


def test_two_rows_that_would_end_at_one_moment_keep_their_ends() -> None:
    opens = regular("XNYS", HOUR)
    running = spans("XNYS")[-1][1] - 10 * MINUTE
    made = times([*opens, running], HOUR)
    assert made["time"].n_unique() == made.height
    assert at_closes(made) == len(spans("XNYS")) - 1


def test_each_symbol_is_asked_for_itself_and_order_does_not_matter() -> None:
    opens = regular("XNYS", HOUR)
    late = [close + 90 * MINUTE + HOUR * n for _, close in spans("XNYS") for n in range(3)]
    frames = [
        pl.DataFrame({"symbol": name, "time": [moment + HOUR for moment in moments]})
        for name, moments in (("A", opens), ("B", opens + late))
    ]
    frame = pl.concat(frames).with_columns(pl.col("time").dt.cast_time_unit("us"))
    made = frame.with_columns(cut_at_closes(frame, HOUR, "XNYS")[0])
    mixed = frame.sample(fraction=1, shuffle=True, seed=3)
    assert [at_closes(made.filter(symbol=name)) for name in "AB"] == [len(spans("XNYS")), 0]
    assert (
        mixed.with_columns(cut_at_closes(mixed, HOUR, "XNYS")[0])
        .sort("symbol", "time")
        .equals(made.sort("symbol", "time"))
    )


@pytest.mark.parametrize(("calendar", "step"), [("24/7", 7 * HOUR), ("CMES", 5 * HOUR)])
def test_a_bar_that_holds_some_of_the_next_session_keeps_its_end(calendar: str, step: timedelta) -> None:
    first = datetime(2024, 11, 25, tzinfo=UTC)
    opens = [first + step * n for n in range(15)]
    assert times(opens, step, calendar)["time"].to_list() == [moment + step for moment in opens]


@pytest.mark.parametrize(("said", "shift"), [({}, timedelta(0)), ({"stamp": "close"}, HOUR)])
def test_the_cut_is_said_and_so_is_what_reaches_beyond(
    said: dict[str, Any], shift: timedelta, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opens = [moment + shift for moment in regular("XNYS", HOUR)]
    path = put(tmp_path, "X.csv", as_csv(rows(opens), datetime.isoformat))
    with caplog.at_level("INFO", "gatewise.data"):
        table = load(path, calendar="XNYS", **said)
    assert f"cuts short end with it: {len(spans('XNYS'))}" in caplog.text
    assert at_closes(table.frame) == len(spans("XNYS"))
    late = [close + shift + 90 * MINUTE + HOUR * n for _, close in spans("XNYS") for n in range(3)]
    path = put(tmp_path, "Y.csv", as_csv(rows(sorted(opens + late)), datetime.isoformat))
    with caplog.at_level("INFO", "gatewise.data"):
        load(path, calendar="XNYS", timeframe=HOUR, **said)
    assert f"what was traded after it: {len(spans('XNYS'))}" in caplog.text

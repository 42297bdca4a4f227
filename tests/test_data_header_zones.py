"""A zone in the name of a column of times. Passed over, all stamps are hours off, and bars look as before."""

from __future__ import annotations

import tempfile
import zoneinfo
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import VALUES, bars, expected, load, put
from gatewise.data.stamps.header_zones import plain_spelling, read_zoned
from gatewise.errors import AmbiguousError

BARS = bars()
WANTED = expected(BARS).frame
SHAPES = ["Time ({})", "Datetime ({})", "Timestamp [{}]", "time_{}", "Date {}", "Open Time ({})", "date_time ({})"]


def shown(clock: Any, name: str, fmt: str = "%Y-%m-%d %H:%M:%S") -> str:
    """The bars as a clock shows them, without a zone."""
    stamps = [moment.astimezone(clock).strftime(fmt) for moment in BARS["time"]]
    return BARS.select(pl.Series(name, stamps), *VALUES).write_csv()


def read(text: str, **said: Any) -> pl.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        return load(put(Path(folder), "X.csv", text), **said).frame


@settings(max_examples=60, deadline=None)
@given(
    shape=st.sampled_from(SHAPES),
    hours=st.integers(-11, 13),
    ahead=st.sampled_from(["UTC", "GMT"]),
    said=st.sampled_from([None, "America/New_York"]),
)
def test_an_offset_in_the_name_is_read_by(shape: str, hours: int, ahead: str, said: str | None) -> None:
    name = shape.format(f"{ahead}{hours:+d}")
    frame = read(shown(timezone(timedelta(hours=hours)), name), timezone=said)
    assert frame.select("time", *VALUES).equals(WANTED.select("time", *VALUES))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "Europe/Berlin"])
def test_an_iana_name_is_read_by_and_held_against_another(shape: str, zone: str) -> None:
    text = shown(zoneinfo.ZoneInfo(zone), shape.format(zone))
    for said in (None, zone):
        assert read(text, timezone=said)["time"].equals(WANTED["time"])
    with pytest.raises(AmbiguousError, match=f"show '{zone}' by their column's name"):
        read(text, timezone="Australia/Sydney")


PLACES = {
    "America/New_York": ["EST", "ET", "est", "New York", "Eastern Standard Time", "NY"],
    "Europe/Berlin": ["CET", "cet", "MEZ", "Frankfurt"],
    "Asia/Kolkata": ["IST", "Mumbai"],
}
WORDS = [(zone, word) for zone, words in PLACES.items() for word in words]


@pytest.mark.parametrize(("zone", "word"), WORDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_place_or_abbreviation_needs_the_timezone_whose_clock_it_is(zone: str, word: str, shape: str) -> None:
    text = shown(zoneinfo.ZoneInfo(zone), shape.format(word))
    named = {"time_column": shape.format(word)}
    for said in ({}, named):
        with pytest.raises(AmbiguousError) as caught:
            read(text, **said)
        assert f'data.timezone="{zone}"' in caught.value.hint
        assert read(text, timezone=zone, **said)["time"].equals(WANTED["time"])
        with pytest.raises(AmbiguousError, match="not the clock"):
            read(text, timezone="Australia/Sydney", **said)


def test_a_date_and_a_time_of_day_have_the_zone_of_either() -> None:
    clock = zoneinfo.ZoneInfo("America/New_York")
    stamps = [moment.astimezone(clock) for moment in BARS["time"]]
    for day, time in (("Date", "Time (EST)"), ("Date (ET)", "Time (ET)"), ("Date", "time_est")):
        columns = [pl.Series(day, [f"{s:%Y-%m-%d}" for s in stamps]), pl.Series(time, [f"{s:%H:%M}" for s in stamps])]
        text = BARS.select(*columns, *VALUES).write_csv()
        with pytest.raises(AmbiguousError, match="names no zone by itself"):
            read(text)
        assert read(text, timezone="America/New_York")["time"].equals(WANTED["time"])


@pytest.mark.parametrize("name", ["timestamp_utc", "Time (UTC)", "Gmt time", "Open Time (UTC)", "date_utc"])
def test_what_says_utc_is_utc_whatever_zone_bounds_days(name: str) -> None:
    for said in (None, "America/New_York"):
        assert read(shown(zoneinfo.ZoneInfo("UTC"), name), timezone=said)["time"].equals(WANTED["time"])


def test_stamps_that_carry_their_own_need_none() -> None:
    clock = zoneinfo.ZoneInfo("America/New_York")
    assert read(shown(clock, "Time (EST)", "%Y-%m-%d %H:%M:%S%z"))["time"].equals(WANTED["time"])
    epochs = BARS.select(pl.col("time").dt.epoch("s").alias("Time (EST)"), *VALUES).write_csv()
    assert read(epochs)["time"].equals(WANTED["time"])


@pytest.mark.parametrize(
    "name",
    [
        "time",
        "close_time",
        "timestamp_ms",
        "time_zone",
        "trade_date",
        "date_end",
        "time_to_close",
        "open_time",
        "EST",
        "time_s",
    ],
)
def test_other_names_hold_no_zone(name: str) -> None:
    assert read_zoned(name) is None


def test_the_name_still_says_whether_it_is_the_open_or_the_close() -> None:
    assert plain_spelling("Close Time (GMT+1)") == "close_time"
    text = shown(zoneinfo.ZoneInfo("UTC"), "Close Time (UTC)")
    first: datetime = read(text)["time"][0]
    assert first == BARS["time"][0]

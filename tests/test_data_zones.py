"""Zones in stamps and zones that are said: every name of IANA is read as zoneinfo reads it, and no other is guessed."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise.data.stamps.column import Reading, Stamps, read_stamps
from gatewise.data.stamps.zones import _CALLED, offset_of, require_zone, zone_names
from gatewise.errors import AmbiguousError, ConfigError, DataError, ReadError

HOUR = timedelta(hours=1)
ABBREVIATIONS = ("EST", "MST", "HST", "CET", "EET", "MET", "WET")
NAMES = sorted(set(zone_names().values()) - set(ABBREVIATIONS))
FORMATS = ("%Y%m%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%d %b %Y %H:%M", "%Y-%m-%d %I:%M:%S %p")
STARTS = st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1)).map(
    lambda m: m.replace(minute=0, second=0, microsecond=0)
)


def read(texts: list[str], symbols: list[str] | None = None, **said: Any) -> Stamps:
    frame = pl.DataFrame({"time": texts})
    rows, of = pl.Series(range(1, len(texts) + 1)), pl.Series(symbols or ["X"] * len(texts))
    return read_stamps("f.csv", frame, ("time",), rows, of, Reading(**said))


def shown(moment: datetime, zone: str, fmt: str) -> str:
    return moment.astimezone(zoneinfo.ZoneInfo(zone)).strftime(fmt)


@given(
    start=STARTS,
    zones=st.lists(st.sampled_from(NAMES), min_size=1, max_size=3),
    fmt=st.sampled_from(FORMATS),
    gap=st.sampled_from([" ", ""]),
    say=st.booleans(),
)
def test_stamps_that_name_their_zones_are_those_zones_times(
    start: datetime, zones: list[str], fmt: str, gap: str, say: bool
) -> None:
    """Days apart, so that no hour is repeated among them; a time that a zone's clock shows twice is not written."""
    moments = [start.replace(tzinfo=UTC) + 3 * HOUR * row for row in range(40)]
    rows = [(m, z) for n, m in enumerate(moments) if not _twice(m, z := zones[n % len(zones)])]
    gap = " " if "/" not in "".join(zones) or fmt.endswith("%p") else gap
    texts = [f"{shown(m, z, fmt)}{gap}{z}" for m, z in rows]
    if not texts:
        return
    stamps = read(texts, **({"time_format": f"{fmt}{gap}%Z"} if say else {}))
    assert stamps.values.to_list() == [m for m, _ in rows]
    named = {z for _, z in rows}
    assert stamps.zone == named.pop() if len(named) == 1 and offset_of(zones[0]) is None else True


def _twice(moment: datetime, zone: str) -> bool:
    wall = moment.astimezone(zoneinfo.ZoneInfo(zone)).replace(tzinfo=None)
    one, other = (wall.replace(tzinfo=zoneinfo.ZoneInfo(zone), fold=fold).utcoffset() for fold in (0, 1))
    return one != other


@given(start=STARTS, hours=st.integers(-12, 14), half=st.booleans(), word=st.sampled_from(["UTC", "GMT", ""]))
def test_offsets_behind_utc_or_gmt_have_the_sign_that_they_show(
    start: datetime, hours: int, half: bool, word: str
) -> None:
    minutes = 30 if half and 0 <= hours < 14 else 0
    ahead = timedelta(hours=hours, minutes=minutes)
    sign = "-" if hours < 0 else "+"
    short = f"{sign}{abs(hours)}" + (f":{minutes:02d}" if minutes else "")
    long = f"{sign}{abs(hours):02d}:{minutes:02d}"
    for offset in (short, long) if word else (long,):
        stamps = read([f"{start + HOUR * row:%Y-%m-%d %H:%M} {word}{offset}" for row in range(3)])
        assert stamps.values.to_list() == [(start + HOUR * row - ahead).replace(tzinfo=UTC) for row in range(3)]


def test_the_sign_in_the_names_of_etc_is_turned_round_as_iana_has_it() -> None:
    assert read(["2024-03-04 09:30 Etc/GMT+5"]).values[0] == datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
    assert "Etc/GMT+5 is UTC-05:00" in require_zone("Etc/GMT+5")[0]


@pytest.mark.parametrize("word", ["EST", "IST", "BST", "CST", "CET", "MSK", "ET", "Eastern Standard Time"])
def test_an_abbreviation_alone_is_refused_and_the_places_that_use_it_are_named(word: str) -> None:
    for said in ({}, {"time_format": "%Y-%m-%d %H:%M %Z"}):
        with pytest.raises(AmbiguousError, match=f"row 1: '{word}' names no zone") as caught:
            read([f"2024-01-04 09:30 {word}", f"2024-01-04 10:30 {word}"], **said)
        assert 'data.timezone="' in str(caught.value.hint)


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Europe/London", "Asia/Kolkata", "Asia/Tokyo"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_abbreviations_of_the_said_zone_tell_a_repeated_hour_whatever_the_order(zone: str, shuffle: bool) -> None:
    moments = [datetime(2024, 10, 1, tzinfo=UTC) + timedelta(minutes=30) * row for row in range(2000)]
    moments = moments[::7] + moments[1::7] if shuffle else moments
    texts = [shown(moment, zone, "%Y-%m-%d %H:%M %Z") for moment in moments]
    assert read(texts, timezone=zone).values.to_list() == moments


def test_an_abbreviation_that_the_said_zone_has_not_then_is_refused() -> None:
    with pytest.raises(ReadError, match="09:30:00 EST can't be in America/New_York, as it is EDT there") as caught:
        read(["2024-07-04 09:30 EST"], timezone="America/New_York")
    assert 'data.timezone="America/Panama"' in str(caught.value.hint)
    assert read(["2024-07-04 09:30 EST"], timezone="America/Panama").values[0].hour == 14


@pytest.mark.parametrize(
    ("texts", "said", "error"),
    [
        (["2024-03-04 09:30 US/Eastern", "2024-03-04 10:30"], {}, AmbiguousError),
        (["2024-03-04 09:30", "2024-03-04 10:30 US/Eastern"], {}, AmbiguousError),
        (["2024-03-04 09:30 Uhr", "2024-03-04 10:30 Uhr"], {}, ReadError),
        (["2024-03-04 09:30", "2024-03-04 10:30"], {"time_format": "%Y-%m-%d %H:%M %Z"}, ReadError),
        (["2024-03-04 US/Eastern 09:30"], {"time_format": "%Y-%m-%d %Z %H:%M"}, ReadError),
        (["2024-03-04 09:30 AM"], {"time_format": "%Y-%m-%d %I:%M %Z"}, ReadError),
    ],
)
def test_no_zone_is_dropped_and_none_made_up(texts: list[str], said: dict[str, Any], error: type[DataError]) -> None:
    with pytest.raises(error):
        read(texts, **said)


def test_an_offset_and_a_zone_may_stand_in_one_column() -> None:
    stamps = read(["2024-03-04 09:30-05:00", "2024-03-04 10:30 US/Eastern", "2024-03-04 16:30 UTC"])
    assert stamps.values.dt.hour().to_list() == [14, 15, 16]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("IST", ("Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem")),
        ("UTC-5", ("Etc/GMT+5",)),
        ("GMT+2", ("Etc/GMT-2",)),
        ("UTC+05:30", ("Asia/Kolkata",)),
        ("Eastern", ("America/New_York",)),
        ("New York", ("America/New_York",)),
        ("Eastern Standard Time", ("America/New_York",)),
        ("CST", ("America/Chicago", "Asia/Shanghai")),
        ("london", ("Europe/London",)),
        ("us/eastern", ("US/Eastern",)),
        ("PDT", ("America/Los_Angeles",)),
    ],
)
def test_what_is_no_iana_name_is_explained_by_those_that_may_be_meant(said: str, meant: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="unknown time zone") as caught:
        require_zone(said)
    for name in meant:
        assert f'data.timezone="{name}"' in str(caught.value.hint)


@settings(max_examples=20)
@given(st.text(max_size=12))
def test_any_other_word_is_refused_in_one_line(said: str) -> None:
    if said in zone_names().values():
        return
    with pytest.raises(ConfigError) as caught:
        require_zone(said)
    assert caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


def test_old_names_that_hold_all_year_are_said_to() -> None:
    assert "UTC-05:00 all year" in require_zone("EST")[0]
    assert require_zone("America/New_York") == require_zone("EST5EDT") == ()


def interleaved(moments: list[datetime], order: Callable[[tuple[datetime, str]], Any]) -> list[tuple[datetime, str]]:
    return sorted(((moment, symbol) for moment in moments for symbol in "ABC"), key=order)


@given(
    minutes=st.sampled_from([1, 5, 15, 30]),
    missing=st.sets(st.integers(0, 400), max_size=60),
    by_symbol=st.booleans(),
    newest_first=st.booleans(),
)
def test_the_repeated_hour_is_told_with_rows_missing_and_symbols_interleaved(
    minutes: int, missing: set[int], by_symbol: bool, newest_first: bool
) -> None:
    """Right, or refused where the rows that are left show no fall of the clock."""
    first = datetime(2024, 11, 3, 3, tzinfo=UTC)
    moments = [first + timedelta(minutes=minutes) * n for n in range(8 * 60 // minutes) if n not in missing]
    rows = interleaved(moments, (lambda row: (row[1], row[0])) if by_symbol else (lambda row: row))
    rows = rows[::-1] if newest_first else rows
    texts = [shown(moment, "America/New_York", "%Y-%m-%d %H:%M") for moment, _ in rows]
    if not texts:
        return
    repeated = [m for m in moments if _twice(m, "America/New_York")]
    early, late = ([m.minute for m in repeated if m.hour == hour] for hour in (5, 6))
    symbols = [symbol for _, symbol in rows]
    if repeated and not (early and late and min(late) <= max(early)):
        with pytest.raises(AmbiguousError, match="happens twice"):
            read(texts, symbols, timezone="America/New_York")
        return
    stamps = read(texts, symbols, timezone="America/New_York")
    assert stamps.values.to_list() == [moment for moment, _ in rows]


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "America/Havana", "Africa/Cairo", "Asia/Beirut"])
def test_a_date_whose_midnight_clocks_skip_or_repeat_is_that_days_first_moment(zone: str) -> None:
    days = [datetime(2017, 1, 1) + timedelta(days=n) for n in range(3000)]
    stamps = read([f"{day:%Y-%m-%d}" for day in days], timezone=zone)
    there = zoneinfo.ZoneInfo(zone)
    for day, moment in zip(days, stamps.values, strict=True):
        assert moment.astimezone(there).date() == day.date()
        assert (moment - timedelta(seconds=1)).astimezone(there).date() < day.date()


LITERAL = "%d/%m/%Y %H:%M "
WALL = [datetime(2024, 7, 1, 9, 30) + HOUR * row for row in range(40)]


def as_written(fmt: str) -> list[str]:
    return [moment.strftime(fmt) for moment in WALL]


@pytest.mark.parametrize("tail", ["{}", "({})", "Uhr {}", "h ({})"])
@given(zone=st.sampled_from(NAMES))
def test_a_zone_that_a_format_holds_as_it_stands_is_that_zone_s_time(tail: str, zone: str) -> None:
    fmt = LITERAL + tail.format(zone)
    assert (
        read(as_written(fmt), time_format=fmt).values.to_list()
        == read(as_written(LITERAL), time_format=LITERAL.strip(), timezone=zone).values.to_list()
    )


@pytest.mark.parametrize(("word", "hours"), [("-05:00", 5), ("+0100", -1), ("UTC-5", 5), ("UTC", 0), ("GMT+02:00", -2)])
@pytest.mark.parametrize("said", [None, "Asia/Tokyo"])
def test_an_offset_that_a_format_holds_as_it_stands_counts(word: str, hours: int, said: str | None) -> None:
    for fmt in (LITERAL + word, LITERAL.strip() + word):
        stamps = read(as_written(fmt), time_format=fmt, timezone=said)
        assert stamps.values.to_list() == [(m + HOUR * hours).replace(tzinfo=UTC) for m in WALL]
        assert not stamps.zone_assumed


PLACES = {
    "New York": "America/New_York",
    "NY": "America/New_York",
    "EST": "America/New_York",
    "ET": "America/New_York",
    "Eastern Time": "America/New_York",
    "Frankfurt": "Europe/Berlin",
    "MEZ": "Europe/Berlin",
    "Bombay": "Asia/Kolkata",
    "London": "Europe/London",
}


@pytest.mark.parametrize("word", PLACES)
@pytest.mark.parametrize(
    "fmt", [LITERAL + "{}", LITERAL + "({})", LITERAL + "Uhr {}", "%d/%m/%Y {} %H:%M", "{} %d/%m/%Y %H:%M"]
)
def test_a_place_in_a_format_needs_its_zone_which_the_hint_names_and_no_other_is_taken(word: str, fmt: str) -> None:
    fmt = fmt.format(word)
    with pytest.raises(AmbiguousError, match=f"{word!r} names no zone") as caught:
        read(as_written(fmt), time_format=fmt)
    assert f'data.timezone="{PLACES[word]}"' in str(caught.value.hint)
    zone = zoneinfo.ZoneInfo(PLACES[word])
    stamps = read(as_written(fmt), time_format=fmt, timezone=PLACES[word])
    assert stamps.values.to_list() == [moment.replace(tzinfo=zone) for moment in WALL]
    with pytest.raises(AmbiguousError, match="is not the clock"):
        read(as_written(fmt), time_format=fmt, timezone="Asia/Tokyo")


@pytest.mark.parametrize("word", ["Foo", "Wall Street", "北京时间"])
def test_words_behind_a_time_that_may_name_a_clock_are_not_passed_over(word: str) -> None:
    fmt = LITERAL + word
    with pytest.raises(ReadError, match=f"{word!r} is no time zone") as caught:
        read(as_written(fmt), time_format=fmt)
    assert "data.timezone says whose clock it is" in str(caught.value.hint)
    assert read(as_written(fmt), time_format=fmt, timezone="Asia/Tokyo").values[0] == datetime(
        2024, 7, 1, 0, 30, tzinfo=UTC
    )


@pytest.mark.parametrize(
    "fmt",
    [
        *(LITERAL + word for word in ("Uhr", "h", "hrs", "uur")),
        *("%Y-%m-%dT%H:%M", "%d %B %Y at %H:%M", "%Y-%m-%d-%H-00", "%Y年%m月%d日 %H时%M分", "T%d/%m/%Y %H:%M:00.000"),
    ],
)
def test_words_that_name_no_clock_are_passed_over(fmt: str) -> None:
    stamps = read(as_written(fmt), time_format=fmt)
    assert stamps.zone_assumed
    assert stamps.values[1] - stamps.values[0] == HOUR
    assert stamps.values[0].day == 1


@pytest.mark.parametrize(
    ("word", "zone"), [("New York", "America/New_York"), ("Frankfurt", "Europe/Berlin"), ("Eastern", "America/Toronto")]
)
def test_a_place_at_a_stamp_s_end_is_the_said_zone_where_it_is_another_name_for_it(word: str, zone: str) -> None:
    texts = as_written(f"%Y-%m-%d %H:%M {word}")
    with pytest.raises(AmbiguousError, match=f"{word!r} names no zone"):
        read(texts)
    for said in ({}, {"time_format": "%Y-%m-%d %H:%M %Z"}):
        assert read(texts, timezone=zone, **said).values.to_list() == [
            m.replace(tzinfo=zoneinfo.ZoneInfo(zone)) for m in WALL
        ]
        with pytest.raises(ReadError):
            read(texts, timezone="Asia/Tokyo", **said)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        *(("NY", "America/New_York"), ("US/NewYork", "America/New_York"), ("America/Boston", "America/New_York")),
        *(("Asia/Bombay", "Asia/Kolkata"), ("Asia/Mumbai", "Asia/Kolkata"), ("Asia/New_Delhi", "Asia/Kolkata")),
        *(("Asia/Beijing", "Asia/Shanghai"), ("Asia/Shenzhen", "Asia/Shanghai"), ("Beijing", "Asia/Shanghai")),
        *(("Europe/Frankfurt", "Europe/Berlin"), ("Europe/Geneva", "Europe/Zurich"), ("Zürich", "Europe/Zurich")),
        *(("Asia/Korea", "Asia/Seoul"), ("HK", "Asia/Hong_Kong"), ("Asia/HongKong", "Asia/Hong_Kong")),
        *(("America/San_Francisco", "America/Los_Angeles"), ("Europe/Lodnon", "Europe/London")),
    ],
)
def test_a_wrong_name_of_a_zone_is_answered_by_the_right_one_first(said: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        require_zone(said)
    assert str(caught.value.hint).startswith(f'did you mean data.timezone="{meant}"')


@pytest.mark.parametrize("said", ["Asia/Foo", "LA", "Foo", "Wall Street", "Asia/", "America/Washington"])
def test_where_no_name_is_near_none_is_suggested(said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        require_zone(said)
    assert "did you mean" not in str(caught.value.hint)


def test_every_other_word_for_a_clock_leads_to_a_zone_that_there_is() -> None:
    assert set(_CALLED.values()) <= set(zone_names().values())
    assert not set(_CALLED) & set(zone_names())

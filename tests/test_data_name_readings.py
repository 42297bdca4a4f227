"""Names that say two things: the rows tell which. Half a year taken for hours refuses what is common; an index's number
taken for minutes calls it by another's name; parts taken for instruments, or instruments for parts, train on none.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import as_csv, bars, expected, load, put
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data
from gatewise.data.names.grammar import read_names
from gatewise.errors import AmbiguousError, QualityError

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
YEAR = datetime(2023, 1, 1, tzinfo=UTC)
MONTHS = {"H": 6, "M": 1}


def split_year(step: timedelta, letter: str) -> list[pl.DataFrame]:
    """A year's bars, cut where halves or months end."""
    frame = bars(365 * DAY // step, step, YEAR)
    part = (pl.col("time").dt.month() - 1) // MONTHS[letter]
    return [frame.filter(part == number) for number in range(12 // MONTHS[letter])]


@settings(max_examples=16, deadline=None)
@given(
    letter=st.sampled_from(["H", "M"]),
    step=st.sampled_from([HOUR, 2 * HOUR, DAY]),
    written=st.sampled_from(["{p}_2023", "2023_{p}", "{p}-2023", "2023-{p}", "{p} 2023"]),
    symbol=st.sampled_from(["AAQ", "btcusdt", "BRK.B"]),
)
def test_files_of_parts_of_a_year_are_one_series_though_they_may_be_named_for_lengths(
    letter: str, step: timedelta, written: str, symbol: str
) -> None:
    """`H1` is half a year beside `H2`, of hourly rows too, whose first half fits either reading."""
    parts = split_year(step, letter)
    with tempfile.TemporaryDirectory() as folder:
        for number, frame in enumerate(parts, start=1):
            put(Path(folder), f"{symbol}_{written.format(p=f'{letter}{number}')}.csv", as_csv(frame))
        table = load(folder)
        assert table.symbols == (symbol,)
        assert (table.num_rows, table.timeframe) == (sum(frame.height for frame in parts), step)


def test_files_of_months_that_no_length_is_written_like_are_one_series(tmp_path: Path) -> None:
    frames = split_year(HOUR, "M")
    for number in (7, 8, 9):
        put(tmp_path, f"AAQ_M{number}_2023.csv", as_csv(frames[number - 1]))
    assert load(tmp_path).symbols == ("AAQ",)


@settings(max_examples=12, deadline=None)
@given(
    lengths=st.sampled_from(
        [("H1", HOUR, "H2", 2 * HOUR), ("M1", MINUTE, "M5", 5 * MINUTE), ("H1", HOUR, "M30", HOUR / 2)]
    ),
    written=st.sampled_from(["AAQ_{}_2023", "AAQ_2023_{}"]),
    first=st.sampled_from([YEAR, YEAR + 40 * DAY]),
)
def test_files_of_two_lengths_are_refused_though_they_may_be_named_for_parts_of_a_year(
    lengths: tuple[str, timedelta, str, timedelta], written: str, first: datetime
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, step in (lengths[:2], lengths[2:]):
            put(Path(folder), f"{written.format(name)}.csv", as_csv(bars(50, step, first)))
        with pytest.raises(AmbiguousError, match="both named for AAQ, one for rows of"):
            load(folder)


@settings(max_examples=20, deadline=None)
@given(
    number=st.sampled_from([5, 10, 15, 30, 50, 100]),
    written=st.sampled_from(["IDX {}_minute", "IDX_{}_minute", "IDX_{}_min", "IDX-{}-minutes"]),
    of_bar=st.booleans(),
)
def test_the_rows_tell_whether_a_number_is_the_bars_or_the_instruments(number: int, written: str, of_bar: bool) -> None:
    name = written.format(number)
    frame = bars(60, number * MINUTE if of_bar else MINUTE, YEAR)
    with tempfile.TemporaryDirectory() as folder:
        path = put(Path(folder), f"{name}.csv", as_csv(frame))
        assert load(path).symbols == ("IDX" if of_bar else name[: name.index(str(number)) + len(str(number))],)
        put(Path(folder), "ABQ_minute.csv", as_csv(bars(60, frame["time"][1] - frame["time"][0], YEAR)))
        assert len(load(folder).symbols) == 2


def test_one_minute_of_a_name_that_counts_one_is_the_bars() -> None:
    assert [name.symbol for name in read_names("BTCUSD_1_min").values()] == ["BTCUSD", "BTCUSD_1"]
    assert [name.symbol for name in read_names("X_2024-03-04").values()] == ["X"]


PARTS = [
    *(
        "{}_part{}",
        "{}-part-0{}",
        "{} part {}",
        "{}.part{}",
        "{}_chunk{}",
        "{}_1m_part{}",
        "part{1}_{0}",
        "{}_2023_part{}",
    ),
    *("{}_{}of3", "{} {} of 3", "{}_part{}_of_3", "{}_part_{}_1m", "{}_split_{}", "{}_page{}", "{} (part {})"),
]


@settings(max_examples=40, deadline=None)
@given(
    written=st.sampled_from(PARTS),
    symbol=st.sampled_from(["AAQ", "btcusdt", "BTC-USD", "BRK.B", "600519"]),
    shared=st.booleans(),
    backwards=st.booleans(),
)
def test_parts_that_follow_each_other_are_one_series(written: str, symbol: str, shared: bool, backwards: bool) -> None:
    """Each may begin with the row that the one before ends with, as pages of answers do."""
    frame = bars(90, MINUTE, YEAR)
    cuts = [frame[0:30], frame[30 - shared : 60], frame[60 - shared : 90]]
    with tempfile.TemporaryDirectory() as folder:
        for number, part in enumerate(reversed(cuts) if backwards else cuts, start=1):
            put(Path(folder), f"{written.format(symbol, number)}.csv", as_csv(part))
        if shared:
            with pytest.raises(QualityError, match="repeat a time of their symbol: 2") as caught:
                load(folder)
            assert "data.on_duplicate" in str(caught.value.hint)
        table = load(folder, on_duplicate="first")
        assert table.fingerprint == expected(frame, MINUTE, symbol).fingerprint
        assert f"file's name gives {symbol}" in " ".join(check_data(DataConfig(paths=(folder,))).notes)


@settings(max_examples=30, deadline=None)
@given(written=st.sampled_from(PARTS), interleaved=st.booleans(), more=st.sampled_from(["", "_bid"]))
def test_parts_over_the_same_time_are_refused(written: str, interleaved: bool, more: str) -> None:
    """Rows of two instruments at odd and even minutes repeat no time, and are no series."""
    frames = [bars(30, 2 * MINUTE, YEAR + number * MINUTE * interleaved, seed=number) for number in range(2)]
    with tempfile.TemporaryDirectory() as folder:
        for number, frame in enumerate(frames, start=1):
            put(Path(folder), f"{written.format('AAQ', number)}{more}.csv", as_csv(frame))
        with pytest.raises(AmbiguousError, match="named for parts of AAQ, and their rows cover the same time"):
            load(folder)


def test_a_whole_beside_its_part_and_parts_of_two_sides_are_refused(tmp_path: Path) -> None:
    frame = bars(60, MINUTE, YEAR)
    put(tmp_path, "a/AAQ.csv", as_csv(frame))
    put(tmp_path, "a/AAQ_part2.csv", as_csv(frame[20:40]))
    with pytest.raises(AmbiguousError, match="named for parts of AAQ"):
        load(tmp_path / "a")
    put(tmp_path, "b/AAQ_ask_part1.csv", as_csv(frame[:30]))
    put(tmp_path, "b/AAQ_bid_part2.csv", as_csv(frame[30:]))
    with pytest.raises(AmbiguousError, match="differ in ask, bid"):
        load(tmp_path / "b")


@pytest.mark.parametrize(
    "names",
    [
        ("AAQ_1", "AAQ_2"),
        ("AAQ", "AAQ_1"),
        ("AAQ data1", "AAQ data2"),
        ("aaq-01", "aaq-02"),
        ("AAQ_batch1", "AAQ_batch2"),
    ],
)
def test_names_that_differ_in_a_number_alone_are_refused_where_one_follows_the_other(
    names: tuple[str, str], tmp_path: Path
) -> None:
    frame = bars(60, MINUTE, YEAR)
    for name, part in zip(names, (frame[:30], frame[30:]), strict=True):
        put(tmp_path, f"one/{name}.csv", as_csv(part))
        put(tmp_path, f"two/{name}.csv", as_csv(frame[:30]))
    with pytest.raises(AmbiguousError, match="differ in a number alone") as caught:
        load(tmp_path / "one")
    assert "data.symbol" in str(caught.value.hint)
    assert load(tmp_path / "one", symbol="AAQ").fingerprint == expected(frame, MINUTE, "AAQ").fingerprint
    assert len(load(tmp_path / "two").symbols) == 2


@pytest.mark.parametrize("name", ["ES 03-{}", "ES_DEC{}", "ES_H{}", "ESH{}"])
def test_contracts_named_for_the_month_of_their_expiry_are_no_numbered_parts(name: str, tmp_path: Path) -> None:
    for year in (23, 24):
        put(tmp_path, f"{name.format(year)}.csv", as_csv(bars(30, MINUTE, YEAR + (year - 23) * 365 * DAY)))
    assert load(tmp_path).symbols == (name.format(23), name.format(24))


def test_files_of_functions_of_alpha_vantage_are_series_of_their_symbols(tmp_path: Path) -> None:
    for number, symbol in enumerate(("AAPL", "MSFT")):
        put(tmp_path, f"TIME_SERIES_DAILY_{symbol}.csv", as_csv(bars(30, DAY, seed=number)))
    assert load(tmp_path).symbols == ("AAPL", "MSFT")
    put(tmp_path, "TIME_SERIES_DAILY_ADJUSTED_AAPL.csv", as_csv(bars(30, DAY, seed=3)))
    with pytest.raises(AmbiguousError, match="differ in adjusted"):
        load(tmp_path)

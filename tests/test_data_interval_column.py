"""A column called period holds the length of bars, or numbers of quarters, months and rounds. A filter that keeps "one
length" of such numbers would drop most rows of the year without a word.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import VALUES, as_csv, bars, load, put
from gatewise.config.schema import DataConfig
from gatewise.data.load import load_table
from gatewise.errors import AmbiguousError, QualityError
from sql_tables import put as put_table
from sql_tables import sqlite_url

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FIRST = datetime(2023, 1, 2, tzinfo=UTC)
# What each writes beside a moment: parts of the year, and numbers that go round.
PARTS: dict[str, Callable[[datetime], str]] = {
    "Q1": lambda m: f"Q{(m.month - 1) // 3 + 1}",
    "quarter": lambda m: f"{(m.month - 1) // 3 + 1}",
    "half": lambda m: f"H{(m.month - 1) // 6 + 1}",
    "month": lambda m: f"{m.month}",
    "M1": lambda m: f"M{m.month}",
    "BLS": lambda m: f"M{m.month:02}",
    "weekday": lambda m: f"D{m.weekday() + 1}",
    "float": lambda m: f"{(m.month - 1) // 3 + 1}.0",
}


def numbered(rows: int, step: timedelta, part: str) -> pl.DataFrame:
    frame = bars(rows, step, FIRST)
    return frame.with_columns(pl.Series("period", [PARTS[part](moment) for moment in frame["time"]]))


@settings(max_examples=30, deadline=None)
@given(
    part=st.sampled_from([*PARTS]),
    step=st.sampled_from([DAY, 7 * DAY, HOUR * 4]),
    rows=st.sampled_from([200, 400]),
    symbols=st.integers(1, 3),
    said=st.sampled_from(["period", "Period", "<PER>", "interval", "freq"]),
)
def test_numbers_of_the_year_s_parts_are_no_lengths_of_bars(
    part: str, step: timedelta, rows: int, symbols: int, said: str
) -> None:
    frames = [numbered(rows, step, part).with_columns(pl.lit(f"A{n}").alias("symbol")) for n in range(symbols)]
    frame = pl.concat(frames).rename({"period": said})
    with tempfile.TemporaryDirectory() as folder:
        table = load(put(Path(folder), "X.csv", as_csv(frame)), timeframe=step)
    assert table.num_rows == frame.height
    assert set(table.columns) - {*VALUES} <= {said}


@settings(max_examples=30, deadline=None)
@given(
    step=st.sampled_from([MINUTE, 5 * MINUTE, HOUR, DAY]),
    last=st.integers(2, 6),
    letter=st.sampled_from(["", "P", "M"]),
)
def test_numbers_that_go_round_are_no_lengths_of_bars(step: timedelta, last: int, letter: str) -> None:
    """Each fifth minute is called 5, and steps by five minutes; that alone makes no lengths of them."""
    frame = bars(60, step, FIRST)
    frame = frame.with_columns(pl.Series("period", [f"{letter}{n % last + 1}" for n in range(60)]))
    with tempfile.TemporaryDirectory() as folder:
        table = load(put(Path(folder), "X.csv", as_csv(frame)))
    assert (table.num_rows, table.timeframe) == (60, step)
    if not letter:
        assert table.frame["period"].to_list() == [n % last + 1 for n in range(60)]


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.sampled_from([("1", "5"), ("M1", "M15"), ("H1", "H4"), ("1", "60"), ("60", "300"), ("D1", "D7")]),
    blocks=st.booleans(),
    symbols=st.integers(1, 2),
)
def test_lengths_of_bars_written_as_such_numbers_are_refused(
    lengths: tuple[str, str], blocks: bool, symbols: int
) -> None:
    """Over the same times, or one after the other."""
    short, long = {
        ("1", "5"): (MINUTE, 5 * MINUTE),
        ("M1", "M15"): (MINUTE, 15 * MINUTE),
        ("H1", "H4"): (HOUR, 4 * HOUR),
        ("1", "60"): (MINUTE, HOUR),
        ("60", "300"): (MINUTE, 5 * MINUTE),
        ("D1", "D7"): (DAY, 7 * DAY),
    }[lengths]
    first = bars(80, short, FIRST)
    second = bars(20, long, FIRST + 80 * short if blocks else FIRST, seed=1)
    both = [f.with_columns(pl.lit(v).alias("period")) for f, v in zip((first, second), lengths, strict=True)]
    frame = pl.concat([f.with_columns(pl.lit(f"A{n}").alias("symbol")) for n in range(symbols) for f in both])
    with tempfile.TemporaryDirectory() as folder:
        path = put(Path(folder), "X.csv", as_csv(frame))
        with pytest.raises(AmbiguousError, match="column 'period' names intervals") as caught:
            load(path)
        assert f"data.filter={ {'period': lengths[0]}!r}" in str(caught.value.hint)
        assert load(path, filter={"period": lengths[0]}).timeframe == short


def test_lengths_whose_rows_are_thin_are_told_by_the_times_that_they_share(tmp_path: Path) -> None:
    """Trade in every other minute alone; only the hours step by their length."""
    thin, hours = bars(120, 2 * MINUTE, FIRST), bars(4, HOUR, FIRST, seed=1)
    both = [f.with_columns(pl.lit(v).alias("period")) for f, v in ((thin, "1"), (hours, "60"))]
    with pytest.raises(AmbiguousError, match="names intervals 1, 60"):
        load(put(tmp_path, "X.csv", as_csv(pl.concat(both))))


def test_rows_that_repeat_a_time_for_another_reason_are_not_taken_for_several_lengths(tmp_path: Path) -> None:
    frame = numbered(200, DAY, "quarter")
    both = pl.concat([frame.with_columns(pl.lit(who).alias("desk")) for who in ("A", "B")])
    both = both.with_columns(pl.col("close") + pl.int_range(pl.len()) % 7)
    with pytest.raises(QualityError, match="repeat a time") as caught:
        load(put(tmp_path, "X.csv", as_csv(both)))
    assert "period" not in str(caught.value.hint)


def test_files_of_a_quarter_each_are_one_series_and_files_of_two_lengths_are_none(tmp_path: Path) -> None:
    frame = numbered(360, DAY, "quarter")
    for quarter in frame["period"].unique():
        put(tmp_path, f"parts/X_2023Q{quarter}.csv", as_csv(frame.filter(pl.col("period") == quarter)))
    assert load(tmp_path / "parts").num_rows == 360
    for name, step, said in (("A", MINUTE, "1"), ("B", 2 * HOUR, "120")):
        put(tmp_path, f"lengths/{name}.csv", as_csv(bars(30, step).with_columns(pl.lit(said).alias("period"))))
    with pytest.raises(AmbiguousError, match="name in 'period' intervals 1, 120"):
        load(tmp_path / "lengths")


@pytest.mark.parametrize("part", ["Q1", "half", "quarter"])
def test_a_database_s_numbers_of_the_year_s_parts_are_judged_by_all_rows(part: str, tmp_path: Path) -> None:
    """The first rows hold one value alone."""
    frame = numbered(400, DAY, part)
    types = {"time": "TEXT", "period": "TEXT"}
    url = put_table(
        sqlite_url(tmp_path / "x.db"), frame.with_columns(pl.col("time").dt.strftime("%Y-%m-%d")), types=types
    )
    assert load_table(DataConfig(source="sql", url=url, table="bars")).num_rows == 400
    assert load_table(DataConfig(source="sql", url=url, table="bars", columns=("close",))).columns == ("close",)


LENGTHS = {"words": ("Daily", "Hourly"), "numbers": ("1d", "1h"), "MetaTrader": ("D1", "H1")}


def days_and_hours(column: str, names: str) -> pl.DataFrame:
    """Rows of both lengths, which share no time and are no bars."""
    day, hour = LENGTHS[names]
    frames = [bars(20, DAY, FIRST), bars(140, HOUR, FIRST + HOUR / 2)]
    rows = (frame.with_columns(pl.lit(name).alias(column)) for frame, name in zip(frames, (day, hour), strict=True))
    return pl.concat(rows).sort("time")


@pytest.mark.parametrize("names", LENGTHS)
@pytest.mark.parametrize("column", ["aggregation", "candle_type", "level", "Bars", "kind"])
def test_a_column_of_words_for_several_lengths_is_refused_whatever_it_is_called(
    column: str, names: str, tmp_path: Path
) -> None:
    frame, (day, hour) = days_and_hours(column, names), LENGTHS[names]
    file = put(tmp_path, "X.csv", as_csv(frame))
    with pytest.raises(AmbiguousError, match=f"column '{column}' names intervals {hour}, {day}"):
        load(file)
    assert load(file, filter={column: hour}).timeframe == HOUR
    text = frame.with_columns(pl.col("time").dt.strftime("%Y-%m-%d %H:%M:%S"))
    url = put_table(sqlite_url(tmp_path / "b.db"), text, "t", {"time": "TEXT", column: "TEXT"})
    with pytest.raises(AmbiguousError, match=f"column '{column}' names intervals {hour}, {day}"):
        load_table(DataConfig(source="sql", url=url, table="t"))


@pytest.mark.parametrize("words", [("Weekly", "Monthly"), ("M", "D"), ("Q1", "Q2"), ("H1", "H2"), ("Daily", "Nightly")])
def test_words_by_which_no_rows_step_are_no_lengths(words: tuple[str, str], tmp_path: Path) -> None:
    """Kinds of options by their expiry, marks, and halves of the year."""
    frame = bars(40, DAY, FIRST).with_columns(pl.Series("kind", [words[n // 20] for n in range(40)]))
    assert load(put(tmp_path, "X.csv", as_csv(frame))).num_rows == 40


@pytest.mark.parametrize("column", ["minutes", "barlen", "count"])
@pytest.mark.parametrize("follow", [False, True])
def test_numbers_by_which_all_rows_step_are_lengths_whatever_the_column_is_called(
    column: str, follow: bool, tmp_path: Path
) -> None:
    hourly, longer = bars(80, HOUR, FIRST), bars(20, 4 * HOUR, FIRST + follow * 80 * HOUR, 1)
    frame = pl.concat([hourly.with_columns(pl.lit(60).alias(column)), longer.with_columns(pl.lit(240).alias(column))])
    path = put(tmp_path, "X.csv", as_csv(frame))
    with pytest.raises(AmbiguousError, match=f"column '{column}' names intervals 60, 240") as caught:
        load(path)
    assert f"data.filter={ {column: '60'}!r}" in str(caught.value.hint)
    assert load(path, filter={column: "60"}).num_rows == 80


def test_a_few_numbers_by_which_rows_do_not_step_count_something(tmp_path: Path) -> None:
    counts = [[1, 1, 2, 1, 5, 1, 2, 1][n % 8] for n in range(80)]
    path = put(tmp_path, "X.csv", as_csv(bars(80, MINUTE, FIRST).with_columns(pl.Series("lots", counts))))
    assert "lots" in load(path).columns

"""Columns that name symbols under a name that nobody knows. Symbols that follow one another share no time, so nothing
repeats: read as one series they jump from one instrument to the next, and a model learns the jumps.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import as_csv, bars, load, put
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data
from gatewise.errors import AmbiguousError

DAY = timedelta(days=1)
FIRST = datetime(2022, 1, 3, tzinfo=UTC)


def one_after_another(column: str, values: list[Any], rows: int = 20, jump: float = 3.0) -> pl.DataFrame:
    """A run of rows of each value, at prices so many times those of the run before."""
    prices = ["open", "high", "low", "close"]
    whole = bars(rows * len(values), DAY, FIRST)
    run = pl.int_range(pl.len()) // rows
    named = pl.Series(column, [value for value in values for _ in range(rows)])
    return whole.with_columns(named, (pl.col(prices) * pl.lit(jump).pow(run)).round(4))


def warnings_of(path: Path, **said: Any) -> list[str]:
    notes = check_data(DataConfig(paths=(str(path),), **said)).notes
    return [note for note in notes if "one after another" in note]


NAMES = st.lists(
    st.from_regex(r"[A-Z]{2,5}(\.[A-Z])?|[A-Z]{2}[FGHJKM]4", fullmatch=True), min_size=2, max_size=4, unique=True
)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["Entity", "papel", "item", "Delivery", "who", "issuer_code"]), NAMES, st.booleans())
def test_a_column_whose_values_follow_one_another_while_prices_jump_is_refused_and_its_hint_reads_them(
    column: str, names: list[str], newest_first: bool
) -> None:
    frame = one_after_another(column, names)
    with tempfile.TemporaryDirectory() as folder:
        path = put(Path(folder), "all.csv", as_csv(frame.reverse() if newest_first else frame))
        with pytest.raises(AmbiguousError, match="the price jumps wherever it changes") as caught:
            load(path)
        assert f"data.symbol_column={column!r}" in str(caught.value.hint)
        assert load(path, symbol_column=column).symbols == tuple(sorted(names))
        assert load(path, symbol="X").num_rows == frame.height
        assert load(path, filter={column: names[0]}).num_rows == 20


def test_times_that_begin_again_at_every_change_are_refused_whatever_prices_do(tmp_path: Path) -> None:
    late, early = (one_after_another("who", ["AAQ", "BBQ"], jump=1.0).filter(who=name) for name in ("BBQ", "AAQ"))
    path = put(tmp_path, "all.csv", as_csv(pl.concat([late, early])))
    with pytest.raises(AmbiguousError, match="the times begin again wherever it changes"):
        load(path)


@pytest.mark.parametrize("column", ["id", "token", "inst_code"])
def test_numbers_that_are_called_as_ids_are_no_feature_while_prices_jump_with_them(column: str, tmp_path: Path) -> None:
    path = put(tmp_path, "all.csv", as_csv(one_after_another(column, [10107, 14593])))
    with pytest.raises(AmbiguousError, match="'10107', '14593'"):
        load(path)
    assert load(path, filter={column: "10107"}).num_rows == 20
    calm = put(tmp_path, "calm.csv", as_csv(one_after_another(column, [1, 2], jump=1.0)))
    assert load(calm).symbols == ("calm",)


def test_files_of_one_series_that_each_hold_another_name_are_refused(tmp_path: Path) -> None:
    frame = one_after_another("Entity", ["AAQ", "BBQ"])
    for year, name in ((2022, "AAQ"), (2023, "BBQ")):
        put(
            tmp_path,
            f"all_{year}.csv",
            as_csv(frame.filter(Entity=name).with_columns(pl.col("time") + (year - 2022) * 365 * DAY)),
        )
    with pytest.raises(AmbiguousError, match="'AAQ', 'BBQ'"):
        load(tmp_path)


@pytest.mark.parametrize(("column", "values"), [("Delivery", ["CLH4", "CLJ4", "CLK4"]), ("who", ["FB", "META"])])
def test_a_change_of_name_at_which_nothing_happens_is_said(column: str, values: list[str], tmp_path: Path) -> None:
    path = put(tmp_path, "X.csv", as_csv(one_after_another(column, values, jump=1.0)))
    assert load(path).symbols == ("X",)
    (note,) = warnings_of(path)
    assert note.startswith("warning: ")
    assert f"{column!r}" in note
    assert warnings_of(path, symbol="X") == []


@pytest.mark.parametrize(
    ("column", "values", "jump", "said"),
    [
        ("status", ["ACTIVE", "HALTED"], 1.0, 0),
        ("exchange", ["NYSE", "NASDAQ"], 1.0, 0),
        ("currency", ["USD", "EUR"], 3.0, 1),
        ("month_name", ["JAN", "FEB", "MAR"], 1.0, 0),
        ("day", ["2024-01-02", "2024-01-03"], 1.0, 0),
        ("remark", ["a quiet day", "a loud day"], 3.0, 0),
        ("regime", [1, 2], 3.0, 0),
    ],
)
def test_states_dates_and_remarks_in_runs_leave_one_series(
    column: str, values: list[Any], jump: float, said: int, tmp_path: Path
) -> None:
    path = put(tmp_path, "X.csv", as_csv(one_after_another(column, values, jump=jump)))
    assert load(path, time_column="time").symbols == ("X",)
    assert len(warnings_of(path, time_column="time")) == said


def test_remarks_on_a_few_rows_name_no_series(tmp_path: Path) -> None:
    remarks = [None] * 15 + ["EARNINGS"] * 5 + [None] * 15 + ["SPLIT"] * 5
    frame = one_after_another("who", ["A", "B"]).with_columns(pl.Series("key", remarks)).drop("who")
    path = put(tmp_path, "X.csv", as_csv(frame.with_columns(pl.col("key").fill_null(""))))
    assert load(path).symbols == ("X",)
    assert warnings_of(path) == []


def test_values_that_come_again_name_no_series(tmp_path: Path) -> None:
    frame = one_after_another("who", ["PRE", "REG", "PRE", "REG"])
    assert warnings_of(put(tmp_path, "X.csv", as_csv(frame))) == []


@pytest.mark.parametrize("column", ["Entity", "papel", "contract", "Delivery"])
@pytest.mark.parametrize("interleaved", [False, True])
def test_instruments_spliced_within_a_symbol_are_refused_and_the_hints_ways_read_them(
    column: str, interleaved: bool, tmp_path: Path
) -> None:
    spliced = one_after_another(column, ["ESH4", "ESM4"]).with_columns(symbol=pl.lit("ES"))
    calm = one_after_another(column, ["NQH4", "NQM4"], jump=1.0).with_columns(symbol=pl.lit("NQ"))
    both = pl.concat([spliced, calm])
    path = put(tmp_path, "all.csv", as_csv(both.sort("time") if interleaved else both))
    with pytest.raises(AmbiguousError, match=r"within symbol 'ES' .*the price jumps wherever it changes") as caught:
        load(path)
    for way in (f"data.symbol_column={column!r} reads", "data.symbol_column='symbol' says that they are one"):
        assert way in str(caught.value.hint)
    assert load(path, symbol_column=column).symbols == ("ESH4", "ESM4", "NQH4", "NQM4")
    assert load(path, symbol_column="symbol").symbols == ("ES", "NQ")
    assert len(warnings_of(path, symbol_column="symbol")) == 1
    assert load(path, filter={column: "ESH4"}).num_rows == 20


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("exchange", ["NYSE", "LSE"]),
        ("price_type", ["raw", "adj"]),
        ("adjustment", ["raw", "split"]),
        ("kod", ["Samsung", "Hynix"]),
    ],
)
def test_kinds_of_rows_spliced_within_a_symbol_are_said_with_the_filter_that_keeps_one(
    column: str, values: list[str], tmp_path: Path
) -> None:
    frame = one_after_another(column, values)
    other = frame.with_columns(pl.lit(values[0]).alias(column), pl.lit("Y").alias("symbol"))
    path = put(tmp_path, "all.csv", as_csv(pl.concat([frame.with_columns(symbol=pl.lit("X")), other])))
    (note,) = warnings_of(path)
    assert f"{column!r} holds 2 values one after another within symbol 'X'" in note
    assert f"data.filter={ {column: values[0]}!r}" in note
    assert "data.symbol_column" not in note


def test_expiries_tell_instruments_as_numbers_and_as_dates_and_days_until_then_do_not(tmp_path: Path) -> None:
    for values in ([202403, 202406], ["2024-03-15", "2024-06-21"]):
        frame = one_after_another("expiry", values).with_columns(symbol=pl.lit("ES"))
        for name, rows in (("named", frame), ("unnamed", frame.drop("symbol"))):
            with pytest.raises(AmbiguousError, match="column 'expiry' holds 2 values one after another"):
                load(put(tmp_path, f"{name}.csv", as_csv(rows)), time_column="time")
    frame = one_after_another("days_to_expiry", [30, 29, 28]).with_columns(symbol=pl.lit("ES"))
    assert warnings_of(put(tmp_path, "days.csv", as_csv(frame))) == []


@pytest.mark.parametrize(
    ("column", "values", "jump"),
    [
        ("exchange", ["NYSE", "NASDAQ"], 1.0),
        ("contract", ["ESH4", "ESM4"], 1.0),
        ("isin", ["US0378331005", "US0378331006"], 1.0),
        ("remark", ["a quiet day", "a loud day"], 3.0),
    ],
)
def test_within_a_symbol_changes_at_which_nothing_happens_and_remarks_are_no_news(
    column: str, values: list[str], jump: float, tmp_path: Path
) -> None:
    frame = one_after_another(column, values, jump=jump).with_columns(symbol=pl.lit("X"))
    path = put(tmp_path, "all.csv", as_csv(frame))
    assert load(path).symbols == ("X",)
    assert warnings_of(path) == []


def test_what_jumps_in_a_few_of_many_symbols_is_said_and_not_refused(tmp_path: Path) -> None:
    frames = [
        one_after_another("isin", [f"US{n}A", f"US{n}B"], jump=3.0 if n == 2 else 1.0).with_columns(
            symbol=pl.lit(f"S{n}")
        )
        for n in range(5)
    ]
    (note,) = warnings_of(put(tmp_path, "all.csv", as_csv(pl.concat(frames))))
    assert "within symbol 'S2'" in note

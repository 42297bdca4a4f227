"""Where each row stood in its source. A stamp beside the wrong row joins without an error, as yesterday's prediction.

The truth is the source itself, read again by plain Polars or made by hand: a table's row holds the price that its place
in the source holds, and the stamp beside it is that place's stamp.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_files import as_csv, bars, put
from gatewise.config.schema import DataConfig, FeatureConfig
from gatewise.data.load import load_table
from gatewise.data.origin import as_read, stamp_names, with_stamps
from gatewise.data.table import Table
from gatewise.features.cache import cache_key
from lake_worlds import BTC, filled
from lake_worlds import bars as lake_bars
from sql_tables import put as put_rows
from sql_tables import sqlite_url

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def load(*paths: Path, **said: Any) -> Table:
    return load_table(DataConfig.model_validate({"paths": [str(path) for path in paths], **said}))


def stamped(table: Table) -> pl.DataFrame:
    """The table's rows with the source's stamps behind symbol and time."""
    return with_stamps(table.frame, table)


def holds(table: Table, source: pl.DataFrame, *stamps: str) -> None:
    """Each row is the one of its place: the price there is its price, the stamps are those there."""
    there = source[table.source_row]
    assert table.frame["close"].equals(there["close"].cast(pl.Float64).alias("close"))
    names = stamp_names(table)
    assert tuple(names.values()) == stamps
    for name, column in names.items():
        assert stamped(table)[name].equals(there[column].alias(name))


WRITTEN: dict[str, Callable[[datetime], object]] = {
    "dates": lambda moment: f"{moment:%Y-%m-%d}",
    "days first": lambda moment: f"{moment:%d.%m.%Y}",
    "local time": lambda moment: f"{moment:%m/%d/%Y %I:%M:%S %p}",
    "epochs": lambda moment: int(moment.timestamp() * 1000),
    "numbers": lambda moment: f"{moment:%Y%m%d}",
    "offsets": lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}-05:00",
}


@pytest.mark.parametrize("way", WRITTEN)
def test_a_csv_gives_its_stamps_as_they_stand(way: str, tmp_path: Path) -> None:
    step = DAY if way in ("dates", "days first", "numbers") else HOUR
    frame = bars(60, step, datetime(2020, 1, 13, tzinfo=UTC)).rename({"time": "Date"})
    file = put(tmp_path, "X.csv", as_csv(frame, WRITTEN[way]))
    holds(load(file), pl.read_csv(file, infer_schema_length=None), "Date")


def test_months_and_stamps_of_two_columns_are_given_as_they_stand(tmp_path: Path) -> None:
    months = [datetime(2015 + n // 12, 1 + n % 12, 1, tzinfo=UTC) for n in range(30)]
    frame = bars(30).with_columns(time=pl.Series(months)).rename({"time": "Month"})
    file = put(tmp_path, "M.csv", as_csv(frame, lambda moment: f"{moment:%Y-%m}"))
    holds(load(file, time_column="Month"), pl.read_csv(file), "Month")
    minutes = bars(40)
    both = minutes.select(
        pl.col("time").dt.strftime("%d/%m/%Y").alias("<DATE>"), pl.col("time").dt.strftime("%H:%M").alias("<TIME>"),
        *minutes.columns[1:],
    )  # fmt: skip
    file = put(tmp_path, "T.csv", both.write_csv())
    holds(load(file), pl.read_csv(file), "<DATE>", "<TIME>")


@given(st.randoms(use_true_random=False), st.integers(0, 3))
def test_rows_are_known_by_their_place_however_they_are_sorted_dropped_and_split(
    tmp_path_factory: pytest.TempPathFactory, random: Any, blanks: int
) -> None:
    """Rows of two symbols in any order, some twice, some out of the span, with blank lines between them."""
    folder = tmp_path_factory.mktemp("rows")
    close = np.round(np.random.default_rng(random.randrange(1000)).uniform(1, 9, 60), 4)
    rows = [(f"{'AB'[n % 2]}", datetime(2020, 1, 1) + HOUR * (n // 2), close[n]) for n in range(60)]
    rows += random.sample(rows, 5)
    random.shuffle(rows)
    lines = [f"{symbol},{time:%Y-%m-%d %H:%M},{price}" for symbol, time, price in rows]
    for _ in range(blanks):
        lines.insert(random.randrange(1, 60), ",,")
    file = put(folder, "rows.csv", "\n".join(["ticker,when,close", *lines]) + "\n")
    said = {"time_column": "when", "on_duplicate": random.choice(["first", "last"]), "timezone": "America/New_York"}
    table = load(file, start="2020-01-01 09:00", **said)
    assert table.num_rows < 60
    holds(table, pl.read_csv(file, raise_if_empty=False), "when")
    assert stamped(table)["symbol"].equals(pl.read_csv(file)["ticker"][table.source_row].alias("symbol"))


def test_several_files_count_their_own_rows_and_share_a_column_of_text_where_their_types_differ(tmp_path: Path) -> None:
    first, second, third = (bars(20, HOUR, datetime(2020, 1, day, tzinfo=UTC), seed=day) for day in (1, 2, 3))
    put(tmp_path, "X_1.csv", as_csv(first))
    put(tmp_path, "X_2.csv", as_csv(second.rename({"time": "Date"})))
    third.write_parquet(tmp_path / "X_3.parquet")
    table = load(tmp_path, symbol="X")
    assert table.origin is not None
    assert table.source_row.tolist() == 3 * list(range(20))
    assert table.origin["__file"].to_list() == [n for n in range(3) for _ in range(20)]
    shown = stamped(table)
    assert shown.columns[2:4] == ["source_time", "Date"]
    assert shown["source_time"].to_list() == [
        *map(str, first["time"]), *[None] * 20, *third["time"].cast(pl.String)
    ]  # fmt: skip
    assert shown["Date"].to_list() == [*[None] * 20, *map(str, second["time"]), *[None] * 20]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_typed_stamps_keep_their_type(unit: Any, tmp_path: Path) -> None:
    frame = bars(30).with_columns(
        pl.col("time").dt.convert_time_zone("Europe/Berlin").dt.cast_time_unit(unit).alias("Zeit")
    )
    frame.drop("time").write_parquet(tmp_path / "X.parquet")
    table = load(tmp_path / "X.parquet", time_column="Zeit")
    holds(table, frame, "Zeit")
    assert stamped(table)["Zeit"].dtype == pl.Datetime(unit, "Europe/Berlin")


def test_rows_of_json_and_of_a_wide_file_are_known_by_their_place(tmp_path: Path) -> None:
    frame = bars(30)
    rows = frame.with_columns(pl.col("time").dt.epoch("s").alias("t")).drop("time")
    holds(load(put(tmp_path, "X.json", rows.write_json()), time_column="t"), rows, "t")
    wide = frame.select("time", pl.col("close").alias("AAA"), (pl.col("close") + 5).alias("BBB"))
    header = "Date,Close,Close\n,AAA,BBB\n"
    text = header + as_csv(wide.reverse()).split("\n", 1)[1]
    table = load(put(tmp_path, "wide.csv", text))
    assert table.source_row.tolist() == 2 * list(reversed(range(30)))
    assert stamped(table)["Date"].to_list() == 2 * list(map(str, frame["time"]))


def test_a_database_gives_its_stamps_as_it_holds_them_and_the_lake_has_none_beside_the_time(tmp_path: Path) -> None:
    frame = bars(30).rename({"time": "at"})
    text = frame.with_columns(pl.col("at").dt.strftime("%Y-%m-%d %H:%M:%S"))
    url = put_rows(sqlite_url(tmp_path / "bars.db"), text, types={"at": "TEXT"})
    table = load_table(DataConfig(source="sql", url=url, table="bars", symbol="X", time_column="at"))
    holds(table, text, "at")
    filled(tmp_path / "lake", lake_bars(50))
    lake = load_table(DataConfig(source="lake", lake=str(tmp_path / "lake"), symbol=BTC.symbol))
    assert stamp_names(lake) == {}
    assert stamped(lake).equals(lake.frame)
    assert lake.source_row.tolist() == list(range(50))


def test_a_longer_bar_stands_where_its_last_row_does(tmp_path: Path) -> None:
    frame = bars(48, HOUR, datetime(2020, 1, 1, tzinfo=UTC)).filter(pl.int_range(48) != 23)  # 23:00 is absent
    table = load(put(tmp_path, "X.csv", as_csv(frame.rename({"time": "Date"}))), resample="1d")
    assert table.source_row.tolist() == [22, 46]
    assert stamped(table)["Date"].to_list() == ["2020-01-01 22:00:00+00:00", "2020-01-02 23:00:00+00:00"]


def test_places_go_where_rows_go_and_are_no_part_of_what_a_table_is(tmp_path: Path) -> None:
    both = pl.concat([bars(30, seed=n).with_columns(symbol=pl.lit(name)) for n, name in enumerate("AB")])
    table = load(put(tmp_path, "both.csv", as_csv(both)))
    second = table.slice(30, 30)
    assert second.source_row.tolist() == list(range(30, 60))
    bare = table.with_frame(table.frame)
    assert bare.origin is None
    assert bare.fingerprint == table.fingerprint
    assert cache_key(bare, FeatureConfig()) == cache_key(table, FeatureConfig())
    assert with_stamps(bare.frame, bare) is bare.frame
    assert bare.source_row.tolist() == list(range(60))


def test_a_name_that_predictions_have_too_stands_behind_source(tmp_path: Path) -> None:
    for name, shown in {"time": "source_time", "label": "source_label", "target": "source_target", "": "source_time",
                        "Date": "Date"}.items():  # fmt: skip
        frame = bars(30).rename({"time": name or "index"})
        text = as_csv(frame).replace("index", "", 1) if not name else as_csv(frame)
        table = load(put(tmp_path, "X.csv", text), **({"time_column": name} if name else {}))
        assert list(stamp_names(table)) == [shown]
        assert list(stamp_names(table, ["source_time"])) == [f"source_{shown}" if shown == "source_time" else shown]


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["1499040000000", "-5", None], [1499040000000, -5, None]),
        (["1.5", "20.0"], [1.5, 20.0]),
        (["007", "7"], ["007", "7"]),
        (["1e3", "5"], ["1e3", "5"]),
        (["2020-01", "5"], ["2020-01", "5"]),
        ([" 5", "5"], [" 5", "5"]),
        ([None, None], [None, None]),
    ],
)
def test_text_is_read_as_numbers_only_where_numbers_are_written_so(cells: list[Any], read: list[Any]) -> None:
    assert as_read(pl.Series(cells, dtype=pl.String)).to_list() == read

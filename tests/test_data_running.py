"""A bar that was still running when it was written is no row, wherever a column says so; no other row is left out."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sql_tables
from data_files import VALUES, as_csv, bars, expected, load, put
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data
from gatewise.data.sources import read_source
from gatewise.errors import NotEnoughRowsError

BARS = bars()
WORDS: dict[str, tuple[Any, Any]] = {
    "JSON's": (True, False),
    "words": ("true", "false"),
    "Python's": ("True", "False"),
    "digits": ("1", "0"),
    "numbers": (1, 0),
}


def written(folder: Path, frame: pl.DataFrame, how: str) -> Path:
    if how == "csv":
        return put(folder, "X.csv", as_csv(frame, str))
    if how == "parquet":
        frame.write_parquet(folder / "X.parquet")
        return folder / "X.parquet"
    records = [{**row, "time": f"{row['time']:%Y-%m-%dT%H:%M:%SZ}"} for row in frame.iter_rows(named=True)]
    prices = [{key: row.pop(key) for key in VALUES[:4]} for row in records]  # as OANDA has them
    return put(
        folder, "X.json", json.dumps([{**row, "mid": price} for row, price in zip(records, prices, strict=True)])
    )


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["complete", "confirm", "is_closed", "isFinal", "Closed", "x"]),
    words=st.sampled_from(sorted(WORDS)),
    running=st.sets(st.integers(0, 39), max_size=4),
    how=st.sampled_from(["csv", "json", "parquet"]),
    narrow=st.booleans(),
)
def test_running_bars_are_left_out_and_counted(
    name: str, words: str, running: set[int], how: str, narrow: bool
) -> None:
    yes, no = WORDS["JSON's" if name == "x" else words]
    frame = BARS.with_columns(pl.Series(name, [no if row in running else yes for row in range(40)]))
    said: dict[str, Any] = {"timeframe": "1h", **({"columns": VALUES} if narrow else {})}
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), frame, how)
        table, notes = load(path, **said), check_data(DataConfig(paths=(str(path),), **said)).notes
    kept = BARS.filter(~pl.int_range(pl.len()).is_in(list(running)))
    assert table.frame.select("symbol", "time", *VALUES).equals(expected(kept).frame)
    assert [note.split(" left out: ")[1][0] for note in notes if "still running" in note] == (
        [str(len(running))] if running else []
    )


@pytest.mark.parametrize("kind", ["BOOLEAN", "TEXT"])
@pytest.mark.parametrize("columns", [(), VALUES])
def test_running_bars_of_a_database_are_left_out(kind: str, columns: tuple[str, ...], tmp_path: Path) -> None:
    rows = sql_tables.bars(("A",))
    flags = [row < 39 for row in range(40)]
    frame = rows.with_columns(pl.Series("complete", flags if kind == "BOOLEAN" else [str(f).lower() for f in flags]))
    types = {"ticker": "TEXT", "time": "TIMESTAMP", "complete": kind}
    url = sql_tables.put(sql_tables.sqlite_url(tmp_path / "bars.db"), frame, types=types)
    read = read_source(DataConfig(source="sql", url=url, table="bars", columns=columns))
    assert read.frame["close"].to_list() == rows["close"].to_list()[:-1]


@pytest.mark.parametrize(
    "column",
    [
        pl.Series("complete", [0.5, 0.0] * 20),
        pl.Series("closed", ["early", "no"] * 20),
        pl.Series("x", [0, 1] * 20),
        pl.Series("complete_share", [0, 1] * 20),
    ],
    ids=["shares", "words", "a number", "another name"],
)
def test_what_says_something_else_leaves_no_row_out(column: pl.Series, tmp_path: Path) -> None:
    assert load(written(tmp_path, BARS.with_columns(column), "csv"), columns=VALUES).num_rows == 40
    shop = BARS.select("time", pl.col("volume").alias("sales"), pl.Series("closed", [0, 1] * 20))
    assert load(put(tmp_path, "Y.csv", as_csv(shop, str))).num_rows == 40


def test_rows_that_are_all_running_are_refused(tmp_path: Path) -> None:
    frame = BARS.with_columns(pl.lit("0").alias("confirm"))
    with pytest.raises(NotEnoughRowsError, match="all rows are bars that were still running: column 'confirm'"):
        load(written(tmp_path, frame, "csv"))

"""Rows without stamps are numbered: one row off, and every window, label and part of the split would be another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from gatewise.config.schema import DataConfig
from gatewise.data.load import load_table
from gatewise.data.table import ROW
from gatewise.errors import ConfigError, GatewiseError, ReadError

START = datetime(1990, 1, 1, tzinfo=UTC)
NUMBERED: dict[str, Any] = {"numbered_from": "1990-01-01", "timeframe": "1d"}


def test_the_nth_row_lies_n_timeframes_after_the_start_and_keeps_its_number(tmp_path: Path) -> None:
    file = tmp_path / "rates.txt"
    file.write_text("".join(f"{n}.5,{-n}.25\n" for n in range(1, 8)))
    table = load_table(DataConfig(paths=(str(file),), columns_are=("aud", "gbp"), **NUMBERED))
    assert table.frame["time"].to_list() == [START + n * timedelta(days=1) for n in range(1, 8)]  # when each has closed
    assert table.frame["aud"].to_list() == [n + 0.5 for n in range(1, 8)]
    assert table.origin is not None
    assert table.origin["row"].to_list() == table.origin[ROW].to_list() == list(range(1, 8))


def test_a_start_with_a_zone_is_that_moment_and_a_clock_with_summer_time_moves_no_row(tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    file.write_text("aud,gbp\n" + "1.5,2.5\n" * 200)
    said = {"numbered_from": "1990-01-01T00:00-05:00", "timeframe": "1d", "timezone": "America/New_York"}
    table = load_table(DataConfig(paths=(str(file),), stamp="close", **said))
    assert table.frame["time"][0] == START + timedelta(hours=5)
    assert set(table.frame["time"].diff().drop_nulls()) == {timedelta(days=1)}


def test_a_frame_is_numbered_like_a_file(tmp_path: Path) -> None:
    rows = pl.DataFrame({"aud": [1.0, 2.0, 3.0], "gbp": [4.0, 5.0, 6.0]})
    rows.write_parquet(tmp_path / "frame.parquet")
    of_file = load_table(DataConfig(paths=(str(tmp_path / "frame.parquet"),), **NUMBERED))
    of_frame = load_table(DataConfig(source="frame", symbol="frame", **NUMBERED), pa.table(rows.to_arrow()))
    assert of_frame.frame.equals(of_file.frame)


def test_rows_that_a_filter_takes_out_keep_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    file.write_text("kind,aud\nx,1.5\ny,2.5\nx,3.5\n")
    spec = DataConfig(paths=(str(file),), filter={"kind": "x"}, gap_tolerance="9d", **NUMBERED)
    assert load_table(spec).frame["time"].to_list() == [START + timedelta(days=1), START + timedelta(days=3)]


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ({"numbered_from": "1990-01-01"}, ConfigError, "takes a data.timeframe"),
        ({**NUMBERED, "timeframe": "1mo"}, ConfigError, "in days or less"),
        ({**NUMBERED, "source": "sp500"}, ConfigError, "data.source is sp500"),
        ({**NUMBERED, "time_column": "aud"}, ConfigError, "data.time_column is aud"),
        ({**NUMBERED, "numbered_from": "9999-12-30"}, ReadError, "reach beyond the year 9999"),
        ({**NUMBERED, "rename": {}}, ReadError, "column 'Date' may hold them"),
    ],
)
def test_what_can_t_be_numbered_is_refused(
    said: dict[str, Any], kind: type[GatewiseError], words: str, tmp_path: Path
) -> None:
    file = tmp_path / "rates.csv"
    file.write_text("Date,aud\n" * ("rename" in said) + "aud,gbp\n" * ("rename" not in said) + "1.5,2.5\n" * 9)
    with pytest.raises(kind) as refused:
        load_table(DataConfig.model_validate({"paths": (str(file),), **said}))
    assert words in refused.value.message


def test_the_days_of_exchange_rates_are_numbered_to_the_last(shared_data: Path) -> None:
    names = ("aud", "gbp", "cad", "chf", "cny", "jpy", "nzd", "sgd")
    table = load_table(
        DataConfig(paths=(str(shared_data / "exchange_rate" / "exchange_rate.txt.gz"),), columns_are=names, **NUMBERED)
    )
    assert (table.num_rows, table.columns) == (7_588, names)
    assert table.frame["time"][-1] == START + timedelta(days=7_588)

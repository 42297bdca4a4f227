"""A model keeps the calendar that it was trained by: another notion of a gap is another set of windows, and no error
would tell."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from conftest import TINY, Cli
from gatewise.bundle import Bundle
from gatewise.config.schema import DataConfig, ExperimentConfig, TargetConfig, WindowConfig
from gatewise.data.load import load_table
from gatewise.errors import SchemaError
from gatewise.jobs.shared import make_shared, open_shared, save_shared


def test_a_model_reads_new_rows_by_its_calendar_and_refuses_those_of_another(cli: Cli, tmp_path: Path) -> None:
    trained = cli("train", *TINY, "--calendar", "nyse", "--json")
    assert trained.code == 0, trained.err
    bundle = Bundle.load(trained.json["bundle"])
    assert bundle.record.config.data.calendar == "XNYS"
    rows = load_table(DataConfig(source="sp500", calendar="XNYS"))
    file = tmp_path / "new.parquet"
    rows.frame.tail(300).with_columns(pl.col("time").dt.date().alias("date")).drop("time").write_parquet(file)
    read = bundle.reading(overrides={"data.paths": [str(file)], "data.stamp": "open"})
    assert read.calendar == "XNYS"
    table = load_table(read)
    assert (table.calendar, table.gap_tolerance) == ("XNYS", timedelta(days=1))
    assert table.frame["time"].to_list() == rows.frame["time"].tail(300).to_list()
    assert bundle.predict(table).equals(bundle.predict(rows).tail(300 - bundle.rows_needed + 1))
    with pytest.raises(SchemaError, match="calendar XNYS; these are of none") as refused:
        bundle.predict(load_table(DataConfig(source="sp500")))
    assert refused.value.hint == 'gaps must mean the same: data.calendar="XNYS"'
    said = cli("predict", "--model", trained.json["bundle"], "--data", file, "--calendar", "none")
    assert said.code == 2
    assert "calendar" in said.err


def test_a_model_of_no_calendar_takes_none_from_a_source(cli: Cli) -> None:
    trained = cli("train", *TINY, "--json")
    bundle = Bundle.load(trained.json["bundle"])
    assert bundle.record.config.data.calendar is None
    assert bundle.reading(overrides={"data.paths": ["new.csv"]}).calendar == "none"
    with pytest.raises(SchemaError, match="calendar none; these are of XNYS"):
        bundle.predict(load_table(DataConfig(source="sp500", calendar="XNYS")))


def test_workers_of_a_cross_validation_see_the_same_segments(tmp_path: Path) -> None:
    table = load_table(DataConfig(source="sp500", calendar="XNYS", columns=("close",)))
    holed = table.with_frame(pl.concat([table.frame[:1000], table.frame[1001:]]))
    config = ExperimentConfig.model_validate(
        {
            "features": {"sets": [], "columns": ["close"]},
            "target": TargetConfig(kind="forward_return", horizon=2),
            "windows": WindowConfig(sequence_length=5),
        }
    )
    shared = make_shared([config], holed)
    save_shared(tmp_path / "shared", shared)
    opened = open_shared(tmp_path / "shared")
    assert opened.table.calendar == "XNYS"
    assert np.array_equal(opened.table.segment_start, holed.segment_start)
    assert holed.segment_start.max() == 1000

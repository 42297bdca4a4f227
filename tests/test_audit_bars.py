"""The audit of longer bars: honest ones pass, and each way of showing a bar too early, or of other rows, is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from audit_tables import MINUTE, case_of, random_walk, small_experiment
from conftest import Cli
from gatewise.data.steps.resample import Bars, complete_bars, resample
from gatewise.data.table import TIME, Table
from gatewise.proofs.features import check_features
from gatewise.proofs.resampling import check_bars

STEP = 5 * MINUTE


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("step", [5, 60, 1440])
def test_honest_bars_pass(seed: int, step: int) -> None:
    found = check_bars(random_walk(2_500, seed, "AB", gaps=4, missing=5), step * MINUTE, seed)
    assert found.passed, found.detail


def on_their_opens(table: Table, step: timedelta) -> Table:
    bars = resample(table, step)
    return bars.with_frame(bars.frame.with_columns(pl.col(TIME) - step))


def with_the_bar_that_is_open(table: Table, step: timedelta) -> Table:
    """The usual group by: the last bar of each symbol holds what has come of it so far."""
    bars = (
        table.frame.group_by("symbol", (pl.col(TIME) - pl.duration(microseconds=1)).dt.truncate("5m").alias(TIME))
        .agg(pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close", "volume").last())
        .sort("symbol", TIME)
    )
    return Table(bars.with_columns(pl.col(TIME).cast(pl.Datetime("us", "UTC"))), step, step)


def with_the_next_close(table: Table, step: timedelta) -> Table:
    bars = resample(table, step)
    return bars.with_frame(bars.frame.with_columns(pl.col("close").shift(-1).over("symbol")))


def with_gaps_filled_backwards(table: Table, step: timedelta) -> Table:
    bars = resample(table, step)
    return bars.with_frame(bars.frame.with_columns(pl.selectors.float().fill_null(strategy="backward").over("symbol")))


def a_row_early(table: Table, step: timedelta) -> Table:
    bars = resample(table, step)
    return bars.with_frame(bars.frame.with_columns(pl.col(TIME) - table.timeframe))


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (a_row_early, "looks ahead|depends on later rows"),
        (on_their_opens, "looks ahead|depends on later rows"),
        (with_the_bar_that_is_open, "looks ahead|depends on later rows"),
        (with_the_next_close, "close of the bar at [AB] .* looks ahead"),
        (with_gaps_filled_backwards, "looks ahead"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_bars_that_look_ahead_are_caught_and_named(
    make: Callable[[Table, timedelta], Table], named: str, seed: int
) -> None:
    found = check_bars(random_walk(2_500, seed, "AB", missing=300), STEP, seed, make)
    assert not found.passed
    assert re.search(named, found.detail), found.detail


@pytest.mark.parametrize("seed", range(4))
def test_bars_of_many_rows_that_are_used_a_single_row_too_early_are_caught(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, table = timedelta(hours=2), random_walk(6_000, seed)
    assert not check_bars(table, step, seed, a_row_early).passed

    def early(*args: Any) -> Bars:
        bars = complete_bars(*args)
        return replace(bars, known_at=np.maximum(bars.known_at - 1, 0))

    config = small_experiment(features__sets=["ohlcv"], features__timeframes=["2h"], split__embargo_rows=0)
    assert check_features(case_of(table, config=config, seed=seed)).passed
    monkeypatch.setattr("gatewise.features.timeframes.complete_bars", early)
    monkeypatch.setattr("gatewise.features.timeframes._require_fresh", lambda *_: None)
    caught = check_features(case_of(table, config=config, seed=seed))
    assert not caught.passed
    assert "_2h" in caught.detail


def test_the_command_audits_the_bars_that_it_makes(cli: Cli, tmp_path) -> None:
    file = tmp_path / "walk.parquet"
    random_walk(6_000).frame.write_parquet(file)
    flags = ("--stamp", "close", "--set", "features.sets=[ohlcv]", "--horizon", "2", "--seq-len", "4")
    said = cli("audit", "--data", file, *flags, "--set", "split.embargo_rows=5", "--resample", "5m", "--json")
    assert said.code == 0, said.err
    assert said.json["checks"][-1]["name"] == "bars"

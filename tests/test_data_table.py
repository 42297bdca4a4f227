"""Laws of the Table. Every later index is a row number into it: a wrong segment or order would leak without a trace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewise.data.table import Table, require_bars
from gatewise.errors import NotEnoughRowsError, QualityError, SchemaError

MINUTE = timedelta(minutes=1)
START = datetime(2024, 1, 1, tzinfo=UTC)


def table(minutes: dict[str, list[int]], tolerance: timedelta = MINUTE, **columns: list[float | None]) -> Table:
    symbols = [symbol for symbol, at in minutes.items() for _ in at]
    times = [START + MINUTE * minute for at in minutes.values() for minute in at]
    frame = pl.DataFrame(
        {"symbol": symbols, "time": times, **columns},
        schema={"symbol": pl.String, "time": pl.Datetime("us", "UTC"), **dict.fromkeys(columns, pl.Float64)},
    )
    return Table(frame, MINUTE, tolerance)


def test_a_segment_ends_at_a_symbol_and_at_a_step_over_the_tolerance() -> None:
    rows = table({"A": [0, 1, 2, 5, 6], "B": [6, 7, 9]})
    assert rows.segment_start.tolist() == [0, 0, 0, 3, 3, 5, 5, 7]


def test_a_step_of_exactly_the_tolerance_is_no_gap() -> None:
    rows = table({"A": [0, 3, 7]}, tolerance=3 * MINUTE)
    assert rows.segment_start.tolist() == [0, 0, 2]


@given(st.dictionaries(st.text("abc", min_size=1), st.sets(st.integers(0, 40), min_size=1), min_size=1, max_size=4))
def test_segments_are_those_of_a_plain_loop(minutes: dict[str, set[int]]) -> None:
    rows = table({symbol: sorted(minutes[symbol]) for symbol in sorted(minutes)}, tolerance=2 * MINUTE)
    starts, current = [], 0
    for row in range(rows.num_rows):
        symbol, time = rows.frame["symbol"], rows.frame["time"]
        if row and (symbol[row] != symbol[row - 1] or time[row] - time[row - 1] > 2 * MINUTE):
            current = row
        starts.append(current)
    assert rows.segment_start.tolist() == starts


def test_time_us_counts_microseconds_since_1970() -> None:
    assert table({"A": [1]}).time_us.tolist() == [int(START.timestamp() * 1_000_000) + 60_000_000]


@pytest.mark.parametrize("minutes", [{"A": [1, 0]}, {"A": [0, 0]}])
def test_unsorted_or_repeated_times_are_refused(minutes: dict[str, list[int]]) -> None:
    with pytest.raises(QualityError, match="sorted by symbol and time"):
        table(minutes)


def test_a_symbol_in_two_blocks_is_refused() -> None:
    frame = pl.concat([table({"A": [0]}).frame, table({"B": [0]}).frame, table({"A": [5]}).frame])
    with pytest.raises(QualityError, match="sorted"):
        Table(frame, MINUTE, MINUTE)


def test_a_missing_symbol_is_refused() -> None:
    frame = table({"A": [0]}).frame.with_columns(pl.lit(None, pl.String).alias("symbol"))
    with pytest.raises(QualityError, match="symbol"):
        Table(frame, MINUTE, MINUTE)


def test_wrong_schemas_and_clocks_are_refused() -> None:
    good = table({"A": [0, 1]}, close=[1.0, 2.0]).frame
    for frame in (
        good.select("time", "symbol", "close"),
        good.with_columns(pl.col("time").dt.replace_time_zone(None)),
        good.with_columns(pl.col("close").cast(pl.Int64)),
    ):
        with pytest.raises(SchemaError):
            Table(frame, MINUTE, MINUTE)
    with pytest.raises(SchemaError, match="timeframe"):
        Table(good, MINUTE, MINUTE / 2)
    with pytest.raises(NotEnoughRowsError):
        Table(good.clear(), MINUTE, MINUTE)


def test_the_fingerprint_is_of_the_content_alone() -> None:
    one = table({"A": [0, 1], "B": [0, 1]}, close=[1.0, None, 3.0, 4.0])
    assert one.fingerprint == one.with_frame(one.frame.clone()).fingerprint


def test_the_fingerprint_tells_every_change() -> None:
    tables = [
        table({"A": [0, 1], "B": [5, 6]}, close=[1.0, 2.0, 3.0, 4.0]),
        table({"A": [0, 1], "C": [5, 6]}, close=[1.0, 2.0, 3.0, 4.0]),
        table({"A": [0, 1], "B": [5, 7]}, close=[1.0, 2.0, 3.0, 4.0]),
        table({"A": [0, 1], "B": [5, 6]}, close=[1.0, 2.0, 3.0, 4.0000001]),
        table({"A": [0, 1], "B": [5, 6]}, close=[1.0, 2.0, 3.0, None]),
        table({"A": [0, 1], "B": [5, 6]}, open=[1.0, 2.0, 3.0, 4.0]),
        table({"A": [0, 1, 5], "B": [6]}, close=[1.0, 2.0, 3.0, 4.0]),
        # Every row a segment in both: only the symbols' blocks differ.
        table({"A": [0, 2], "B": [5, 7]}, close=[1.0, 2.0, 3.0, 4.0]),
        table({"A": [0], "B": [2, 5, 7]}, close=[1.0, 2.0, 3.0, 4.0]),
        # The same rows, with the last step a gap and not.
        table({"A": [0, 1], "B": [5, 9]}, close=[1.0, 2.0, 3.0, 4.0]),
        table({"A": [0, 1], "B": [5, 9]}, close=[1.0, 2.0, 3.0, 4.0], tolerance=4 * MINUTE),
    ]
    assert len({one.fingerprint for one in tables}) == len(tables)


def ohlcv(**changed: float | None) -> Table:
    values = {"open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "volume": 5.0} | changed
    good = {"open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "volume": 5.0}
    return table({"A": [0, 1]}, **{name: [good[name], values[name]] for name in values})


def test_proper_bars_pass_and_missing_values_are_no_violation() -> None:
    require_bars(ohlcv())
    require_bars(ohlcv(high=None, volume=None))
    require_bars(ohlcv(low=10.0, open=10.0, high=11.0))


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"open": 0.0}, "positive"),
        ({"close": -1.0}, "positive"),
        ({"high": float("inf")}, "finite"),
        ({"volume": -1.0}, "negative"),
        ({"low": 10.5}, "low <= open"),
        ({"high": 10.5}, "close <= high"),
    ],
)
def test_bars_that_break_a_rule_are_named_with_symbol_time_and_values(changed: dict[str, float], rule: str) -> None:
    with pytest.raises(QualityError, match=rule) as caught:
        require_bars(ohlcv(**changed))
    name, value = next(iter(changed.items()))
    assert "A 2024-01-01 00:01:00" in caught.value.message
    assert f"{name}={value:g}" in caught.value.message


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SchemaError, match="missing: low, volume"):
        require_bars(table({"A": [0]}, open=[1.0], high=[1.0], close=[1.0]))

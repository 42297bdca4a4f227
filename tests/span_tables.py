"""Tables and samples for the laws of splits, and the definition of a purge, pair by pair."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from hypothesis import strategies as st

from gatewise.data.table import Table
from gatewise.splits.base import Spans
from gatewise.splits.spans import make_spans

MINUTE_US = 60_000_000
MINUTE = timedelta(minutes=1)


def make_table(minutes_by_symbol: dict[str, list[int]], timeframe: timedelta = MINUTE) -> Table:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    rows = [(s, start + m * timeframe, 1.0) for s in sorted(minutes_by_symbol) for m in minutes_by_symbol[s]]
    schema = {"symbol": pl.String, "time": pl.Datetime("us", "UTC"), "close": pl.Float64}
    return Table(pl.DataFrame(rows, schema=schema, orient="row"), timeframe, timeframe)


def as_lists(pairs: Any) -> list[tuple[list[int], list[int]]]:
    return [(train.tolist(), test.tolist()) for train, test in pairs]


def plain_spans(num_rows: int, reach: int, horizon: int, step_us: int = MINUTE_US) -> Spans:
    row = np.arange(reach, num_rows - horizon)
    return Spans(row, (row - reach) * step_us, row * step_us, (row + horizon) * step_us)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Table, Spans]:
    """Tables with gaps and several symbols, and samples with any reach and labels settled anywhere up to a horizon."""
    reach, horizon, num_symbols = draw(st.integers(0, 6)), draw(st.integers(1, 6)), draw(st.integers(1, 3))
    gap_share = draw(st.sampled_from([0, 0.02, 0.1]))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    minutes = {}
    for symbol in "abc"[:num_symbols]:
        length = draw(st.integers(3, 150))
        steps = np.where(rng.random(length) < gap_share, rng.integers(2, 30, length), 1)
        minutes[symbol] = [int(minute) for minute in np.cumsum(steps) + rng.integers(0, 40)]
    table = make_table(minutes)
    known_at = np.arange(table.num_rows) + rng.integers(1, horizon + 1, table.num_rows)
    start = table.segment_start
    inside = known_at < table.num_rows
    inside[inside] = start[known_at[inside]] == start[inside]
    rows = np.flatnonzero(inside & (np.arange(table.num_rows) - reach >= start))
    return table, make_spans(table, rows, reach, np.where(inside, known_at, -1))


def meets(spans: Spans, i: int, judged: np.ndarray, before: int = 0, after: int = 0) -> bool:
    """The definition, for one training sample i and every evaluated sample."""
    return bool(
        np.any(
            (spans.first_us[i] <= spans.last_us[judged] + after) & (spans.last_us[i] >= spans.first_us[judged] - before)
        )
    )

"""Labels held against brute force, and the laws of their knowability.

A label that is settled one row later than it says, or that crosses a gap, leaks into the row before the cut; nothing in
training would tell.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_tables import Numbers, random_walk, table_of
from gatewise.config.schema import TargetConfig
from gatewise.data.table import Table
from gatewise.errors import ConfigError, NotEnoughRowsError, QualityError, SchemaError, UnknownNameError
from gatewise.targets.base import Labels
from gatewise.targets.make import make_labels
from gatewise.targets.paths import run_bounds, settled_at

EVERY = [
    pytest.param(TargetConfig(kind="triple_barrier", horizon=7, volatility_rows=5), id="volatility barriers"),
    pytest.param(TargetConfig(horizon=7, barrier="fixed", upper=0.002, lower=0.001, cost=0.0005), id="fixed barriers"),
    pytest.param(TargetConfig(kind="direction", horizon=7), id="direction"),
    pytest.param(TargetConfig(kind="forward_return", horizon=7), id="forward_return"),
    pytest.param(TargetConfig(kind="next_row", horizon=7), id="next_row"),
]
READ = {
    "triple_barrier": ("close", "high", "low"),
    "direction": ("close",),
    "forward_return": ("close",),
    "next_row": ("open", "high", "low", "close", "volume"),
}


def slow_labels(columns: dict[str, Numbers], gaps: list[int], spec: TargetConfig) -> list[tuple[Any, int] | None]:
    """One row at a time, in plain Python: (value, known_at), or None where there is no label."""
    rows = len(columns["close"])
    broken = {row for row in range(rows) if any(math.isnan(columns[name][row]) for name in READ[spec.kind])}

    def joined(first: int, last: int) -> bool:
        inside = range(first, last + 1)
        return first >= 0 and last < rows and not broken & set(inside) and not set(gaps) & set(inside[:-1])

    return [slow_label(columns, t, spec, joined) for t in range(rows)]


def slow_label(columns: dict[str, Numbers], t: int, spec: TargetConfig, joined: Any) -> tuple[Any, int] | None:
    close, end = columns["close"], t + spec.horizon
    if not joined(t, end):
        return None
    if spec.kind == "direction":
        return int(close[end] / close[t] - 1 > 0), end
    if spec.kind == "forward_return":
        return [math.log(close[end] / close[t])], end
    if spec.kind == "next_row":
        return [columns[name][end] for name in spec.columns or READ["next_row"]], end
    unit = 1.0
    if spec.barrier == "volatility":
        if not joined(t - spec.volatility_rows, t):
            return None
        returns = [math.log(close[i] / close[i - 1]) for i in range(t - spec.volatility_rows + 1, t + 1)]
        mean = sum(returns) / len(returns)
        unit = math.sqrt(sum((r - mean) ** 2 for r in returns) / (len(returns) - 1)) * math.sqrt(spec.horizon)
    top = close[t] * (1 + spec.upper * unit + spec.cost)
    bottom = close[t] * (1 - spec.lower * unit - spec.cost)
    if not top > bottom:
        return None
    for j in range(t + 1, end + 1):
        touches = (columns["low"][j] <= bottom, columns["high"][j] >= top)
        if all(touches):
            return ("down", "flat", "up").index(spec.on_both), j
        if any(touches):
            return (0 if touches[0] else 2), j
    return 1, end


def assert_same(labels: Labels, expected: list[tuple[Any, int] | None]) -> None:
    np.testing.assert_array_equal(labels.valid, [one is not None for one in expected])
    np.testing.assert_array_equal(labels.known_at, [-1 if one is None else one[1] for one in expected])
    zero: Any = 0 if labels.classes else [0.0] * len(labels.outputs)
    # Two logarithms of one number may be a last digit apart; everything else is equal.
    np.testing.assert_allclose(labels.y, [zero if one is None else one[0] for one in expected], rtol=1e-13, atol=1e-15)


def kind_of_columns(seed: int, rows: int = 60) -> dict[str, Numbers]:
    """Steps that are exact in binary, so that brute force and library round alike and ties do occur."""
    rng = np.random.default_rng(seed)
    close = 64.0 + np.cumsum(rng.integers(-2, 3, rows)) / 4
    wick = rng.integers(0, 4, (2, rows)) / 4
    return {
        "open": close,
        "high": close + wick[0],
        "low": close - wick[1],
        "close": close,
        "volume": rng.integers(0, 9, rows) * 1.0,
    }


specs = st.builds(
    TargetConfig,
    kind=st.sampled_from(list(READ)),
    horizon=st.integers(1, 12),
    barrier=st.sampled_from(["volatility", "fixed"]),
    upper=st.sampled_from([1 / 128, 1 / 64, 0.5, 1.0, 2.0]),
    lower=st.sampled_from([1 / 128, 1 / 64, 0.5, 1.0, 2.0]),
    volatility_rows=st.integers(2, 8),
    on_both=st.sampled_from(["down", "up", "flat"]),
    cost=st.sampled_from([0.0, 1 / 256]),
)


@settings(max_examples=150, deadline=None)
@given(
    spec=specs,
    seed=st.integers(0, 2**32 - 1),
    gaps=st.lists(st.integers(0, 58), max_size=2, unique=True),
    missing=st.lists(st.tuples(st.sampled_from(["close", "high", "volume"]), st.integers(0, 59)), max_size=2),
)
def test_labels_equal_brute_force(
    spec: TargetConfig, seed: int, gaps: list[int], missing: list[tuple[str, int]]
) -> None:
    columns = kind_of_columns(seed)
    for name, row in missing:
        columns[name][row] = np.nan
    expected = slow_labels(columns, gaps, spec)
    if not any(expected):
        with pytest.raises(NotEnoughRowsError):
            make_labels(table_of(columns, gaps), spec)
        return
    assert_same(make_labels(table_of(columns, gaps), spec), expected)


@pytest.mark.parametrize("spec", EVERY)
def test_nothing_after_known_at_is_read(spec: TargetConfig) -> None:
    columns = random_walk(300, seed=31)
    clean = make_labels(table_of(columns), spec)
    for cut in range(20, 290, 9):
        wild = {name: column.copy() for name, column in columns.items()}
        for column in wild.values():
            column[cut + 1 :] *= 40.0
        dirty = make_labels(table_of(wild), spec)
        settled = clean.valid & (clean.known_at <= cut)
        np.testing.assert_array_equal(dirty.y[settled], clean.y[settled])
        np.testing.assert_array_equal(dirty.known_at[settled], clean.known_at[settled])


@pytest.mark.parametrize("spec", EVERY)
def test_nothing_before_the_declared_lookback_is_read(spec: TargetConfig) -> None:
    columns = random_walk(300, seed=32)
    clean = make_labels(table_of(columns), spec)
    for cut in range(0, 280, 13):
        wild = {name: column.copy() for name, column in columns.items()}
        for name, column in wild.items():
            column[:cut] *= 3.0 if name != "low" else 0.5
        dirty = make_labels(table_of(wild), spec)
        later = np.arange(300) - clean.lookback + 1 >= cut
        np.testing.assert_array_equal(dirty.y[later], clean.y[later])
        np.testing.assert_array_equal(dirty.known_at[later], clean.known_at[later])


@pytest.mark.parametrize("spec", EVERY)
def test_known_at_lies_ahead_within_the_horizon_and_within_the_segment(spec: TargetConfig) -> None:
    table = table_of(random_walk(400, seed=33), gaps_after=[50, 51, 200, 380])
    labels = make_labels(table, spec)
    rows = np.flatnonzero(labels.valid)
    ahead = labels.known_at[rows] - rows
    assert ahead.min() >= 1
    assert ahead.max() <= spec.horizon
    np.testing.assert_array_equal(table.segment_start[labels.known_at[rows]], table.segment_start[rows])
    assert (labels.known_at[~labels.valid] == -1).all()
    assert not labels.y[~labels.valid].any()


@pytest.mark.parametrize("spec", EVERY)
def test_symbols_are_labelled_as_if_alone(spec: TargetConfig) -> None:
    first, second = (table_of(random_walk(90, seed=s), symbol=name) for s, name in ((1, "A"), (2, "B")))
    both = make_labels(first.with_frame(pl.concat([first.frame, second.frame])), spec)
    apart = [make_labels(table, spec) for table in (first, second)]
    np.testing.assert_array_equal(both.y, np.concatenate([labels.y for labels in apart]))
    moved = np.where(apart[1].valid, apart[1].known_at + 90, -1)
    np.testing.assert_array_equal(both.known_at, np.concatenate([apart[0].known_at, moved]))


@pytest.mark.parametrize("spec", EVERY)
def test_a_horizon_longer_than_the_data_is_refused(spec: TargetConfig) -> None:
    table = table_of(random_walk(40))
    with pytest.raises(NotEnoughRowsError, match="none of 40 rows has them") as caught:
        make_labels(table, spec.model_copy(update={"horizon": 40}))
    assert "target.horizon" in str(caught.value.hint)


def bars(*rows: tuple[float, float, float]) -> Table:
    """Bars of (high, low, close)."""
    high, low, close = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    return table_of({"open": close, "high": high, "low": low, "close": close, "volume": np.ones(len(rows))})


def fixed(**fields: Any) -> TargetConfig:
    return TargetConfig(**{"barrier": "fixed", "upper": 0.125, "lower": 0.25, "horizon": 3} | fields)


START = (64.0, 64.0, 64.0)  # the barriers of `fixed` stand at 72 and 48
QUIET = (66.0, 60.0, 64.0)


@pytest.mark.parametrize(
    ("path", "label", "touch"),
    [
        ([QUIET, (72.0, 64.0, 65.0), QUIET], 2, 2),  # a wick that just reaches the barrier counts
        ([QUIET, (71.9, 48.1, 64.0), QUIET], 1, 3),
        ([(65.0, 48.0, 60.0), (80.0, 60.0, 80.0), QUIET], 0, 1),  # the first touch decides, whatever follows
        ([QUIET, QUIET, (80.0, 60.0, 64.0)], 2, 3),
        ([QUIET, QUIET, QUIET, (80.0, 60.0, 64.0)], 1, 3),  # beyond the horizon
    ],
)
def test_the_first_barrier_that_the_path_touches_labels_the_row(
    path: list[tuple[float, float, float]], label: int, touch: int
) -> None:
    labels = make_labels(bars(START, *path), fixed())
    assert labels.classes == ("down", "flat", "up")
    assert (labels.y[0], labels.known_at[0]) == (label, touch)


@pytest.mark.parametrize(("rule", "label"), [("down", 0), ("flat", 1), ("up", 2)])
def test_a_bar_that_touches_both_is_labelled_by_the_rule_and_settles_the_label(rule: str, label: int) -> None:
    labels = make_labels(bars(START, QUIET, (80.0, 40.0, 64.0), QUIET), fixed(on_both=rule))
    assert (labels.y[0], labels.known_at[0]) == (label, 2)


def test_the_cautious_reading_of_a_bar_that_touches_both_is_down() -> None:
    assert make_labels(bars(START, QUIET, (80.0, 40.0, 64.0), QUIET), fixed()).y[0] == 0


def test_cost_moves_both_barriers_out() -> None:
    path = bars(START, (73.0, 60.0, 64.0), (64.0, 46.0, 60.0), (77.0, 60.0, 64.0))
    assert make_labels(path, fixed()).known_at[0] == 1
    labels = make_labels(path, fixed(cost=0.0625))  # 76 and 44
    assert (labels.y[0], labels.known_at[0]) == (2, 3)


def test_volatility_barriers_stand_at_the_trailing_deviation_times_the_root_of_the_horizon() -> None:
    step = 0.01
    close = np.exp(step * np.array([0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0]))
    deviation = math.sqrt(4 / 3) * step  # of two rises and two falls, divisor n - 1
    distance = 0.8 * deviation * math.sqrt(3) + 0.001
    for wick, label in ((1 + distance + 1e-9, 2), (1 + distance - 1e-9, 1)):
        high = close.copy()
        high[8] = wick
        table = table_of({"open": close, "high": high, "low": close, "close": close, "volume": close})
        labels = make_labels(table, TargetConfig(horizon=3, volatility_rows=4, upper=0.8, lower=9, cost=0.001))
        assert labels.lookback == 5
        assert not labels.valid[:4].any()
        assert labels.y[6] == label


def test_rows_near_a_gap_have_no_label_even_where_a_barrier_is_touched_in_time() -> None:
    # Else only the fast touches would be left there, and never a flat row.
    columns = random_walk(40, seed=35, volatility=0.05)
    labels = make_labels(table_of(columns, gaps_after=[19]), fixed(upper=0.001, lower=0.001, horizon=5))
    np.testing.assert_array_equal(np.flatnonzero(labels.valid), [*range(15), *range(20, 35)])


def test_without_movement_and_cost_there_is_no_barrier_and_no_label() -> None:
    close = np.concatenate([np.full(30, 5.0), 5 + np.arange(30) / 100])
    table = table_of({"open": close, "high": close, "low": close, "close": close, "volume": close})
    labels = make_labels(table, TargetConfig(horizon=3, volatility_rows=10))
    assert labels.valid[:57].tolist() == [False] * 31 + [True] * 26
    priced = make_labels(table, TargetConfig(horizon=3, volatility_rows=10, cost=0.5))
    assert priced.valid[:57].tolist() == [False] * 10 + [True] * 47
    assert (priced.y[priced.valid] == 1).all()


def test_a_symmetric_walk_is_labelled_up_as_often_as_down() -> None:
    columns = random_walk(60_000, seed=36)
    columns["high"] = columns["low"] = columns["open"] = columns["close"]
    labels = make_labels(table_of(columns), TargetConfig(horizon=20))
    down, _, up = np.bincount(labels.y[labels.valid], minlength=3) / labels.valid.sum()
    assert abs(down - up) < 0.02


def test_a_return_of_exactly_zero_is_down() -> None:
    labels = make_labels(bars(START, START, (65.0, 65.0, 65.0), START), TargetConfig(kind="direction", horizon=1))
    assert labels.classes == ("down", "up")
    assert labels.y.dtype == np.int64
    np.testing.assert_array_equal(labels.y, [0, 1, 0, 0])
    np.testing.assert_array_equal(labels.known_at, [1, 2, 3, -1])


def test_forward_return_is_the_log_return_over_the_horizon() -> None:
    close = np.exp(0.25 * np.arange(6))
    labels = make_labels(table_of({"close": close}), TargetConfig(kind="forward_return", horizon=2))
    assert labels.y.dtype == np.float64
    np.testing.assert_allclose(labels.y, [[0.5]] * 4 + [[0.0]] * 2)
    assert (labels.outputs, labels.spec.unit, labels.classes) == (("forward_return",), "log return over 2 rows", ())


def test_next_row_gives_the_chosen_columns_of_the_row_ahead() -> None:
    table = table_of({"load": np.arange(5.0), "wind": -np.arange(5.0), "price": np.ones(5)})
    labels = make_labels(table, TargetConfig(kind="next_row", horizon=1, columns=("wind", "load")))
    np.testing.assert_array_equal(labels.y, [[-1, 1], [-2, 2], [-3, 3], [-4, 4], [0, 0]])
    assert labels.y.dtype == np.float64
    assert labels.outputs == ("wind", "load")
    assert make_labels(table, TargetConfig(kind="next_row", horizon=1)).outputs == ("load", "wind", "price")


def test_columns_that_a_target_cannot_read_are_refused_by_type() -> None:
    load = table_of({"load": np.arange(5.0)})
    with pytest.raises(SchemaError, match="needs columns close, high, low; missing: close, high, low"):
        make_labels(load, TargetConfig())
    with pytest.raises(UnknownNameError, match="unknown target column 'laod'") as caught:
        make_labels(load, TargetConfig(kind="next_row", horizon=1, columns=("laod",)))
    assert "did you mean 'load'?" in str(caught.value.hint)
    with pytest.raises(ConfigError, match="must differ"):
        make_labels(load, TargetConfig(kind="next_row", horizon=1, columns=("load", "load")))
    with pytest.raises(QualityError, match="within float32; rows that break it: 1, the first at X 2022-01-03 00:01:00"):
        make_labels(table_of({"load": np.array([1.0, 1e39, 1.0])}), TargetConfig(kind="next_row", horizon=1))


@pytest.mark.parametrize("value", [0.0, -1.0, np.inf])
@pytest.mark.parametrize("kind", ["triple_barrier", "direction", "forward_return"])
def test_prices_that_are_no_prices_are_refused(kind: Any, value: float) -> None:
    columns = random_walk(100)
    columns["close"][50] = value
    with pytest.raises(QualityError, match=r"prices must be positive and finite; rows that break it: 1.*close="):
        make_labels(table_of(columns), TargetConfig(kind=kind, horizon=3))


@settings(deadline=None)
@given(
    present=st.lists(st.booleans(), min_size=1, max_size=30),
    cuts=st.sets(st.integers(1, 29)),
    horizon=st.integers(1, 6),
)
def test_runs_are_the_longest_stretches_without_gap_or_missing_value(
    present: list[bool], cuts: set[int], horizon: int
) -> None:
    rows = len(present)
    segment_start = np.maximum.accumulate(np.array([row if row in cuts else 0 for row in range(rows)]))
    start, end = run_bounds(segment_start, np.array(present))
    for row in range(rows):
        reach = [
            all(present[low : high + 1]) and not cuts & set(range(low + 1, high + 1))
            for low, high in [(first, row) for first in range(row + 1)]
        ]
        ahead = [
            last for last in range(row, rows) if all(present[row : last + 1]) and not cuts & {*range(row + 1, last + 1)}
        ]
        assert start[row] == (reach.index(True) if present[row] else row)
        assert end[row] == max(ahead, default=row - 1)
        assert settled_at(end, (horizon,))[row, 0] == (row + horizon if row + horizon in ahead else -1)

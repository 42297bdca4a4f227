"""Permutation importance: an importance that is wrong looks like any other, so each law here has its truth in algebra.

The model is a formula, so what moving a feature must cost is known; what knows nothing must not be called important.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from gatewise.bundle.explaining import feature_groups
from gatewise.config.schema import FeatureConfig
from gatewise.data.table import Table
from gatewise.errors import NotEnoughRowsError, UnknownNameError
from gatewise.evaluation.kinds.base import Ground
from gatewise.explain.blocks import block_order, moved_rows
from gatewise.explain.importance import Importances, Passes, permutation_importances, thinned
from gatewise.features.base import FeatureMatrix
from gatewise.features.families import FAMILIES, families
from gatewise.features.sets import SETS
from gatewise.targets.base import Labels
from gatewise.targets.outputs.values import Values

Floats = npt.NDArray[np.float64]
NOISE = 0.5


def table(rows: int, symbols: int = 1) -> Table:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    frames = [
        pl.DataFrame({
            "symbol": [f"S{number}"] * rows,
            "time": pl.Series([start + timedelta(hours=n) for n in range(rows)], dtype=pl.Datetime("us", "UTC")),
            "close": np.full(rows, 1.0),
        })
        for number in range(symbols)
    ]  # fmt: skip
    return Table(pl.concat(frames), timedelta(hours=1), timedelta(hours=1))


def importances(x: Floats, y: Floats, weights: Floats, symbols: int = 1, steps: int = 1, **how: Any) -> Importances:
    """Of the model `x @ weights`, which reads the mean of a window's last `steps` rows, for labels y."""
    num_rows = len(x)
    names = tuple("abcdefgh"[: x.shape[1]])
    matrix = FeatureMatrix(x, np.ones(num_rows, bool), names, 1)
    known = np.minimum(np.arange(num_rows) + 1, num_rows - 1)
    labels = Labels(y[:, None], known, np.ones(num_rows, bool), Values(("y",)))
    rows = np.arange(num_rows)
    frame = table(num_rows // symbols, symbols)
    rows = rows[rows - frame.segment_start >= steps - 1]

    def predict(values: Any, at: Any) -> Floats:
        windows = np.stack([values[at - back] for back in range(steps)])
        return np.asarray(windows.mean(axis=0) @ weights)[:, None]

    groups = how.pop("groups", {name: (name,) for name in names})
    passes = Passes(how.pop("repeats", 5), how.pop("most_rows", 10**9), how.pop("seed", 1))
    ground = Ground(frame, labels, rows)
    usual: dict[str, Any] = {"sequence_length": steps, "horizon": 1, "confidence": 0.95}
    return permutation_importances(predict, matrix, ground, rows, groups, passes=passes, **(usual | how))


def of(made: Importances, name: str) -> Any:
    return next(one.increase for one in made.groups if one.name == name)


@settings(max_examples=40)
@given(st.integers(0, 400), st.integers(1, 60), st.integers(0, 5))
def test_blocks_are_rows_put_into_another_order_and_none_is_shorter_than_asked_for(
    count: int, block_rows: int, seed: int
) -> None:
    order = block_order(count, block_rows, np.random.default_rng(seed))
    assert sorted(order) == list(range(count))
    starts = np.flatnonzero(np.diff(order, prepend=-2) != 1)
    if count // block_rows < 2:
        assert np.array_equal(order, np.arange(count))
    else:
        assert (np.diff([*starts, count]) >= block_rows).all()
        assert (order[starts] != starts).all() or count % (count // block_rows)  # of one length: none stays


def test_rows_are_moved_within_their_symbol_and_by_the_seed_alone() -> None:
    symbol = np.repeat([0, 1, 2], [100, 3, 200])
    rows = np.arange(5, 303)
    once, again, other = (list(moved_rows(rows, symbol, 7, seed, 3)) for seed in (1, 1, 2))
    for taken in once:
        assert sorted(taken) == list(rows)
        assert np.array_equal(symbol[taken], symbol[rows])
        assert np.array_equal(taken[symbol[rows] == 1], [100, 101, 102])  # fewer than two blocks
    assert all(np.array_equal(*pair) for pair in zip(once, again, strict=True))
    assert not np.array_equal(once[0], other[0])
    assert not np.array_equal(once[0], once[1])


def test_what_moving_costs_is_what_algebra_says() -> None:
    """MSE grows by twice the variance of what a linear model reads of the feature."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8000, 3))
    y = x @ np.array([1.0, 0.5, 0.0]) + NOISE * rng.normal(size=len(x))
    made = importances(x, y, np.array([1.0, 0.5, 0.0]), groups={"a": "a", "b": "b", "c": "c", "both": ("a", "b")})
    assert made.metric == "rmse"
    assert made.value == pytest.approx(NOISE, rel=0.04)
    for name, squares in {"a": 2.0, "b": 2 * 0.25, "both": 2 * 1.25}.items():
        increase = of(made, name)
        assert increase.value == pytest.approx(np.sqrt(NOISE**2 + squares) - NOISE, rel=0.06)
        assert 0 < increase.low < increase.value < increase.high
    assert [one.name for one in made.groups] == ["both", "a", "b", "c"]
    assert (of(made, "c").value, of(made, "c").low, of(made, "c").high) == (0, 0, 0)  # the model does not read it


def test_a_constant_feature_has_exactly_none_however_much_the_model_makes_of_it() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(700, 2))
    x[:, 1] = 0.1
    made = importances(x, 1e5 + rng.normal(size=700), np.array([1.0, 1e6]), steps=6)
    assert (of(made, "b").value, of(made, "b").low, of(made, "b").high) == (0, 0, 0)
    assert of(made, "a").high > 0


def test_of_two_copies_each_alone_costs_little_and_both_together_all() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=8000)
    y = one + NOISE * rng.normal(size=len(one))
    made = importances(np.stack([one, one], axis=1), y, np.array([0.5, 0.5]), groups={"a": "a", "both": ("a", "b")})
    assert of(made, "a").value == pytest.approx(np.sqrt(NOISE**2 + 0.5) - NOISE, rel=0.06)
    assert of(made, "both").value == pytest.approx(np.sqrt(NOISE**2 + 2.0) - NOISE, rel=0.06)


@pytest.mark.parametrize("fades", [0.0, 0.9])
def test_noise_that_a_model_reads_is_called_important_no_more_often_than_the_intervals_say(fades: float) -> None:
    """A model that has learned noise is no worse where that noise is another one: on average nothing is lost."""
    held, drawn = 0, 40
    for seed in range(drawn):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(400, 2))
        for row in range(1, len(x)):
            x[row, 1] += fades * x[row - 1, 1]
        y = x[:, 0] + rng.normal(size=len(x))
        increase = of(importances(x, y, np.array([1.0, 0.4]), steps=4, repeats=2, groups={"b": "b"}), "b")
        held += increase.low <= 0 <= increase.high
    assert held >= 0.875 * drawn


@pytest.mark.soak
@pytest.mark.parametrize(("fades", "rows", "most_rows"), [(0.0, 2000, 2000), (0.9, 2000, 2000), (0.98, 6000, 1000)])
def test_intervals_hold_where_labels_overlap_and_features_last(fades: float, rows: int, most_rows: int) -> None:
    """Labels of 20 rows, windows of 60; one feature is planted, one is noise that the model reads half as much."""
    held = found = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        x = signal.lfilter([np.sqrt(1 - fades**2)], [1, -fades], rng.normal(size=(rows, 2)), axis=0)
        y = 0.3 * x[:, 0] + np.convolve(rng.normal(size=rows + 19), np.ones(20) / np.sqrt(20), "valid")
        how: dict[str, Any] = {"sequence_length": 60, "horizon": 20, "most_rows": most_rows, "seed": seed}
        made = importances(x, y, np.array([0.3, 0.15]), **how)
        held += of(made, "b").low <= 0 <= of(made, "b").high
        found += of(made, "a").low > 0
    assert held >= 88
    assert found >= 80


def test_a_feature_is_as_important_whatever_else_is_asked_for_and_whoever_asks_again() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 3))
    y = x.sum(axis=1) + rng.normal(size=len(x))
    alone = importances(x, y, np.ones(3), groups={"b": "b"})
    all_of_them = importances(x, y, np.ones(3))
    assert of(alone, "b") == of(all_of_them, "b")
    assert importances(x, y, np.ones(3)) == all_of_them
    assert of(importances(x, y, np.ones(3), seed=2), "b") != of(alone, "b")


def test_symbols_far_apart_do_not_lend_each_other_their_levels() -> None:
    """What is the same all along in each symbol moves nothing there, however far the symbols are from each other."""
    rng = np.random.default_rng(0)
    x = np.stack([rng.normal(size=800), np.repeat([0.0, 1e3], 400)], axis=1)
    made = importances(x, x.sum(axis=1) + rng.normal(size=800), np.ones(2), symbols=2)
    assert (of(made, "b").value, of(made, "b").high) == (0, 0)
    assert of(made, "a").low > 0


def test_few_blocks_give_no_interval_and_a_reason_and_one_is_refused() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(100, 1)), rng.normal(size=100)
    made = importances(x, y, np.ones(1), horizon=20)
    assert of(made, "a").low is None
    assert "10 blocks of 20 rows" in str(of(made, "a").reason)
    assert made.to_dict()["reason"] == of(made, "a").reason
    assert made.frame["low"].to_list() == [None]
    with pytest.raises(NotEnoughRowsError, match="two blocks of 51"):
        importances(x, y, np.ones(1), horizon=51)
    assert of(importances(x, y, np.ones(1), most_rows=1), "a").low is None, "of one moment too, without a warning"


def test_fewer_rows_are_evenly_spaced_moments_and_the_newest_is_one() -> None:
    time_us = np.tile(np.arange(1000), 2) * 60
    rows = np.arange(200, 2000)
    some, stride = thinned(rows, time_us, 300)
    assert stride == 6
    assert len(some) <= 303
    assert {*np.diff(np.unique(time_us[some]))} == {6 * 60}
    assert time_us[some].max() == time_us.max()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5000, 1))
    made = importances(x, x[:, 0] + rng.normal(size=5000), np.ones(1), most_rows=500, steps=3)
    assert made.rows == 500
    assert of(made, "a").low > 0


def test_every_engineered_feature_is_of_one_family_and_longer_bars_have_their_own() -> None:
    of_sets = {
        feature.name
        for name in ("market39", "differences", "volatility")
        for feature in SETS[name]((), timedelta(hours=1))
    }
    members = [name for names in FAMILIES.values() for name in names]
    assert len(members) == len({*members})
    assert of_sets <= {*members}
    names = ("rsi_14", "stochastic_k_14", "rsi_14_1h", "open", "low", "volume", "mine_1h")
    assert families(names, (timedelta(hours=1),)) == {
        "oscillators": ("rsi_14", "stochastic_k_14"),
        "oscillators 1h": ("rsi_14_1h",),
        "prices": ("open", "low"),
        "volume": ("volume",),
        "mine_1h": ("mine_1h",),
    }


def test_groups_are_single_features_families_patterns_or_all_that_is_named_together() -> None:
    names, spec = ("rsi_14", "stochastic_k_14", "volume"), FeatureConfig()
    assert feature_groups(names, spec) == {name: (name,) for name in names}
    assert feature_groups(names, spec, grouped=True) == {"oscillators": names[:2], "volume": ("volume",)}
    assert feature_groups(names, spec, ["oscillators", "vol*"]) == {"oscillators": names[:2], "vol*": ("volume",)}
    assert feature_groups(names, spec, ["rsi_14", "vol*"], grouped=True) == {"rsi_14+vol*": ("rsi_14", "volume")}
    with pytest.raises(UnknownNameError) as caught:
        feature_groups(names, spec, ["rsi"])
    assert "did you mean 'rsi_14'?" in str(caught.value.hint)

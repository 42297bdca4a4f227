"""Column by column: a predicted price is held against the price that is there already, in its own unit.

A forecast that lags a trending price by weeks has a small relative error and a handsome picture; only beside the last
value is it seen for what it is.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from gatewise.config.schema import EvaluationConfig, TargetConfig
from gatewise.data.table import Table
from gatewise.evaluation.columns import outside_note
from gatewise.evaluation.evaluate import Evaluation, evaluate_parts
from gatewise.targets.make import make_labels

N = 1_500
TRAIN, TEST = np.arange(900), np.arange(1_000, N - 1)
COLUMNS = ("close", "volume")


def world(columns: tuple[str, ...] = COLUMNS, drift: float = 0.0) -> tuple[Table, npt.NDArray[np.float64]]:
    rng = np.random.default_rng(3)
    start = datetime(2015, 1, 1, tzinfo=UTC)
    time = pl.datetime_range(start, start + timedelta(days=N - 1), "1d", eager=True, time_unit="us")
    close = 100 + np.cumsum(rng.normal(drift, 1, N)) if drift else 100 + rng.normal(0, 1, N).cumsum() / 5
    volume = 1e7 * np.exp(rng.normal(0, 0.5, N))
    frame = pl.DataFrame({"symbol": ["A"] * N, "time": time, "close": close, "volume": volume})
    table = Table(frame, timedelta(days=1), timedelta(days=7))
    return table, frame.select(columns).to_numpy()


def judge(
    table: Table, said: npt.NDArray[Any], columns: tuple[str, ...] = COLUMNS, test_rows: Any = TEST
) -> Evaluation:
    target = TargetConfig(kind="next_row", horizon=1, columns=columns)
    x = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)
    return evaluate_parts(
        table, make_labels(table, target), TRAIN, {"test": test_rows}, {"test": said}, lambda rows: x[rows],
        target=target, spec=EvaluationConfig(bootstrap_samples=200), seed=0,
    )  # fmt: skip


def test_each_columns_errors_are_those_of_numpy_in_the_columns_own_unit() -> None:
    table, values = world()
    said = values[TEST] * 1.01
    truth, still = values[TEST + 1], values[TEST]
    columns = judge(table, said).columns()["test"]
    for place, name in enumerate(COLUMNS):
        own, other = columns[name], columns[name]["persistence"]
        for found, value in ((own, said), (other, still)):
            error = value[:, place] - truth[:, place]
            assert found["rmse"]["value"] == pytest.approx(np.sqrt(np.square(error).mean()), rel=1e-5)
            assert found["mae"]["value"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
        assert own["difference"]["value"] == pytest.approx(own["rmse"]["value"] - other["rmse"]["value"], rel=1e-6)
        rises = np.sign(truth[:, place] - still[:, place]) == np.sign(said[:, place] - still[:, place])
        assert own["directional_accuracy"]["value"] == pytest.approx(rises.mean())


def test_one_part_may_hold_a_better_a_worse_and_an_undecided_column_and_each_is_called_so() -> None:
    names = ("close", "volume")
    table, values = world(names)
    truth, still = values[TEST + 1], values[TEST]
    said = np.stack([still[:, 0] + 5, 0.9 * truth[:, 1] + 0.1 * still[:, 1]], axis=1)
    result = judge(table, said).parts["test"]
    assert {name: found.words for name, found in result.columns.items()} == {"close": "worse", "volume": "better"}
    assert [found.beats_persistence for found in result.columns.values()] == [False, True]
    assert "Column by column, beside the last value: close worse; volume better." in result.summary
    noise = np.random.default_rng(2).normal(size=still.shape) * np.array([0.001, 1e3])
    near = judge(table, still + noise).parts["test"]
    assert {found.beats_persistence for found in near.columns.values()} == {None}
    assert {found.words for found in near.columns.values()} == {"undecided"}


def test_the_last_value_said_again_is_no_different_from_persistence() -> None:
    table, values = world()
    columns = judge(table, values[TEST]).parts["test"].columns
    assert {found.words for found in columns.values()} == {"no different"}
    assert {found.difference.value for found in columns.values()} == {0.0}


def test_who_says_the_mean_of_what_returns_to_it_beats_the_last_value_and_is_not_shown_to_be_better() -> None:
    table, values = world()
    mean = np.full(len(TEST), values[TRAIN + 1, 1].mean())
    near = mean * (1 + 0.01 * np.random.default_rng(2).normal(size=len(TEST)))
    result = judge(table, np.stack([values[TEST, 0], near], axis=1)).parts["test"]
    volume = result.columns["volume"]
    assert volume.beats_persistence is True
    assert volume.words == "better than the last value, not than the mean"
    assert result.beats_chance is not True
    assert result.headline == "Not shown to be better"


def test_one_column_alone_is_judged_like_one_of_many() -> None:
    table, values = world()
    said = values[TEST] * 1.01
    (alone,) = judge(table, said[:, :1], ("close",)).columns()["test"].values()
    among = judge(table, said).columns()["test"]["close"]
    assert alone["rmse"]["value"] == pytest.approx(among["rmse"]["value"])
    assert alone["persistence"]["mae"]["value"] == pytest.approx(among["persistence"]["mae"]["value"])


def test_rows_beyond_what_training_showed_are_counted_and_named() -> None:
    table, values = world(drift=0.3)
    evaluation = judge(table, values[TEST])
    close = evaluation.parts["test"].columns["close"]
    seen = values[TRAIN + 1, 0]
    truth = values[TEST + 1, 0]
    assert close.outside_training == pytest.approx(((truth > seen.max()) | (truth < seen.min())).mean())
    assert close.outside_training > 0.5
    assert any("close" in note and "learned nothing there" in note for note in evaluation.notes)


def test_rows_within_what_training_showed_are_not_made_a_word_of() -> None:
    table, _ = world()
    wave = 100 + np.sin(np.arange(N) / 7)
    bounded = table.with_frame(table.frame.with_columns(close=pl.Series(wave), volume=pl.Series(1e6 * wave)))
    evaluation = judge(bounded, np.stack([wave, 1e6 * wave], axis=1)[TEST])
    assert outside_note("test", evaluation.parts["test"].columns) is None
    assert not any("learned nothing" in note for note in evaluation.notes)


def test_too_few_rows_give_no_verdict() -> None:
    table, values = world()
    rows = TEST[:15]
    columns = judge(table, values[rows] + 5, test_rows=rows).parts["test"].columns
    assert {(found.words, found.beats_persistence) for found in columns.values()} == {("too few rows", None)}


def test_targets_that_are_no_columns_of_the_table_have_no_columns() -> None:
    table, _ = world()
    target = TargetConfig(kind="forward_return", horizon=1)
    labels = make_labels(table, target)
    x = np.zeros((N, 1), dtype=np.float32)
    found = evaluate_parts(
        table, labels, TRAIN, {"test": TEST}, {"test": np.zeros((len(TEST), 1))}, lambda rows: x[rows],
        target=target, spec=EvaluationConfig(bootstrap_samples=50), seed=0,
    )  # fmt: skip
    assert found.columns() == {"test": {}}

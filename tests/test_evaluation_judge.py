"""Verdicts: skill is found where it was planted, luck is called luck, and all predictors face the same rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from gatewise.config.schema import EvaluationConfig, TargetConfig
from gatewise.data.table import Table
from gatewise.errors import DivergedError
from gatewise.evaluation.base import beats, class_prediction
from gatewise.evaluation.class_metrics import ClassScores, class_scores, classification_metrics
from gatewise.evaluation.evaluate import Evaluation, evaluate_parts
from gatewise.evaluation.judge import PartResult, judge_part
from gatewise.targets.base import Labels
from gatewise.targets.spec import output_spec

CLASSES = ("down", "flat", "up")
SPEC = EvaluationConfig(bootstrap_samples=200)
HORIZON = 5
Predict = Callable[[npt.NDArray[np.int64]], npt.NDArray[Any]]


def make_table(n: int, symbols: int = 1, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    frames = []
    for number in range(symbols):
        close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
        start = datetime(2020, 1, 1, tzinfo=UTC)
        time = pl.datetime_range(start, start + timedelta(hours=n - 1), "1h", eager=True, time_unit="us")
        frames.append(pl.DataFrame({"symbol": [f"S{number}"] * n, "time": time, "close": close, "volume": close * 1e6}))
    return Table(pl.concat(frames), timedelta(hours=1), timedelta(hours=1))


class World:
    """Rows whose labels follow one feature as far as `signal` says; the first 2,000 train, 900 of the rest test."""

    def __init__(self, signal: float, n: int = 3_000, symbols: int = 1, seed: int = 0, test_rows: int = 900) -> None:
        rng = np.random.default_rng(seed)
        self.table = make_table(n, symbols, seed)
        total = self.table.num_rows
        self.x = rng.normal(size=(total, 3)).astype(np.float32)
        score = signal * self.x[:, 0] + rng.normal(size=total)
        self.y = np.digitize(score, [-0.4, 0.4]).astype(np.int64)
        position = np.tile(np.arange(n), symbols)
        valid = position < n - HORIZON
        self.labels = Labels(
            self.y, np.where(valid, np.arange(total) + HORIZON, -1), valid, output_spec(TargetConfig(), CLASSES)
        )
        self.train = np.flatnonzero(position < 2_000)
        self.test = np.flatnonzero((position >= 2_050) & (position < 2_050 + test_rows) & valid)

    def judge(self, predict: Predict, spec: EvaluationConfig = SPEC, seed: int = 1) -> PartResult:
        return self.evaluate(predict, spec, seed).parts["test"]

    def evaluate(self, predict: Predict, spec: EvaluationConfig = SPEC, seed: int = 1) -> Evaluation:
        return evaluate_parts(
            self.table, self.labels, self.train, {"test": self.test}, {"test": predict(self.test)},
            lambda rows: self.x[rows], target=TargetConfig(horizon=HORIZON), spec=spec, seed=seed,
        )  # fmt: skip

    def oracle(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        return np.where(np.eye(3)[self.y[rows]] > 0, 0.98, 0.01)

    def prior(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        return np.tile(np.bincount(self.y[self.train], minlength=3) / len(self.train), (len(rows), 1))


def test_a_model_that_knows_the_answer_beats_every_baseline() -> None:
    world = World(signal=1.0)
    result = world.judge(world.oracle)
    assert result.beats_baseline is True
    assert result.beats_chance is True
    assert result.verdict == "better"
    assert "better than every baseline" in result.summary
    assert result.metrics["accuracy"].value == 1
    assert result.confusion is not None
    assert np.array_equal(result.confusion, np.diag(np.bincount(world.y[world.test])))


def test_a_model_that_says_the_prior_is_not_shown_to_be_better() -> None:
    world = World(signal=0.0)
    result = world.judge(world.prior)
    assert result.verdict == "undecided"
    assert result.beats_baseline is None
    assert result.beats_chance is None
    assert result.headline == "Not shown to be better"


def test_a_model_with_the_planted_signal_beats_chance_and_a_baseline_that_sees_it_too_is_not_beaten() -> None:
    world = World(signal=0.8)

    def sees_half(rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        return np.exp(np.outer(0.5 * world.x[rows, 0], [-1, 0, 1]))

    result = world.judge(sees_half)
    assert result.beats_chance is True
    assert result.best_baseline in ("logistic", "xgboost")
    assert result.verdict in ("undecided", "worse")
    assert "It is better than prior, which knows nothing" in result.summary


def test_what_is_shown_beside_the_best_baseline_alone_is_said_so() -> None:
    """The prior loses more, but in moods: its interval holds zero, that of the nearer one does not."""
    rng, rows = np.random.default_rng(0), 4_000
    y = rng.integers(0, 2, rows)

    def saying(true: npt.NDArray[np.float64]) -> ClassScores:
        prob = np.where(np.eye(2)[y] > 0, true[:, None], 1 - true[:, None])
        return class_scores(y, class_prediction(prob), ("down", "up"))

    noise = rng.uniform(-0.01, 0.01, (2, rows))
    prior = saying(np.where(np.arange(rows) // 400 % 2, 0.9, 0.3))
    result = judge_part(
        "test", saying(0.57 + noise[0]), {"xgboost": saying(0.55 + noise[1]), "prior": prior},
        deciding_metric="log_loss", chance=("prior",), time_us=np.arange(rows), symbol=np.zeros(rows, np.int64),
        horizon=1, confidence=0.95,
    )  # fmt: skip
    assert (result.verdict, result.best_baseline) == ("undecided", "xgboost")
    assert beats(result.differences["xgboost"])
    assert "is better than xgboost, the best baseline, but not shown to be better than all others" in result.summary
    assert "It is not shown to be better than prior, which knows nothing" in result.summary


def test_a_model_that_is_confidently_wrong_is_called_worse_than_the_best_that_beats_it() -> None:
    world = World(signal=0.5)
    result = world.judge(lambda rows: world.oracle(rows)[:, [1, 2, 0]])
    assert result.beats_baseline is False
    assert result.verdict == "worse"
    assert result.headline == f"Worse than {result.best_baseline}"
    assert f"the model is worse than {result.best_baseline}" in result.summary
    assert "It is worse than prior, which knows nothing" in result.summary


def test_a_lucky_streak_on_noise_is_rarely_called_a_win() -> None:
    wins = 0
    for seed in range(12):
        world, rng = World(signal=0.0, seed=seed, test_rows=400), np.random.default_rng(100 + seed)
        noisy = world.judge(lambda rows, w=world, r=rng: w.prior(rows) * np.exp(0.1 * r.normal(size=(len(rows), 3))))
        wins += noisy.beats_baseline is True
    assert wins <= 1


def test_baselines_are_scored_on_exactly_the_model_s_rows() -> None:
    world = World(signal=0.3)
    result = world.judge(world.prior)
    shares = (np.bincount(world.y[world.train], minlength=3) + 1) / (len(world.train) + 3)
    by_hand = classification_metrics(world.y[world.test], np.tile(shares, (len(world.test), 1)), CLASSES)
    by_hand["brier_skill"] = 0.0
    assert result.rows == len(world.test)
    assert set(result.baselines) == {"prior", "logistic", "xgboost", "persistence"}
    for name, found in result.baselines["prior"].items():
        assert found.value == pytest.approx(by_hand[name]), name
    for found in result.baselines.values():
        assert found.keys() == result.metrics.keys()


def test_every_interval_holds_its_value() -> None:
    world = World(signal=0.3, symbols=2, n=2_900)
    result = world.judge(world.prior)
    everything = [result.metrics, result.differences, *result.baselines.values()]
    assert result.backtest is not None
    assert result.backtest.sharpe is not None
    assert result.backtest.sharpe_gross is not None
    ratios = [result.backtest.sharpe, result.backtest.sharpe_gross]
    bounded = 0
    for interval in [*ratios, *(interval for group in everything for interval in group.values())]:
        if interval.low is None or interval.high is None:
            assert interval.reason
        else:
            assert interval.low <= interval.value <= interval.high
            bounded += 1
    assert bounded > 40


def test_differences_are_paired_and_so_tighter_than_the_metrics_themselves() -> None:
    world = World(signal=0.5)
    nearly = world.judge(lambda rows: world.prior(rows) + np.array([0.01, 0, 0]))
    paired, own = nearly.differences["prior"], nearly.metrics["log_loss"]
    assert paired.high is not None
    assert paired.low is not None
    assert own.high is not None
    assert own.low is not None
    assert paired.high - paired.low < (own.high - own.low) / 3
    value = nearly.metrics["log_loss"].value - nearly.baselines["prior"]["log_loss"].value
    assert paired.value == pytest.approx(value)


def test_nothing_about_evaluated_rows_reaches_the_baselines() -> None:
    world, other = World(signal=0.5), World(signal=0.5)
    other.y[other.test] = 2 - other.y[other.test]  # labels.y is this very array
    first, second = (w.evaluate(w.prior).parts["test"] for w in (world, other))
    for name in ("prior", "logistic", "xgboost"):
        # The same probabilities, mirrored truth: what a baseline hit as down it now would have to call up.
        assert first.baselines[name]["precision_flat"].value == second.baselines[name]["precision_flat"].value


def test_too_few_rows_get_no_verdict() -> None:
    world = World(signal=1.0, test_rows=45)
    result = world.judge(world.oracle)
    assert result.beats_baseline is None
    assert result.verdict == "too_few"
    assert result.headline == "Too few independent rows to tell"
    assert result.reason is not None
    assert result.reason in result.summary


@pytest.mark.parametrize("test_rows", [1, 2, 7, 29])
def test_a_handful_of_rows_is_judged_without_an_interval(test_rows: int) -> None:
    world = World(signal=0.5, test_rows=test_rows)
    result = world.judge(world.prior)
    assert result.rows == test_rows
    for group in (result.metrics, result.differences, *result.baselines.values()):
        assert all(interval.low is None and interval.high is None and interval.reason for interval in group.values())


def test_one_class_alone_in_evaluation_and_a_class_absent_from_training_are_judged() -> None:
    world = World(signal=0.0)
    world.y[world.test] = 2
    world.y[world.train] = np.minimum(world.y[world.train], 1)
    evaluation = world.evaluate(lambda rows: np.tile([0.2, 0.2, 0.6], (len(rows), 1)))
    assert evaluation.parts["test"].metrics["accuracy"].value == 1
    assert evaluation.parts["test"].baselines["logistic"]["log_loss"].value == pytest.approx(np.log(2_003))
    assert "Training never saw up" in " ".join(evaluation.notes)


def test_capped_baseline_rows_are_said() -> None:
    world = World(signal=0.3)
    evaluation = world.evaluate(world.prior, EvaluationConfig(bootstrap_samples=50, baseline_rows=500))
    assert evaluation.baseline_rows == 500
    assert "500 of 2,000 training rows" in evaluation.notes[0]


def test_the_same_seed_gives_the_same_json_and_it_holds_no_nan() -> None:
    world = World(signal=0.3)
    first, second = (json.dumps(world.evaluate(world.prior).to_dict(), allow_nan=False) for _ in range(2))
    assert first == second
    evaluation = world.evaluate(world.prior)
    assert set(evaluation.metrics()["test"]["accuracy"]) == {"value", "low", "high"}
    assert evaluation.baselines()["prior"]["test"]["log_loss"]["value"] > 0
    assert evaluation.to_dict()["parts"]["test"]["backtest"]["terms"]["hold"] == HORIZON


def test_predictions_that_are_not_finite_are_refused() -> None:
    world = World(signal=0.3)
    with pytest.raises(DivergedError, match="finite"):
        world.judge(lambda rows: np.full((len(rows), 3), np.nan))


def numbers_world(kind: str, outputs: tuple[str, ...]) -> tuple[Table, Labels, npt.NDArray[np.float64]]:
    table = make_table(3_000)
    columns = table.frame.select("close", "volume").to_numpy()
    following = np.concatenate([columns[1:], columns[-1:]])
    y = following if kind == "next_row" else np.log(following[:, :1] / columns[:, :1])
    valid = np.arange(3_000) < 2_999
    known = np.where(valid, np.arange(3_000) + 1, -1)
    return table, Labels(y.astype(np.float32), known, valid, output_spec(TargetConfig(kind=kind), outputs)), y


@pytest.mark.parametrize(
    ("kind", "outputs"), [("forward_return", ("forward_return",)), ("next_row", ("close", "volume"))]
)
def test_numbers_are_judged_beside_ridge_boosting_prior_and_persistence(kind: Any, outputs: tuple[str, ...]) -> None:
    table, labels, y = numbers_world(kind, outputs)
    x = np.random.default_rng(0).normal(size=(3_000, 3)).astype(np.float32)
    rows = np.arange(2_100, 2_999)

    def judge(value: npt.NDArray[np.float64]) -> PartResult:
        return evaluate_parts(
            table, labels, np.arange(2_000), {"test": rows}, {"test": value}, lambda r: x[r],
            target=TargetConfig(kind=kind, horizon=1), spec=SPEC, seed=0,
        ).parts["test"]  # fmt: skip

    still = np.zeros((899, 1)) if kind == "forward_return" else table.frame.select("close", "volume").to_numpy()[rows]
    naive, knowing = judge(still), judge(y[rows])
    assert set(naive.baselines) == {"prior", "ridge", "xgboost", "persistence"}
    assert naive.baselines["persistence"]["rmse"].value == pytest.approx(naive.metrics["rmse"].value, rel=1e-4)
    assert naive.metrics["directional_accuracy"].value == pytest.approx(0.5, abs=0.01)
    assert naive.verdict != "better"
    assert knowing.beats_baseline is True
    assert knowing.metrics["directional_accuracy"].value > 0.99
    assert knowing.backtest is not None
    assert knowing.backtest.account.net.sum() > 0.3
    if kind == "next_row":
        move = y - table.frame.select("close", "volume").to_numpy()
        usual, seen = (np.sqrt(np.square(move[r]).mean(axis=0)) for r in (np.arange(2_000), rows))
        assert naive.metrics["rmse"].value == pytest.approx(np.sqrt(np.square(seen / usual).mean()), rel=1e-3)
        assert naive.metrics["rmse_volume"].value == pytest.approx(seen[1], rel=1e-3)

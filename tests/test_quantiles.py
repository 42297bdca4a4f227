"""Quantiles: the pinball loss against its closed form, coverage against simulations whose quantiles are known.

A quantile that is trained by the wrong side of its loss, or counted on the wrong side, still looks like a quantile.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.metrics import mean_pinball_loss

from audit_tables import random_walk
from conftest import TINY, Cli
from gatewise.calibration.shifts import Shifts
from gatewise.config.load import load_config
from gatewise.config.schema import EvaluationConfig, TargetConfig
from gatewise.errors import ConfigError, DivergedError
from gatewise.evaluation.evaluate import evaluate_parts
from gatewise.evaluation.judge import PartResult
from gatewise.evaluation.quantile_metrics import quantile_scores
from gatewise.evaluation.scoring import knowing_nothing
from gatewise.features.scaling import fit_symbol_scalers
from gatewise.report.coverage import coverage_table, promise, symbols_apart
from gatewise.report.data import Predicted
from gatewise.report.figure_style import ACCENT
from gatewise.report.quantile_figures import coverage, fan
from gatewise.selection.luck.skill import quantile_skill, skill_of_sums, skill_parts
from gatewise.targets.base import Labels
from gatewise.targets.make import make_labels
from gatewise.targets.outputs.quantiles import Quantiles, empirical_quantiles, pinball
from symbol_worlds import trained

LEVELS = (0.1, 0.5, 0.9)
ONE, TWO = Quantiles(("y",), LEVELS), Quantiles(("a", "b"), (0.25, 0.75))
Floats = npt.NDArray[np.float64]


def metrics_of(y: Floats, predictions: Floats, spec: Quantiles, scale: Any = None) -> dict[str, float]:
    scores = quantile_scores(y, predictions, spec, scale)
    return {name: float(value) for name, value in scores.metrics(scores.contributions.sum(axis=0)).items()}


def simulated(n: int, seed: int) -> tuple[Floats, Floats]:
    """(y [n, 1], its true quantiles [n, 3]): normal, with a spread that is known and changes with the row."""
    rng = np.random.default_rng(seed)
    spread = np.exp(rng.normal(0, 0.7, (n, 1)))
    return spread * rng.normal(size=(n, 1)), spread * stats.norm.ppf(LEVELS)


# ---- the loss


def test_the_loss_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    y, predictions = rng.normal(size=(200, 1)), np.sort(rng.normal(size=(200, 3)), axis=1)
    metrics = metrics_of(y, predictions, ONE)
    for number, level in enumerate(LEVELS):
        wanted = mean_pinball_loss(y[:, 0], predictions[:, number], alpha=level)
        assert metrics[f"pinball_q{100 * level:g}"] == pytest.approx(wanted, rel=1e-12)
    assert metrics["pinball"] == pytest.approx(np.mean([metrics[f"pinball_{name}"] for name in ONE.names]))


def test_of_a_normal_the_true_quantile_loses_what_the_closed_form_says_and_any_other_more() -> None:
    """E pinball at the true quantile q of N(0, 1) is the density there (Gneiting 2011)."""
    y = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)[:, None]
    losses = [pinball(np.full((1, 1, 1), q), y, (0.9,)).mean() for q in stats.norm.ppf([0.85, 0.9, 0.95])]
    assert losses[1] == pytest.approx(stats.norm.pdf(stats.norm.ppf(0.9)), rel=1e-4)
    assert losses[1] < min(losses[0], losses[2])


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, (30, 1), elements=st.floats(-1e3, 1e3)), st.floats(0.01, 0.99), st.floats(-1e3, 1e3))
def test_no_constant_loses_less_on_labels_than_their_empirical_quantile(y: Floats, level: float, other: float) -> None:
    least = pinball(empirical_quantiles(y, (level,))[None], y, (level,)).mean()
    assert least <= pinball(np.full((1, 1, 1), other), y, (level,)).mean() + 1e-9


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, (8, 3), elements=st.floats(-10, 10)), arrays(np.float64, (8, 1), elements=st.floats(-10, 10)))
def test_predictions_never_cross_and_lose_no_more_than_what_crossed(raw: Floats, y: Floats) -> None:
    predictions = ONE.predictions(raw, np.empty(0))
    assert (np.diff(predictions, axis=1) >= 0).all()
    assert (ONE.losses(predictions, y) <= ONE.losses(raw, y) + 1e-12).all()


def test_columns_are_put_in_order_each_by_itself() -> None:
    assert TWO.predictions(np.array([[2.0, 1.0, 30.0, 40.0]]), np.empty(0)).tolist() == [[1.0, 2.0, 30.0, 40.0]]
    assert TWO.names == ("a_q25", "a_q75", "b_q25", "b_q75")
    assert Quantiles(("y",), (0.025, 0.5)).names == ("q2.5", "q50")


def test_back_in_their_units_quantiles_are_those_of_each_column_and_symbol() -> None:
    rng = np.random.default_rng(1)
    codes = np.repeat(np.array([0, 1], np.int32), 50)
    y = rng.normal(size=(100, 2)) * [1, 50] + np.where(codes[:, None] == 0, 10, 3_000)
    scaler = fit_symbol_scalers("standard", y, np.arange(100), ("a", "b"), codes, ("X", "Y"))
    scaled = np.repeat(scaler.transform(y, codes, np.float64), 2, axis=1)
    back = TWO.unscaled(scaled, lambda values: scaler.inverse(values, codes))
    np.testing.assert_allclose(back, np.repeat(y, 2, axis=1), rtol=1e-12)


# ---- metrics


def test_coverage_counts_rows_at_or_below_and_between() -> None:
    y = np.array([[-2.0], [-1.0], [0.0], [1.0], [2.0]])
    metrics = metrics_of(y, np.tile([-1.0, 0.5, 1.5], (5, 1)), ONE)
    assert [metrics[f"coverage_{name}"] for name in ONE.names] == pytest.approx([0.4, 0.6, 0.8])
    assert metrics["coverage_q10_q90"] == pytest.approx(0.4)
    assert metrics["width_q10_q90"] == pytest.approx(2.5)
    assert metrics["coverage_error"] == pytest.approx((0.3 + 0.1 + 0.1) / 3)


def test_several_columns_are_put_together_in_units_of_their_moves() -> None:
    rng = np.random.default_rng(2)
    y, predictions = rng.normal(size=(300, 2)) * [1, 1e6], np.sort(rng.normal(size=(300, 2, 2)), axis=2)
    predictions = (predictions * np.array([1, 1e6])[:, None]).reshape(300, 4)
    metrics = metrics_of(y, predictions, TWO, [1, 1e6])
    each = [metrics[f"pinball_{name}"] / scale for name, scale in zip(TWO.names, [1, 1, 1e6, 1e6], strict=True)]
    assert metrics["pinball"] == pytest.approx(np.mean(each))
    loss = quantile_scores(y, predictions, TWO, [1, 1e6]).loss
    assert loss.mean() == pytest.approx(metrics["pinball"])


@pytest.mark.parametrize("broken", [np.full((5, 3), np.nan), np.zeros((5, 2))])
def test_predictions_that_are_none_are_refused(broken: Floats) -> None:
    with pytest.raises(DivergedError, match="finite and of shape"):
        quantile_scores(np.zeros((5, 1)), broken, ONE)


# ---- judging


def judged(y: Floats, predictions: Floats, train: int = 2_000, model: str = "xgboost") -> PartResult:
    table = random_walk(len(y))
    known = np.minimum(np.arange(len(y)) + 1, len(y) - 1)
    labels = Labels(y, known, np.arange(len(y)) < len(y) - 1, Quantiles(("y",), LEVELS, price=0))
    rows = np.arange(train, len(y) - 1)
    x = np.zeros((len(y), 1), np.float32)
    return evaluate_parts(
        table, labels, np.arange(train), {"test": rows}, {"test": predictions[rows]}, lambda r: x[r],
        target=TargetConfig(kind="forward_return", horizon=1, quantiles=LEVELS), spec=EvaluationConfig(), seed=0,
        model=model,
    ).parts["test"]  # fmt: skip


def test_true_quantiles_beat_those_of_training_and_intervals_hold_their_levels() -> None:
    y, truth = simulated(5_000, 3)
    result = judged(y, truth)
    assert result.deciding_metric == "pinball"
    assert list(result.baselines) == ["prior", "trailing_volatility"]
    assert result.verdict == "better"
    for name, level in zip(ONE.names, LEVELS, strict=True):
        found = result.metrics[f"coverage_{name}"]
        assert found.low is not None
        assert found.high is not None
        assert found.low < level < found.high
    assert result.metrics["coverage_error"].low is None
    assert result.backtest is not None  # the median says up or down


def test_quantiles_that_promise_too_much_are_shown_up_and_lose() -> None:
    y, truth = simulated(5_000, 4)
    result = judged(y, truth / 5)
    high = result.metrics["coverage_q10_q90"].high
    assert high is not None
    assert high < 0.8
    assert result.verdict == "worse"


def test_the_quantiles_of_training_are_no_better_than_themselves() -> None:
    y, _ = simulated(5_000, 5)
    result = judged(y, np.tile(empirical_quantiles(y[:2_000], LEVELS), (5_000, 1)))
    assert result.differences["prior"].value == pytest.approx(0, abs=1e-12)
    assert result.beats_chance is None


def test_intervals_of_coverage_hold_the_level_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(60):
        y, truth = simulated(700, 100 + seed)
        found = judged(y, truth, train=100).metrics["coverage_q90"]
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.9 <= found.high
    assert held >= 52  # of 60 at 95 %: fewer by chance once in 500 times


# ---- what knows nothing


def columns_of(values: Floats) -> tuple[Any, Labels]:
    frame = random_walk(len(values)).frame.select("symbol", "time", close=pl.Series(values))
    table = random_walk(len(values)).with_frame(frame)
    return table, make_labels(table, TargetConfig(kind="next_row", horizon=1, columns=("close",), quantiles=LEVELS))


def test_of_a_walk_it_says_quantiles_of_moves_from_here_and_of_noise_those_of_its_values() -> None:
    noise = np.random.default_rng(6).normal(size=1_000)
    train, rows = np.arange(500), np.arange(500, 999)
    table, labels = columns_of(np.cumsum(noise))
    said = knowing_nothing(table, labels, train, rows, False)
    moves = said - table.frame["close"].to_numpy()[rows][:, None]
    np.testing.assert_allclose(moves, np.tile(np.quantile(noise[1:501], LEVELS, method="inverted_cdf"), (499, 1)))
    table, labels = columns_of(noise)
    said = knowing_nothing(table, labels, train, rows, False)
    assert np.ptp(said, axis=0).max() == 0
    np.testing.assert_allclose(said[0], np.quantile(noise[1:501], LEVELS, method="inverted_cdf"))


def test_what_is_said_of_noise_has_no_skill_and_of_what_comes_it_has() -> None:
    y, truth = simulated(4_000, 7)
    expected, by = np.tile(empirical_quantiles(y, LEVELS), (4_000, 1)), np.zeros(4_000, np.int64)
    blind = expected + np.random.default_rng(8).normal(size=(4_000, 1))
    for predictions, low, high in ((truth, 0.02, 1.0), (blind, -0.05, 0.05)):
        sums = skill_parts(*quantile_skill(LEVELS, predictions, expected, y, by)).sum(axis=0)
        assert low < skill_of_sums(sums[None, :, None])[0, 0] < high


# ---- from training to the report


def test_a_network_learns_quantiles_that_depend_on_what_it_sees() -> None:
    rng = np.random.default_rng(9)
    n = 4_000
    spread = np.exp(rng.normal(0, 0.8, n))
    came = np.append(0, spread[:-1] * rng.normal(size=n - 1))
    frame = random_walk(n).frame.select("symbol", "time", spread=np.log(spread), y=came)
    config = load_config(
        overrides={
            "features.sets": [], "features.columns": ["spread"], "target.kind": "next_row", "target.horizon": 1,
            "target.columns": ["y"], "target.quantiles": LEVELS, "windows.sequence_length": 1, "split.embargo_rows": 2,
            "model.hidden_size": 8, "model.num_layers": 1, "model.dropout": 0, "training.learning_rate": 0.02,
            "training.batch_size": 128, "training.max_epochs": 12, "training.warmup_epochs": 0,
            "training.device": "cpu",
        }
    )  # fmt: skip
    prepared, bundle = trained(config, random_walk(n).with_frame(frame))
    samples, rows = prepared.samples, prepared.split.test
    y, predictions = samples.labels.y[rows], bundle.predict_rows(samples.table, samples.matrix, rows)
    truth = spread[rows][:, None] * stats.norm.ppf(LEVELS)
    prior = knowing_nothing(samples.table, samples.labels, prepared.split.train, rows, False)
    own, best, blind = (metrics_of(y, said, ONE)["pinball"] for said in (predictions, truth, prior))
    assert best < blind
    assert own < best + 0.3 * (blind - best)
    for number, level in enumerate(LEVELS):
        assert np.mean(y[:, 0] <= predictions[:, number]) == pytest.approx(level, abs=0.06)


OF_RETURNS = ("--target", "forward_return", "--set", "target.quantiles=[0.1,0.5,0.9]")
QUICK = ("--set", "evaluation.bootstrap_samples=50", "--json", "--quiet")


def test_quantiles_are_trained_reported_gone_on_with_and_predicted_by_the_usual_commands(
    cli: Cli, tmp_path: Path
) -> None:
    run = cli("train", *TINY, *OF_RETURNS, *QUICK).json
    assert run["metrics"]["test"].keys() >= {"pinball", "coverage_q10", "coverage_q10_q90", "width_q10_q90"}
    assert run["baselines"].keys() == {"prior", "xgboost", "trailing_volatility"}
    page = Path(run["report"]).read_text(encoding="utf-8")
    assert "Share of rows at or below each quantile" in page
    assert "Stated and reached coverage" in page
    assert run["calibration"]["uncalibrated"].keys() == {"val", "test"}
    frame = pl.read_parquet(run["predictions"])
    assert frame.columns == ["symbol", "time", "Date", "part", "q10", "q50", "q90", "target_forward_return"]
    assert frame.filter((pl.col("q10") > pl.col("q50")) | (pl.col("q50") > pl.col("q90"))).is_empty()
    tested = frame.filter(pl.col("part") == "test")
    below = tested.select((pl.col("target_forward_return") <= pl.col("q90")).mean()).item()
    assert run["metrics"]["test"]["coverage_q90"]["value"] == pytest.approx(below)
    again = cli("train", "--resume", run["run_id"], "--json", "--quiet").json
    assert again["metrics"] == run["metrics"]
    out = tmp_path / "predictions.parquet"
    said = cli("predict", "--model", run["run_id"][:8], "--source", "sp500", "-o", out, "--quiet")
    assert said.code == 0, said.err
    live = pl.read_parquet(out).join(frame, on="time", suffix="_then")
    assert live.height == frame.height
    assert live.select((pl.col("q10") == pl.col("q10_then")).all()).item()


@pytest.mark.parametrize("fleet", ["on", "off"])
def test_quantiles_are_cross_validated_one_by_one_and_as_a_fleet(cli: Cli, fleet: str) -> None:
    words = (*TINY[:2], *TINY[4:], *OF_RETURNS, "--horizons", "2,3", "--n-splits", "2", "--models", "lstm")
    said = cli("cv", *words, "--seeds", "2", "--fleet", fleet, "--json", "--quiet")
    assert said.code == 0, said.err
    assert said.json["fleet"]["used"] is (fleet == "on")
    assert {fold["model"] for fold in said.json["folds"]} == {"lstm", "prior"}
    assert all("coverage_error" in fold["metrics"] for fold in said.json["folds"])


def test_quantiles_are_tuned_and_audited(cli: Cli) -> None:
    said = cli("tune", *TINY, *OF_RETURNS, "--n-trials", "2", "--n-splits", "2", "--json", "--quiet")
    assert said.code == 0, said.err
    assert said.json["metric"] == "pinball"
    columns = ("--target", "next_row", *OF_RETURNS[2:], "--set", "target.columns=[close,volume]")
    audited = cli("audit", *TINY, *columns, "--json", "--quiet")
    assert audited.code == 0, audited.out


def test_pictures_show_shares_over_their_levels_and_quantiles_at_the_moment_that_they_are_for() -> None:
    y, truth = simulated(3_000, 10)
    metrics = judged(y, truth).metrics
    shares = {name: metrics[f"coverage_{name}"] for name in ONE.names}
    before = {name: replace(found, value=0.5) for name, found in shares.items()}
    drawn, blunt = coverage(LEVELS, shares, before).data[1:]
    assert list(blunt.y) == [0.5] * 3
    assert list(drawn.x) == list(LEVELS)
    assert list(drawn.y) == [found.value for found in shares.values()]
    for number, found in enumerate(shares.values()):
        assert drawn.y[number] + drawn.error_y.array[number] == pytest.approx(found.high)
        assert drawn.y[number] - drawn.error_y.arrayminus[number] == pytest.approx(found.low)
    late = np.array([[30], [10], [20]]) * 1_000_000
    rows = Predicted(late[:, 0] - 1, y[:3], truth[:3], late)
    band = fan(rows, truth[:3], 0, "y", LEVELS).data
    assert [trace.name for trace in band] == ["q10", "q50", "q90", "actual"]
    assert list(band[2].y) == truth[[1, 2, 0], 2].tolist(), "in order of time"
    assert list(band[3].y) == y[[1, 2, 0], 0].tolist()
    beyond = (y[[1, 2, 0], 0] < truth[[1, 2, 0], 0]) | (y[[1, 2, 0], 0] > truth[[1, 2, 0], 2])
    assert [colour == ACCENT for colour in band[3].marker.color] == beyond.tolist()


def test_a_page_says_what_is_stated_reached_and_promised_and_which_symbols_differ() -> None:
    y, truth = simulated(3_000, 11)
    result = judged(y, truth)
    page = coverage_table(replace(result, uncalibrated=judged(y, truth / 2)), ONE, "Coverage")
    assert page.index("before calibration") < page.index("reached") < page.index("width before")
    assert "80.0%" in page
    calibrator = Shifts("conformal", (0.0, 0.1, None), 300, 60)
    assert promise(calibrator, True).startswith("Promised")
    assert "too few stay" in promise(calibrator, True)
    assert "epoch" in promise(calibrator, True)
    assert "epoch" not in promise(calibrator, False)
    assert promise(replace(calibrator, not_promised="it rains"), False) == "Not promised: it rains."
    assert promise(None, False).startswith("Nothing is promised")
    assert list(symbols_apart(replace(result, symbols={"A": result}), ONE, "By symbol")) == []
    narrow = replace(result, symbols={"A": result, "B": judged(y, truth / 3)})
    (table,) = symbols_apart(narrow, ONE, "By symbol")
    assert "80.0% stated" in table


# ---- what can't be


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"target.kind": "direction", "target.quantiles": [0.1, 0.9]}, "quantiles are of the numbers of"),
        ({"target.quantiles": [0.1, 0.9]}, "the numbers of forward_return, next_row and realized_volatility"),
        ({"target.kind": "forward_return", "target.quantiles": [0.9, 0.1]}, "rising"),
        ({"target.kind": "forward_return", "target.quantiles": [0.5, 0.5]}, "rising"),
        ({"target.kind": "forward_return", "target.quantiles": [0, 0.5]}, "within 0 and 1"),
        ({"target.kind": "forward_return", "target.quantiles": [0.5], "model.name": "ridge"}, "ridge predicts values"),
        ({"target.kind": "forward_return", "target.quantiles": [0.5], "training.loss": "mse"}, "loss"),
        ({"target.kind": "forward_return", "target.quantiles": [0.5], "training.class_weights": "balanced"}, "classes"),
    ],
)
def test_what_quantiles_can_not_be_of_is_refused(said: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(overrides=said)


def test_a_config_without_quantiles_has_the_hash_that_it_had_before_there_were_any() -> None:
    plain = load_config()
    assert "quantiles" not in plain.without_later()["target"]
    said = load_config(overrides={"target.kind": "forward_return", "target.quantiles": [0.5]})
    assert said.without_later()["target"]["quantiles"] == [0.5]
    assert said.digest != load_config(overrides={"target.kind": "forward_return"}).digest

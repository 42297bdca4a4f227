"""What is said of a training's curves: simulated ones whose shape is known, and trainings that are made to go wrong.

A sentence that comes whatever the curves look like is worse than none; so each has curves that must not have it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gatewise.config.load import load_config
from gatewise.config.schema import ExperimentConfig
from gatewise.training.curves import Curves, jump_size, move, read_curves
from gatewise.training.progress import FitResult
from gatewise.training.stopping import EarlyStopping

EPOCHS = np.arange(1, 61)
FALLING = 1 + np.exp(-EPOCHS / 40)
SETTLING = 1 + np.exp(-EPOCHS / 4)
VALLEY = 1 + np.exp(-EPOCHS / 4) + 0.004 * np.maximum(EPOCHS - 15, 0)


def settings(**fields: Any) -> ExperimentConfig:
    return load_config(overrides={"training.early_stopping_patience": 10} | fields)


def noisy(curve: Any, size: float, seed: int) -> Any:
    return curve * (1 + np.random.default_rng(seed).normal(0, size, len(curve)))


def trained(
    val: Any, train: Any = None, config: ExperimentConfig | None = None, labels: int = 500, learned: bool = True
) -> Curves | None:
    """What is said after early stopping has had its say, as in a training."""
    config = config or settings()
    train = np.asarray(val) if train is None else train
    stopping, history = EarlyStopping(config.training.early_stopping_patience, 0.0), []
    for epoch, (a, b) in enumerate(zip(train, val, strict=True), 1):
        history.append({"train_loss": float(a), "val_loss": float(b)})
        stopping.observe(epoch, float(b))
        if stopping.should_stop:
            break
    ended = "early_stopping" if stopping.should_stop else "max_epochs"
    fit = FitResult(history, stopping.best_epoch, stopping.best_loss, 1.0, ended)
    return read_curves(fit, config, labels, learned)


def verdict(*args: Any, **kwargs: Any) -> str | None:
    curves = trained(*args, **kwargs)
    return curves and curves.verdict


@pytest.mark.parametrize("noise", [0.0, 0.002])
def test_curves_that_end_while_they_fall(noise: float) -> None:
    curves = trained(noisy(FALLING, noise, 0), config=settings(**{"training.max_epochs": 60}))
    assert curves is not None
    assert curves.verdict == "falling"
    assert "training.max_epochs=120" in curves.sentence


def test_three_epochs_that_fall_steadily_are_still_falling_and_two_say_nothing() -> None:
    assert verdict([1.0, 0.9, 0.8]) == "falling"
    assert verdict([1.0, 0.9, 0.95]) == "settled"
    assert trained([1.0, 0.9]) is None


@pytest.mark.parametrize("seed", range(5))
def test_a_valley_is_over_fitted_since_its_floor(seed: int) -> None:
    curves = trained(noisy(VALLEY, 0.002, seed), train=SETTLING * np.exp(-EPOCHS / 50))
    assert curves is not None
    assert curves.verdict == "over_fitted"
    since = int(curves.sentence.split("since epoch ")[1].split(",")[0])
    assert abs(since - 15) <= 5
    assert "model.dropout=" in curves.sentence


def test_a_valley_in_both_losses_is_not_over_fitting() -> None:
    assert verdict(VALLEY, train=VALLEY) == "settled"


def test_a_model_that_is_dropped_out_enough_is_made_smaller() -> None:
    curves = trained(VALLEY, train=FALLING, config=settings(**{"model.dropout": 0.5, "model.hidden_size": 64}))
    assert curves is not None
    assert curves.sentence.endswith("model.hidden_size=32")


def test_settled_curves_are_left_in_peace_whatever_their_noise() -> None:
    verdicts = [verdict(noisy(SETTLING, 0.01, seed), train=noisy(SETTLING, 0.003, seed + 500)) for seed in range(200)]
    assert verdicts.count("settled") >= 190, "three standard errors, and a few looks at each curve"


def test_pure_noise_is_nothing_to_learn_and_no_trend() -> None:
    flat = np.ones(60)
    verdicts = [
        verdict(noisy(flat, 0.01, seed), train=noisy(flat, 0.005, seed + 99), learned=False) for seed in range(200)
    ]
    assert verdicts.count("nothing") >= 190


def test_a_training_that_gained_what_does_not_carry_over_is_told_from_one_that_gained_nothing() -> None:
    flat = noisy(np.ones(60), 0.001, 0)
    neither, one = (trained(flat, train=train, learned=False) for train in (np.ones(60), FALLING))
    assert neither is not None
    assert one is not None
    assert neither.sentence.startswith("Neither loss fell")
    assert "did not carry over" in one.sentence


def test_a_lucky_dip_that_outlasts_patience_stops_too_soon() -> None:
    dipped = noisy(2 - 0.02 * EPOCHS, 0.001, 0)
    dipped[9] -= 0.4
    curves = trained(dipped)
    assert curves is not None
    assert curves.verdict == "stopped"
    assert "training.early_stopping_patience=20" in curves.sentence


def test_jumps_are_unstable() -> None:
    curves = trained(noisy(SETTLING, 0.4, 1), config=settings(**{"training.learning_rate": 0.03}))
    assert curves is not None
    assert curves.verdict == "unstable"
    assert "training.learning_rate=0.01" in curves.sentence


def test_few_labels_are_said_before_anything_is_read_into_them() -> None:
    assert verdict(FALLING, labels=29) == "few_rows"
    assert verdict(FALLING, labels=30) == "falling"


@pytest.mark.parametrize("ended", ["fitted", "diverged", "interrupted"])
def test_nothing_is_said_of_what_has_no_curve_or_broke_off(ended: Any) -> None:
    history = [{"train_loss": 1.0, "val_loss": 1.0 - 0.1 * epoch} for epoch in range(5)]
    assert read_curves(FitResult(history, 5, 0.6, 1.0, ended), settings(), 500, True) is None


def test_the_size_of_jumps_is_the_noise_whatever_the_trend() -> None:
    noise = np.random.default_rng(0).normal(0, 0.3, 4_000)
    assert jump_size(noise) == pytest.approx(0.3, rel=0.05)
    assert jump_size(noise + np.arange(4_000) * 5) == pytest.approx(0.3, rel=0.05)
    assert move(np.full(30, 2.0)) == 0
    assert move(np.linspace(2, 1, 30)) == pytest.approx(-1 / 1.5)


# ---- of trainings


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A close that knows nothing of the future, with 15 columns of noise to learn by heart."""
    import polars as pl

    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 600)))
    hours = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 25, 23), "1h", eager=True)
    frame = pl.DataFrame({"time": hours[:600], "close": close} | {f"x{n}": rng.normal(size=600) for n in range(15)})
    frame.write_csv(tmp_path_factory.mktemp("rows") / "rows.csv")
    return frame


def of_training(cli: Any, rows: Any, folder: Any, *words: str) -> dict[str, Any]:
    rows.write_csv(folder / "rows.csv")
    columns = f"features.columns=[{','.join(f'x{n}' for n in range(15))}]"
    small = ("--seq-len", "3", "--num-layers", "1", "--dropout", "0", "--batch-size", "64", "--device", "cpu")
    quick = (
        "--set",
        "evaluation.bootstrap_samples=50",
        "--set",
        "training.schedule.warmup_epochs=0",
        "--quiet",
        "--json",
    )
    target = ("--target", "forward_return", "--horizon", "1", "--set", "features.sets=[]", "--set", columns)
    value = cli("train", "--data", folder / "rows.csv", "--stamp", "close", *target, *small, *quick, *words).json
    report = (folder / value["report"]).read_text()
    if value["curves"]:
        assert value["curves"]["sentence"].split(":")[0] in report.replace("&#39;", "'")
    return value


def test_a_training_that_learns_noise_by_heart_is_called_over_fitted(cli, rows, tmp_path) -> None:
    words = ("--hidden-size", "32", "--max-epochs", "40", "--learning-rate", "0.01")
    curves = of_training(cli, rows, tmp_path, *words)["curves"]
    assert curves["verdict"] == "over_fitted"
    assert "--dropout 0.2" in curves["sentence"]
    assert "no better than knowing nothing" in curves["sentence"]


def test_a_training_of_one_epoch_or_of_a_model_of_one_row_says_nothing(cli, rows, tmp_path) -> None:
    assert of_training(cli, rows, tmp_path, "--max-epochs", "1")["curves"] is None
    columns = ("--model", "ridge", "--quiet", "--json", "--target", "forward_return", "--horizon", "1")
    fields = ("--set", "features.sets=[]", "--set", "features.columns=[x0,x1]")
    assert cli("train", "--data", tmp_path / "rows.csv", "--stamp", "close", *columns, *fields).json["curves"] is None

"""What epochs are compared by: which number it is, that it decides, and that a half-done run keeps the one it had.

A run that stops by another number than it says trains, ends and predicts as usual.
"""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from fleet_members import FP32, alone, largest_difference, recorders, spec_of, various
from gatewise.config.load import load_config
from gatewise.config.loss_section import MONITORS
from gatewise.config.schema import TrainingConfig
from gatewise.errors import ConfigError, DivergedError, UnknownNameError
from gatewise.targets.outputs.quantiles import Quantiles
from gatewise.training import fit as fitting
from gatewise.training.checkpoint import load_checkpoint, save_checkpoint
from gatewise.training.fit import fit
from gatewise.training.fleet.fit import Member, fit_fleet
from gatewise.training.inference import predict_outputs
from gatewise.training.monitor import choose_monitor, monitored_number
from gatewise.training.progress import FitResult, Progress

SPECS = {"classes": spec_of(3), "values": spec_of(0), "quantiles": Quantiles(("a",), (0.1, 0.9))}
HUBER = {"name": "huber", "delta": 0.05}
SMOOTH = {"name": "cross_entropy", "label_smoothing": 0.2}


@pytest.mark.parametrize(
    ("kind", "loss", "monitor", "expected"),
    [
        ("classes", "auto", "auto", "loss"),
        ("classes", "cross_entropy", "auto", "loss"),
        ("classes", "auto", "cross_entropy", "loss"),
        ("classes", SMOOTH, "auto", "cross_entropy"),
        ("classes", SMOOTH, "loss", "loss"),
        ("classes", "auto", "f1", "f1"),
        ("values", "auto", "auto", "loss"),
        ("values", "mse", "auto", "loss"),
        ("values", "mae", "auto", "mse"),
        ("values", "huber", "auto", "mse"),
        ("values", HUBER, "mae", "mae"),
        ("values", HUBER, "loss", "loss"),
        ("values", "mae", "mae", "loss"),
        ("quantiles", "auto", "auto", "loss"),
        ("quantiles", "pinball", "auto", "loss"),
    ],
)
def test_the_proper_loss_of_the_outputs_is_monitored_unless_another_number_is_asked_for(
    kind, loss, monitor, expected
) -> None:
    assert choose_monitor(TrainingConfig(loss=loss, monitor=monitor), SPECS[kind]) == expected


def test_class_weights_change_nothing_about_what_is_monitored() -> None:
    assert choose_monitor(TrainingConfig(class_weights="balanced"), SPECS["classes"]) == "loss"  # told without weights


def members(num_classes: int, **changes: Any) -> list[Member]:
    return various(num_classes=num_classes, **changes)


@pytest.mark.parametrize(("monitor", "power"), [("auto", 2), ("mae", 1)])
def test_the_monitored_number_is_that_of_the_kept_weights_on_validation_rows(monitor, power) -> None:
    member = members(0, loss=HUBER, monitor=monitor)[1]
    result = alone(member, 0)
    assert member.windows.y is not None
    error = predict_outputs(member.model, member.windows, member.val_rows) - member.windows.y[member.val_rows].numpy()
    expected = (np.abs(error.astype(np.float64)) ** power).mean()
    name = "mse" if monitor == "auto" else "mae"
    assert result.monitor == name
    assert result.best_loss == pytest.approx(expected, rel=1e-5)
    assert result.best_loss == min(epoch[f"val_{name}"] for epoch in result.history)
    assert result.history[result.best_epoch - 1][f"val_{name}"] == result.best_loss


def test_smoothed_labels_are_trained_on_and_log_loss_is_monitored() -> None:
    member = members(3, loss=SMOOTH)[1]
    result = alone(member, 3)
    logits = torch.from_numpy(predict_outputs(member.model, member.windows, member.val_rows))
    assert member.windows.y is not None
    truth = member.windows.y[torch.from_numpy(member.val_rows)]
    assert result.best_loss == pytest.approx(float(torch.nn.functional.cross_entropy(logits, truth)), rel=1e-5)


PLANTED = [
    {"loss": 0.5, "mse": 0.9, "accuracy": 0.5},
    {"loss": 0.1, "mse": 0.8, "accuracy": 0.6},
    {"loss": 0.4, "mse": 0.2, "accuracy": 0.7},
    {"loss": 0.3, "mse": 0.3, "accuracy": 0.9},
]


@pytest.mark.parametrize(("monitor", "best"), [("loss", 2), ("mse", 3), ("accuracy", 4)])
def test_the_kept_epoch_the_stop_and_the_plateau_are_those_of_the_monitored_number(monitor, best) -> None:
    schedule = {"name": "plateau", "patience": 0}
    settings = TrainingConfig(schedule=schedule, early_stopping_patience=1, min_delta=0)
    progress = Progress.start(settings, monitor)
    while not progress.finished and progress.epoch < len(PLANTED):
        lowered = progress.learning_rate(0)
        improved = progress.observe({"loss": 1.0}, PLANTED[progress.epoch], 1.0, 1.0)
        assert (progress.learning_rate(0) < lowered) == (not improved)
    assert progress.stopping.best_epoch == best
    assert progress.epoch == min(best + 1, len(PLANTED))
    assert progress.stopping.best_loss == pytest.approx(monitored_number(monitor, PLANTED[best - 1]))


@pytest.mark.parametrize(("monitor", "best"), [("loss", 2), ("auto", 3)])
def test_the_loop_keeps_the_weights_of_the_monitored_numbers_best_epoch(monitor, best, monkeypatch) -> None:
    evaluate = fitting.run_epoch

    def planted(step, rows, batch_size, num_classes, epoch, learning_rate=None, key=0):
        values = evaluate(step, rows, batch_size, num_classes, epoch, learning_rate, key)
        return values if learning_rate is not None else values | PLANTED[epoch - 1]

    monkeypatch.setattr(fitting, "run_epoch", planted)
    member, seen = members(0, loss="huber", monitor=monitor)[0], []
    rows = (member.train_rows, member.val_rows)
    save = lambda state: seen.append({k: v.clone() for k, v in state.model.state_dict().items()})  # noqa: E731
    result = fit(member.model, member.windows, *rows, member.settings, FP32, spec_of(0), recorders(1)[0], save=save)
    assert result.best_epoch == best
    for name, value in member.model.state_dict().items():
        assert torch.equal(value, seen[best - 1][name])


def test_a_monitored_number_that_is_not_finite_ends_the_run_and_is_named() -> None:
    progress = Progress.start(TrainingConfig(), "mse")
    with pytest.raises(DivergedError, match=r"mse inf"):
        progress.observe({"loss": 1.0}, {"loss": 1.0, "mse": math.inf}, 1.0, 1.0)


@pytest.mark.parametrize("fields", [{"loss": HUBER}, {"loss": "mae", "monitor": "loss"}])
def test_members_of_a_fleet_keep_the_epochs_and_tell_the_numbers_that_they_do_alone(fields) -> None:
    apart, together = (members(0, **fields) for _ in range(2))
    for lone, one, result in zip(
        [alone(member, 0) for member in apart],
        zip(apart, together, strict=True),
        fit_fleet(together, FP32, spec_of(0), recorders(len(together))),
        strict=True,
    ):
        assert isinstance(result, FitResult)
        assert (result.monitor, result.epochs) == (lone.monitor, lone.epochs)
        assert result.history[0].keys() == lone.history[0].keys()
        assert result.best_loss == pytest.approx(lone.best_loss, rel=1e-4)
        assert result.best_epoch == lone.best_epoch
        assert largest_difference(one[0].model, one[1].model) < 1e-5


def test_alone_and_in_a_fleet_the_epoch_with_the_highest_f1_is_kept() -> None:
    apart, together = (members(3, monitor="f1") for _ in range(2))
    for result in (*(alone(member, 3) for member in apart), *fit_fleet(together, FP32, spec_of(3), recorders(5))):
        assert isinstance(result, FitResult)
        scores = [epoch["val_f1"] for epoch in result.history]
        assert (result.best_epoch, result.best_loss) == (1 + int(np.argmax(scores)), 1 - max(scores))


def test_members_that_monitor_different_numbers_are_no_fleet() -> None:
    one, other = members(0, loss="huber")[:2]
    with pytest.raises(ConfigError, match=r"training\.monitor"):
        fit_fleet(
            [one, replace(other, settings=other.settings.model_copy(update={"monitor": "loss"}))],
            FP32, spec_of(0), recorders(2),
        )  # fmt: skip


# ---- half-done runs


def keep_in(states: list[Any]):
    def keep(state: Any) -> None:
        tensors, values = state.to_tensors()
        states.append(({k: v.clone() for k, v in tensors.items()}, copy.deepcopy(values)))

    return keep


def as_0_1_kept_it(state: tuple[dict[str, torch.Tensor], dict[str, Any]]) -> tuple[dict[str, torch.Tensor], Any]:
    tensors, values = copy.deepcopy(state)
    for record in values.get("members", [values]):
        del record["monitor"]
    return tensors, values


@pytest.mark.parametrize("written_by", ["now", "0.1"])
def test_a_half_done_run_goes_on_with_what_it_monitored(written_by) -> None:
    now = {"loss": HUBER, "monitor": "auto" if written_by == "now" else "loss"}
    states: list[Any] = []
    whole, cut = members(0, **now)[1], members(0, loss=HUBER)[1]
    rows = (whole.train_rows, whole.val_rows)
    said = (FP32, spec_of(0), recorders(1)[0])
    undisturbed = fit(whole.model, whole.windows, *rows, whole.settings, *said, save=keep_in(states))
    saved = states[1] if written_by == "now" else as_0_1_kept_it(states[1])
    result = fit(cut.model, cut.windows, *rows, cut.settings, *said, saved=saved)
    assert result.monitor == ("mse" if written_by == "now" else "loss")
    assert (result.best_epoch, result.best_loss) == (undisturbed.best_epoch, undisturbed.best_loss)
    assert result.history[-1].keys() == undisturbed.history[-1].keys()
    assert largest_difference(whole.model, cut.model) == 0


@pytest.mark.parametrize("written_by", ["now", "0.1"])
def test_a_half_done_fleet_goes_on_with_what_it_monitored(written_by, tmp_path: Path) -> None:
    now = {"loss": HUBER, "monitor": "auto" if written_by == "now" else "loss"}
    states: list[Any] = []
    whole, cut = members(0, **now), members(0, loss=HUBER)
    undisturbed = fit_fleet(whole, FP32, spec_of(0), recorders(5), save=keep_in(states))
    tensors, values = states[1] if written_by == "now" else as_0_1_kept_it(states[1])

    class Kept:
        def to_tensors(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
            return tensors, values

    save_checkpoint(tmp_path / "state", Kept(), "key")
    resumed = fit_fleet(cut, FP32, spec_of(0), recorders(5), saved=load_checkpoint(tmp_path / "state", "key"))
    for one, other, a, b in zip(whole, cut, undisturbed, resumed, strict=True):
        assert isinstance(a, FitResult)
        assert isinstance(b, FitResult)
        assert (b.monitor, b.best_epoch, b.best_loss) == (a.monitor, a.best_epoch, a.best_loss)
        assert largest_difference(one.model, other.model) == 0


def test_a_record_keeps_what_it_monitors() -> None:
    progress = Progress.start(TrainingConfig(), "mae")
    progress.observe({"loss": 1.0}, {"loss": 1.0, "mae": 0.7}, 1.0, 1.0)
    again = Progress.start(TrainingConfig())
    again.load(json.loads(json.dumps(progress.to_dict())))
    assert again == progress


# ---- in a config


def test_the_names_of_the_setting_are_those_of_the_table() -> None:
    field = TrainingConfig.model_fields["monitor"]
    assert set(get_args(field.annotation)) == MONITORS.keys()


def test_the_default_leaves_the_digest_as_0_1_had_it_and_another_is_another_config() -> None:
    assert load_config().digest == load_config(assignments=["training.monitor=auto"]).digest
    assert load_config().digest != load_config(assignments=["training.monitor=loss"]).digest


@pytest.mark.parametrize(
    ("assignments", "words"),
    [
        (
            ["training.monitor=mse"],
            "training.monitor mse is for values, sequences and volatility; target.kind is triple_barrier",
        ),
        (["training.monitor=f1", "target.kind=forward_return"], "training.monitor f1 is for classes; target.kind is"),
        (["training.monitor=f1", "model.name=logistic"], "training.monitor is for networks"),
    ],
)
def test_a_number_that_there_is_not_is_refused_in_a_line(assignments, words) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(assignments=assignments)
    assert refused.value.message.startswith(words)


def test_an_unknown_number_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"training\.monitor 'accurracy'") as refused:
        load_config(assignments=["training.monitor=accurracy"])
    assert "did you mean 'accuracy'?" in (refused.value.hint or "")

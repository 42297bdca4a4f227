"""The training loop: what a step is, what is kept, and that a run cut off anywhere ends with the same weights.

A loop that restores the last epoch instead of the best, or forgets the optimizer's moments on resume, still trains.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gatewise.config.load import load_config
from gatewise.config.schema import RecurrentConfig, TrainingConfig
from gatewise.errors import DivergedError, MemoryExhaustedError
from gatewise.learners import neural, neural_fleet
from gatewise.models.registry import build_model
from gatewise.nn.initial import seeded
from gatewise.targets.outputs.classes import Classes
from gatewise.targets.outputs.values import Values
from gatewise.training import fit as fitting
from gatewise.training.device import choose_precision
from gatewise.training.fit import fit
from gatewise.training.inference import INFERENCE_BATCH, predict_outputs
from gatewise.training.losses import LOSSES
from gatewise.training.objective import Objective
from gatewise.training.optimizers import make_optimizer, trainable
from gatewise.training.progress import FitResult
from gatewise.training.step import Step, Totals
from gatewise.windows import Windows
from training_configs import training_config

CPU = torch.device("cpu")
FP32 = choose_precision("fp32", CPU)
STEPS = 5


class Recorder:
    def __init__(self) -> None:
        self.epochs: list[Mapping[str, float]] = []
        self.messages: list[str] = []
        self.steps = 0

    def on_step(self, epoch: int, step: int, num_steps: int) -> None:
        self.steps += 1

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        self.epochs.append(values)

    def on_message(self, text: str) -> None:
        self.messages.append(text)


def make_windows(num_classes: int = 2, rows: int = 400) -> Windows:
    """A series whose label is the sign of the last step's first feature."""
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(rows, 3)).astype(np.float32)
    plain = Windows(torch.from_numpy(matrix), torch.zeros(3), torch.ones(3), STEPS)
    if num_classes:
        return plain.supervised((matrix[:, 0] > 0).astype(np.int64), np.ones(rows, np.float32))
    return plain.supervised(matrix[:, :1] * 2, np.ones(rows, np.float32))


UP_DOWN = Classes(("down", "up"))
TRAIN, VAL = np.arange(STEPS, 300), np.arange(310, 400)


def settings(**changes: object) -> TrainingConfig:
    fields: dict[str, object] = {
        "batch_size": 64,
        "max_epochs": 4,
        "learning_rate": 0.02,
        "warmup_epochs": 0,
        "seed": 5,
    }
    return training_config(fields, **changes)


def small_model(name: str = "lstm", outputs: int = 2, dropout: float = 0.2) -> nn.Module:
    config = RecurrentConfig(name=name, hidden_size=8, num_layers=2, dropout=dropout)
    return build_model(config, 3, outputs, generator=seeded(11))


def run(model: nn.Module, config: TrainingConfig, listener: Recorder | None = None, **more: object) -> FitResult:
    return fit(model, make_windows(), TRAIN, VAL, config, FP32, UP_DOWN, listener or Recorder(), **more)


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [value.clone() for value in model.state_dict().values()]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def keep_in(states):
    """What keeps every state that a run saves, as a checkpoint would."""

    def keep(state) -> None:
        tensors, values = state.to_tensors()
        states.append(({k: v.clone() for k, v in tensors.items()}, copy.deepcopy(values)))

    return keep


def plant_val_losses(monkeypatch: pytest.MonkeyPatch, *losses: float) -> None:
    """Says what each epoch's validation loss is, whatever the weights: rounding must not choose the best."""
    evaluate = fitting.run_epoch

    def planted(step, rows, batch_size, num_classes, epoch, learning_rate=None, key=0):
        values = evaluate(step, rows, batch_size, num_classes, epoch, learning_rate, key)
        return values if learning_rate is not None else values | {"loss": losses[epoch - 1]}

    monkeypatch.setattr(fitting, "run_epoch", planted)


@pytest.mark.parametrize("scheduler", ["cosine", "plateau"])
@pytest.mark.parametrize("stop_after", [1, 3])
def test_a_run_cut_off_between_epochs_resumes_to_the_same_weights_bit_for_bit(scheduler, stop_after) -> None:
    config = settings(
        max_epochs=5,
        scheduler=scheduler,
        optimizer="adam",
        **({"plateau_patience": 0} if scheduler == "plateau" else {}),
    )
    whole, states = small_model(), []

    undisturbed = run(whole, config, save=keep_in(states))
    resumed = small_model()
    nn.init.zeros_(resumed.head.weight)  # whatever the fresh model holds, the checkpoint wins
    result = run(resumed, config, saved=states[stop_after - 1])
    assert same(weights(whole), weights(resumed))
    assert [e["val_loss"] for e in result.history] == [e["val_loss"] for e in undisturbed.history]


def test_a_run_cut_off_within_an_epoch_resumes_to_the_same_weights_bit_for_bit() -> None:
    config, states = settings(max_epochs=4), []

    class Killed(BaseException):
        pass

    class Killer(Recorder):
        def on_step(self, epoch: int, step: int, num_steps: int) -> None:
            if (epoch, step) == (3, 2):
                raise Killed

    with pytest.raises(Killed):
        run(small_model(), config, Killer(), save=keep_in(states))
    whole, resumed = small_model(), small_model()
    run(whole, config)
    run(resumed, config, saved=states[-1])
    assert same(weights(whole), weights(resumed))


@pytest.mark.parametrize("scheduler", ["constant", "plateau"])
def test_a_run_cut_off_after_its_best_epoch_stops_where_it_would_have_and_keeps_that_epoch(
    scheduler, monkeypatch
) -> None:
    plant_val_losses(monkeypatch, 0.5, 0.3, 0.4, 0.45, 0.31, 0.2)
    config = settings(
        max_epochs=6,
        early_stopping_patience=3,
        scheduler=scheduler,
        **({"plateau_patience": 1} if scheduler == "plateau" else {}),
    )
    whole, states = small_model(), []
    undisturbed = run(whole, config, save=keep_in(states))
    assert (undisturbed.best_epoch, undisturbed.epochs) == (2, 5)
    rates = [e["learning_rate"] for e in undisturbed.history]
    assert (rates[4] < rates[3]) == (scheduler == "plateau")
    for saved in states[undisturbed.best_epoch - 1 : -1]:
        resumed = small_model()
        result = run(resumed, config, saved=copy.deepcopy(saved))
        assert (result.epochs, result.best_epoch) == (undisturbed.epochs, undisturbed.best_epoch)
        assert [e["learning_rate"] for e in result.history] == [e["learning_rate"] for e in undisturbed.history]
        assert same(weights(whole), weights(resumed))


@pytest.mark.parametrize("best", [1, 3, 4])
def test_the_best_epochs_weights_are_left_in_the_model_not_the_last(best, monkeypatch) -> None:
    plant_val_losses(monkeypatch, *(0.3 if epoch == best else 0.5 for epoch in (1, 2, 3, 4)))
    model, seen = small_model(), []
    result = run(model, settings(max_epochs=4), save=lambda state: seen.append(weights(state.model)))
    assert (result.best_epoch, result.best_loss) == (best, 0.3)
    assert [same(weights(model), epoch) for epoch in seen] == [epoch == best for epoch in (1, 2, 3, 4)]


def test_early_stopping_ends_the_run_and_says_so() -> None:
    recorder = Recorder()
    result = run(small_model(), settings(max_epochs=50, min_delta=10.0, early_stopping_patience=2), recorder)
    assert result.epochs == 3
    assert any("patience=2" in message for message in recorder.messages)


def test_ctrl_c_keeps_the_best_weights_so_far_and_before_the_first_epoch_is_passed_on() -> None:
    class Impatient(Recorder):
        def __init__(self, epoch: int) -> None:
            super().__init__()
            self.at = epoch

        def on_step(self, epoch: int, step: int, num_steps: int) -> None:
            if epoch == self.at and step == 2:
                raise KeyboardInterrupt

    model, best = small_model(), []
    result = run(model, settings(), Impatient(3), save=lambda s: best.append([v.clone() for v in s.best.values()]))
    assert result.ended == "interrupted"
    assert result.epochs == 2
    assert same(weights(model), best[-1])
    with pytest.raises(KeyboardInterrupt):
        run(small_model(), settings(), Impatient(1))


def make_step(model: nn.Module, windows: Windows, piece: int, recorder: Recorder | None = None) -> Step:
    optimizer = make_optimizer("adamw", trainable(model), 0.01, weight_decay=0.0)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    return Step(
        model,
        optimizer,
        scaler,
        windows,
        Objective(LOSSES["cross_entropy"].build(), FP32),
        1.0,
        recorder or Recorder(),
        piece,
    )


def test_accumulated_pieces_make_the_step_of_the_whole_batch_with_class_weights_and_dropout() -> None:
    y = make_windows().y.numpy()
    windows = make_windows().supervised(y, np.where(y == 0, 3.0, 0.5).astype(np.float32))
    rows = torch.from_numpy(TRAIN[:50])
    models = [small_model(dropout=0.4).train() for _ in range(2)]
    totals = [Totals(2, CPU) for _ in models]
    for model, piece, total in zip(models, (64, 7), totals, strict=True):
        make_step(model, windows, piece).train(rows, total, key=3)
    for a, b in zip(weights(models[0]), weights(models[1]), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    assert totals[0].read() == pytest.approx(totals[1].read(), rel=1e-6)


def test_the_weighted_loss_is_that_of_torch_and_is_told_and_judged_without_weights() -> None:
    y = make_windows().y.numpy()
    class_weight = torch.tensor([3.0, 0.5])
    windows = make_windows().supervised(y, class_weight.numpy()[y], log_weight=class_weight.log().numpy())
    model, rows = small_model(dropout=0.0), torch.from_numpy(VAL)
    logits, truth = model(windows.gather(rows)), windows.y[rows]
    raised = nn.functional.cross_entropy(logits + class_weight.log(), truth, class_weight)
    plain = nn.functional.cross_entropy(logits, truth).item()
    step = make_step(model, windows, 16)
    expected = torch.autograd.grad(raised, list(model.parameters()))
    sums = step._gradients(rows, 0)
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)
    trained, judged = Totals(2, CPU), Totals(2, CPU)
    for part in sums:
        trained.add(*part)
    step.evaluate(rows, judged)
    assert trained.read()["loss"] == pytest.approx(plain, rel=1e-5)
    assert judged.read()["loss"] == pytest.approx(plain, rel=1e-5)


def test_macro_f1_and_accuracy_are_those_of_sklearn() -> None:
    from sklearn.metrics import accuracy_score, f1_score

    rng = np.random.default_rng(0)
    truth, logits = torch.from_numpy(rng.integers(0, 3, 200)), torch.from_numpy(rng.normal(size=(200, 3)))
    totals = Totals(3, CPU)
    for part in (slice(0, 90), slice(90, 200)):
        totals.add(torch.ones(2), logits[part], truth[part])
    said = logits.argmax(1)
    assert totals.read()["f1"] == pytest.approx(f1_score(truth, said, average="macro"))
    assert totals.read()["accuracy"] == pytest.approx(accuracy_score(truth, said))


class Cramped(nn.Module):
    """A model on a device with room for `room` windows."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.inner, self.room = small_model(dropout=0.0), room

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > self.room:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory")
        return self.inner(x)


def test_a_batch_too_large_for_memory_is_halved_and_said_and_trains_to_the_same_weights() -> None:
    roomy, cramped, recorder = small_model(dropout=0.0), Cramped(20), Recorder()
    run(roomy, settings(batch_size=16, max_epochs=2, learning_rate=1e-3))
    windows, rows = make_windows(), torch.from_numpy(TRAIN[:64])
    step = make_step(cramped.train(), windows, 64, recorder)
    step.train(rows, Totals(2, CPU))
    reference = small_model(dropout=0.0).train()
    make_step(reference, windows, 64).train(rows, Totals(2, CPU))
    for a, b in zip(weights(reference), weights(cramped), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    assert step.piece == 16
    assert "pieces of 16" in recorder.messages[-1]


def test_no_room_for_a_single_window_is_an_error_with_remedies() -> None:
    with pytest.raises(MemoryExhaustedError) as caught:
        make_step(Cramped(0).train(), make_windows(), 4).train(torch.from_numpy(TRAIN[:4]), Totals(2, CPU))
    assert "windows.sequence_length" in (caught.value.hint or "")


def test_no_room_for_the_model_itself_is_an_error_with_remedies(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: object) -> None:
        torch.empty(1 << 60, dtype=torch.uint8)

    monkeypatch.setattr(neural, "build", build)
    monkeypatch.setattr(neural_fleet, "choose_device", build)
    no: Any = None
    monkeypatch.setattr(neural_fleet, "_check_alike", lambda *_: None)
    task: Any = SimpleNamespace(config=load_config())
    for make in (
        lambda: neural.Neural().sketch(no, no, no, no),
        lambda: neural_fleet.train_fleet([task], []),
    ):
        with pytest.raises(MemoryExhaustedError, match="no room for the model") as caught:
            make()
        assert "model.hidden_size" in (caught.value.hint or "")


def test_a_loss_that_is_no_number_is_an_error() -> None:
    windows = make_windows()
    windows.matrix[100] = float("nan")
    with pytest.raises(DivergedError):
        fit(small_model(), windows, TRAIN, VAL, settings(), FP32, UP_DOWN, Recorder())


class Poison(Recorder):
    """Makes the series one that no loss survives, once so many epochs are done."""

    def __init__(self, matrix: torch.Tensor, after: int) -> None:
        super().__init__()
        self.matrix, self.after = matrix, after

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        super().on_epoch(epoch, values)
        if epoch == self.after:
            self.matrix[100] = float("nan")


def test_a_loss_that_is_no_number_after_finite_epochs_ends_the_training_with_the_best_of_them() -> None:
    windows, whole, model, states = make_windows(), small_model(), small_model(), []
    heard = Poison(windows.matrix, after=3)
    settled = settings(max_epochs=6, scheduler="constant")

    def save(state: Any) -> None:
        tensors, values = state.to_tensors()
        states.append((values["epoch"], values["diverged"]))
        assert all(tensor.isfinite().all() for name, tensor in tensors.items() if not name.startswith("optimizer/"))

    result = fit(model, windows, TRAIN, VAL, settled, FP32, UP_DOWN, heard, save=save)
    undisturbed = run(whole, settings(max_epochs=3, scheduler="constant"))
    assert (result.ended, result.epochs) == ("diverged", 3)
    assert any("epoch 4" in message for message in heard.messages)
    assert same(weights(model), weights(whole))
    assert (result.best_epoch, result.best_loss) == (undisturbed.best_epoch, undisturbed.best_loss)
    assert states[:3] == [(1, None), (2, None), (3, None)]
    assert [epoch for epoch, _ in states[3:]] == [3], "the state that is gone on from is a finite one"
    assert states[3][1].startswith("epoch 4 gave train nan"), "and says what came after it"


def test_a_run_goes_on_with_a_lower_rate_from_its_best_weights_and_says_so() -> None:
    saved: list[tuple[Any, Any]] = []
    run(small_model(), settings(max_epochs=2), save=lambda state: saved.append(copy.deepcopy(state.to_tensors())))
    heard, seen = Recorder(), []

    def look(state: Any) -> None:
        seen.append(state.progress.history[-1]["learning_rate"])

    result = run(
        small_model(),
        settings(max_epochs=4, learning_rate=0.002, scheduler="constant"),
        heard,
        saved=saved[-1],
        save=look,
    )
    assert result.epochs == 4
    assert seen == [0.002, 0.002]
    assert any("0.02 from epoch 1, 0.002 from epoch 3" in message for message in heard.messages)
    assert any("0.002 from epoch 3" in remark for remark in result.remarks)


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_regression_learns_a_linear_target(loss) -> None:
    torch.manual_seed(1)
    model, recorder = small_model(outputs=1, dropout=0.0), Recorder()
    fit(model, make_windows(0), TRAIN, VAL, settings(max_epochs=15, loss=loss), FP32, Values(("y",)), recorder)
    assert recorder.epochs[-1]["val_loss"] < 0.3 * recorder.epochs[0]["val_loss"]


def test_windows_per_epoch_bounds_the_steps_and_draws_afresh() -> None:
    recorder = Recorder()
    run(small_model(), settings(max_epochs=2, windows_per_epoch=100, batch_size=32), recorder)
    assert recorder.steps == 2 * 4


def test_a_row_scores_the_same_bits_whatever_stands_beside_it() -> None:
    model, windows = small_model().eval(), make_windows()
    rows = np.arange(STEPS, 400)
    whole = predict_outputs(model, windows, rows)
    for some in (rows[:1], rows[100:101], rows[37:120], rows[::-1].copy(), rows[-INFERENCE_BATCH - 1 :]):
        np.testing.assert_array_equal(predict_outputs(model, windows, some), whole[some - STEPS])

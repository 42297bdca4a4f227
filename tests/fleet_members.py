"""Small series, models and members that the tests of fleets share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gatewise.config.schema import MODEL_CONFIGS, TrainingConfig
from gatewise.models.registry import build_model
from gatewise.nn.initial import seeded
from gatewise.targets.outputs.base import OutputSpec
from gatewise.targets.outputs.classes import Classes
from gatewise.targets.outputs.values import Values
from gatewise.training.device import Precision, choose_precision, cpu_trains_bf16
from gatewise.training.fit import fit
from gatewise.training.fleet.fit import Member
from gatewise.training.progress import FitResult
from gatewise.windows import Windows
from training_configs import training_config

CPU = torch.device("cpu")
FP32 = choose_precision("fp32", CPU)
STEPS, FEATURES, ROWS = 5, 3, 400
SIZES = {"hidden_size": 8, "num_layers": 2}


class Recorder:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, int]] = []
        self.epochs: list[Mapping[str, float]] = []
        self.messages: list[str] = []

    def on_step(self, epoch: int, step: int, num_steps: int) -> None:
        self.steps.append((epoch, step, num_steps))

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        self.epochs.append(values)

    def on_message(self, text: str) -> None:
        self.messages.append(text)


def require_bf16() -> None:
    """Skips a test where bf16 does not work."""
    if not cpu_trains_bf16():
        pytest.skip("oneDNN trains no bf16 here")


def recorders(count: int) -> list[Recorder]:
    return [Recorder() for _ in range(count)]


def spec_of(num_classes: int = 2) -> OutputSpec:
    """What members predict: classes, or two numbers."""
    return Classes(tuple(map(str, range(num_classes)))) if num_classes else Values(("a", "b"))


def series(num_classes: int = 2, steps_scored: int = 1) -> Windows:
    """A series whose label depends on the last step's features."""
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(ROWS, FEATURES)).astype(np.float32)
    plain = Windows(torch.from_numpy(matrix), torch.zeros(FEATURES), torch.ones(FEATURES), STEPS, clip=4.0)
    if num_classes:
        y = np.digitize(matrix[:, 0], np.linspace(-0.5, 0.5, num_classes - 1)).astype(np.int64)
        return plain.supervised(y, np.ones(ROWS, np.float32), steps_scored)
    return plain.supervised(matrix[:, :2] * 2, np.ones(ROWS, np.float32), steps_scored)


def settings(**changes: object) -> TrainingConfig:
    fields: dict[str, object] = {
        "batch_size": 64,
        "max_epochs": 4,
        "learning_rate": 0.01,
        "warmup_epochs": 1,
        "seed": 5,
    }
    return training_config(fields, **changes)


def small_model(
    name: str, seed: int, dropout: float, outputs: int, readout: str = "last", **fields: object
) -> nn.Module:
    kind = MODEL_CONFIGS[name]
    config = kind(name=name, **kind.sized({**kind.tiny, "dropout": dropout, **SIZES, **fields}))
    return build_model(config, FEATURES, outputs, readout, generator=seeded(seed))


def various(name: str = "lstm", num_classes: int = 2, steps_scored: int = 1, **shared: object) -> list[Member]:
    """Members that differ in everything in which members may; called again it gives equal ones afresh."""
    windows, rng = series(num_classes, steps_scored), np.random.default_rng(8)
    own: list[dict[str, object]] = [
        {"seed": 1} | ({"momentum": 0.5} if shared.get("optimizer") == "sgd" else {}),
        {"seed": 2, "learning_rate": 0.03, "weight_decay": 0.1, "gradient_clip": None, "scheduler": "constant"},
        {"seed": 3, "scheduler": "plateau", "plateau_patience": 0, "plateau_factor": 0.3, "min_delta": 0.5},
        {"seed": 2, "max_epochs": 2, "gradient_clip": 0.1, "scheduler": "step", "step_size": 1, "weight_decay": 0.0},
        {"seed": 4, "scheduler": "exponential", "windows_per_epoch": 100, "min_delta": 10.0,
         "early_stopping_patience": 2},
    ]  # fmt: skip
    first, found = np.arange(STEPS + steps_scored, ROWS), []
    for k, changes in enumerate(own):
        cut = 150 + 35 * k
        center = rng.normal(size=FEATURES).astype(np.float32)
        scaled = replace(windows, center=torch.from_numpy(center), inverse_scale=torch.full((FEATURES,), 0.5 + 0.2 * k))
        assert scaled.row_weight is not None
        if k % 2:
            scaled = replace(scaled, row_weight=scaled.row_weight * torch.linspace(0.2, 2, ROWS))
        if num_classes and k in (2, 3):
            weight = np.linspace(0.5, 2.0 + k, num_classes).astype(np.float32)
            assert scaled.y is not None
            classes = torch.from_numpy(weight)[scaled.y]
            scaled = replace(scaled, row_weight=classes, log_weight=torch.from_numpy(np.log(weight)))
        if not num_classes:
            assert scaled.y is not None
            scaled = replace(scaled, y=scaled.y * (1 + k))
        outputs = num_classes or 2
        readout = "every" if steps_scored > 1 else "last"
        model = small_model(name, 10 + k, (0.3, 0.0, 0.5, 0.1, 0.2)[k], outputs, readout)
        train, val = first[first < cut], first[(first >= cut + 10) & (first < cut + 60 + 20 * k)]
        found.append(Member(model, scaled, train, val, settings(**(shared | changes))))
    return found


def alone(
    member: Member, num_classes: int = 2, listener: Recorder | None = None, precision: Precision = FP32
) -> FitResult:
    """Trains a member by itself, in place."""
    rows = (member.train_rows, member.val_rows)
    return fit(
        member.model, member.windows, *rows, member.settings, precision, spec_of(num_classes), listener or Recorder()
    )


def weights(model: nn.Module) -> list[Tensor]:
    return [value.clone() for value in model.state_dict().values()]


def largest_difference(a: nn.Module, b: nn.Module) -> float:
    return max(float((x - y).abs().max()) for x, y in zip(weights(a), weights(b), strict=True))

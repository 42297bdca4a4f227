"""Learning-rate schedules and stopping rules against torch's own and against the seeds' worked examples."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from gatewise.config.fields import chosen_sections
from gatewise.training.optimizers import OPTIMIZERS
from gatewise.training.schedules import SCHEDULES, Plateau, cosine, exponential, step
from gatewise.training.stopping import EarlyStopping


def reference_rates(make, epochs: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(optimizer)
    rates = []
    for _ in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def test_step_and_exponential_are_those_of_torch() -> None:
    theirs = reference_rates(lambda o: torch.optim.lr_scheduler.StepLR(o, 30, 0.1), 100)
    assert [step(30, 0.1)(e + 0.5) for e in range(100)] == pytest.approx(theirs)
    theirs = reference_rates(lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.95), 50)
    assert [exponential(0.95)(e + 0.99) for e in range(50)] == pytest.approx(theirs)


def test_cosine_without_warmup_is_that_of_torch() -> None:
    theirs = reference_rates(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 40), 40)
    assert [cosine(0, 40)(e) for e in range(40)] == pytest.approx(theirs)


def test_warmup_is_linear_from_zero_and_the_cosine_ends_at_zero() -> None:
    factor = cosine(5, 100)
    assert [factor(e) for e in (0, 1, 2.5, 5)] == pytest.approx([0, 0.2, 0.5, 1.0])
    assert factor(52.5) == pytest.approx(0.5)
    assert factor(100) == pytest.approx(0, abs=1e-12)


def test_a_run_shorter_than_its_warmup_still_reaches_its_peak() -> None:
    assert cosine(5, 2)(1.0) == pytest.approx(1.0)


@pytest.mark.parametrize("patience", [0, 3, 5])
def test_plateau_is_that_of_torch(patience) -> None:
    losses = [1.0, 0.9, 0.95, 0.9, 0.91, 0.9, 0.9, 0.89999, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.49, 0.49]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=patience)
    ours = Plateau(0.5, patience)
    for loss in losses:
        theirs.step(loss)
        ours.observe(loss)
        assert ours.scale == pytest.approx(optimizer.param_groups[0]["lr"])


def test_early_stopping_waits_for_patience_epochs_without_min_delta_and_keeps_the_lowest_loss() -> None:
    rule = EarlyStopping(patience=3, min_delta=0.01)
    seen = [rule.observe(epoch, loss) for epoch, loss in enumerate([1.0, 0.5, 0.495, 0.492, 0.6], start=1)]
    assert seen == [True, True, True, True, False]
    assert rule.best_epoch == 4, "the lowest loss is the best epoch, even when its lead is below min_delta"
    assert rule.should_stop


def test_early_stopping_ignores_nan() -> None:
    rule = EarlyStopping(patience=2, min_delta=0.0)
    assert not rule.observe(1, math.nan)
    assert rule.best_epoch == 0


@pytest.mark.parametrize(("path", "table"), [("training.optimizer", OPTIMIZERS), ("training.schedule", SCHEDULES)])
def test_every_option_has_an_entry_that_takes_its_fields(path: str, table: dict[str, Callable[..., object]]) -> None:
    options = chosen_sections()[(*path.split("."),)]
    assert options.keys() == table.keys()
    for name, kind in options.items():
        first = [torch.zeros(2)], 0.1
        assert table[name](*(first if path == "training.optimizer" else (10,)), **kind().model_dump(exclude={"name"}))

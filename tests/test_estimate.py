"""What people are told of the time that a training takes: it is what the steps that were timed come to.

An estimate from the first step, or a bar that is never set back, looks as good and is wrong by the epoch.
"""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from gatewise.cli import progress as drawing
from gatewise.cli.progress import EpochProgress
from gatewise.training.estimate import Estimate
from test_training import settings


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def told(
    step_seconds: float, num_steps: int, epochs: int = 10, val: int = 0, quicker=(), most: float | None = None
) -> list[str]:
    """What is said over two epochs of 10 windows a step, the first step of which takes a minute."""
    said: list[str] = []
    clock = Clock()
    estimate = Estimate(said.append, 10 * num_steps, val, epochs, quicker, clock, most)
    for epoch in (1, 2):
        began = clock.now
        for step in range(1, num_steps + 1):
            clock.now += 60.0 if (epoch, step) == (1, 1) else step_seconds
            estimate.on_step(epoch, step, num_steps)
        estimate.on_epoch(epoch, {"train_loss": 1.0, "seconds": clock.now - began})
    return said


def test_an_epoch_is_its_steps_and_the_validation_a_third_of_as_many_windows() -> None:
    assert told(1.0, 100) == ["About 1m 40s an epoch, up to 16m 40s in all (10 epochs; it may stop early)"]
    assert told(1.0, 100, val=600)[0].startswith("About 2m 00s an epoch, up to 20m 00s in all")


def test_it_is_said_once_from_whole_seconds_or_from_a_short_epoch() -> None:
    for step_seconds, num_steps in ((1.0, 100), (1e-3, 2)):
        assert len(told(step_seconds, num_steps, epochs=2)) == 1


def test_what_would_be_quicker_is_reckoned_from_the_same_steps_and_said_of_long_trainings() -> None:
    ways = [("windows.stride=4", 250)]
    assert "windows.stride=4 (about 25s an epoch)" in told(1.0, 100, quicker=ways)[1]
    assert len(told(1.0, 100, epochs=1, quicker=ways)) == 1


def test_no_more_time_is_announced_than_is_given() -> None:
    (said,) = told(1.0, 100, most=250.0, quicker=[("windows.stride=4", 250)])
    assert said == "About 1m 40s an epoch, up to 4m 10s in all (the time that it is given; 10 epochs would take longer)"
    assert told(1.0, 100, most=5000.0) == told(1.0, 100)


def test_a_model_that_is_fitted_once_is_not_estimated() -> None:
    said: list[str] = []
    Estimate(said.append, 100, 10, 100).on_epoch(1, {"train_loss": 1.0, "seconds": 5.0})
    assert said == []


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal of 80 columns that stderr goes to, on a clock of its own: a second passes at each look."""
    text, clock = io.StringIO(), Clock()
    text.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", text)
    console = Console(file=text, force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(drawing, "progress_console", lambda: console)

    def look() -> float:
        clock.now += 1.0
        return clock.now

    monkeypatch.setattr(drawing.time, "monotonic", look)
    return text


def bar_line(progress: EpochProgress) -> str:
    with progress.bar.console.capture() as caught:
        progress.bar.console.print(progress.bar.get_renderable())
    return caught.get().rstrip("\n")


def test_each_epoch_has_its_own_time_left_and_the_line_fits(screen: io.StringIO) -> None:
    progress = EpochProgress(settings(max_epochs=100), quiet=False)
    for epoch, loss in ((1, 0.5), (2, 0.4), (3, 0.6)):
        for step in range(1, 51):
            progress.on_step(epoch, step, 100)
        line = bar_line(progress)
        assert f"Epoch {epoch}/100" in line
        assert "50s left" in line  # 49 steps in 49 looks
        assert len(line) <= 80
        assert "\n" not in line
        assert ("best: " in line) == (epoch > 1)
        progress.on_epoch(epoch, {"train_loss": loss, "val_loss": loss, "seconds": 120.0})
    progress.on_step(4, 1, 100)
    progress.on_step(4, 2, 100)
    assert "at most 3h 13m in all" in bar_line(progress)  # 98 s, and 96 epochs of two minutes
    assert "best: 2" in bar_line(progress)


def test_off_a_terminal_there_is_a_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    with EpochProgress(settings(max_epochs=2), quiet=False) as progress:
        for step in (1, 2, 3):
            progress.on_step(1, step, 3)
        progress.on_epoch(1, {"train_loss": 1.0, "val_loss": 2.0, "seconds": 3.0})
    assert capsys.readouterr().err == "Epoch 1/2:  train_loss=1.0000  val_loss=2.0000  time=3.0s\n"

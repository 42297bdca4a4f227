"""Real training steps on a model that is thrown away, to measure what this machine takes and which batch it likes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gatewise.config.schema import TrainingConfig
from gatewise.errors import MemoryExhaustedError
from gatewise.host import available_memory, choose_threads
from gatewise.isolation import plain_numbers
from gatewise.models.base import Network
from gatewise.targets.outputs.base import OutputSpec
from gatewise.training.batch_size import BatchSizeChoice, measure_batch_size
from gatewise.training.crew import Crew, crew
from gatewise.training.device import Precision
from gatewise.training.listeners import Listeners
from gatewise.training.objective import make_objective
from gatewise.training.optimizers import make_optimizer, trainable
from gatewise.training.step import Step, Totals, piece_of
from gatewise.windows import Windows

PACED_SECONDS = 1.5


@plain_numbers()
def try_batch_sizes(
    model: Network,
    windows: Windows,
    rows: Tensor,
    settings: TrainingConfig,
    precision: Precision,
    spec: OutputSpec,
    memory_bytes: Callable[[int], int] | None = None,
) -> BatchSizeChoice:
    """Measures batch sizes by doing steps with them; `model` comes out spoilt.

    Args:
        rows: int64 [n] on the device, rows that end training windows.
        memory_bytes: what a step takes by its batch size; `None` where there is no account.

    Raises:
        MemoryExhaustedError: not even the smallest size fits.
    """
    threads = choose_threads()[0] if rows.device.type == "cpu" else 1
    available = available_memory() if rows.device.type == "cpu" else None
    with crew(threads) as members:
        step = _real_step(model, windows, settings, precision, spec, members)

        def one_step(batch_size: int) -> None:
            step.piece = planned = piece_of(model, batch_size, windows.sequence_length, rows.device)
            _train(step, rows[:batch_size], spec)
            if step.piece < planned:
                raise MemoryExhaustedError(f"{batch_size} windows do not fit at once")

        return measure_batch_size(one_step, len(rows), memory_bytes=memory_bytes, available_bytes=available)


@dataclass(frozen=True)
class Pace:
    """Seconds that a window takes: in a training step, and where it is only judged."""

    train_seconds: float
    val_seconds: float


@plain_numbers()
def measure_pace(
    model: Network,
    windows: Windows,
    rows: Tensor,
    settings: TrainingConfig,
    precision: Precision,
    spec: OutputSpec,
    clock: Callable[[], float] = time.perf_counter,
) -> Pace:
    """Times steps of the configured batch size, the first of which, which builds what a shape needs, is left out.

    `model` comes out spoilt. It takes about two seconds, or a few steps where one takes longer.

    Args:
        rows: int64 [n] on the device, rows that end training windows, at least a batch.

    Raises:
        MemoryExhaustedError: not even one window fits.
    """
    rows_B = rows[: settings.batch_size]
    with crew(choose_threads()[0] if rows.device.type == "cpu" else 1) as members:
        step = _real_step(model, windows, settings, precision, spec, members)
        step.piece = piece_of(model, len(rows_B), windows.sequence_length, rows.device)
        train = _seconds(lambda: _train(step, rows_B, spec), PACED_SECONDS, clock)
        model.eval()
        with torch.no_grad():
            val = _seconds(lambda: _judge(step, rows_B, spec), PACED_SECONDS / 2, clock)
    return Pace(train / len(rows_B), val / len(rows_B))


def _seconds(work: Callable[[], None], least_seconds: float, clock: Callable[[], float]) -> float:
    """Mean of what it takes, over a stretch, the first time left out."""
    work()
    began, times = clock(), 0
    while True:
        work()
        times += 1
        if (passed := clock() - began) >= least_seconds:
            return passed / times


def _train(step: Step, rows_B: Tensor, spec: OutputSpec) -> None:
    totals = Totals(len(spec.classes), rows_B.device)
    step.train(rows_B, totals)
    totals.read()  # waits for the device


def _judge(step: Step, rows_B: Tensor, spec: OutputSpec) -> None:
    totals = Totals(len(spec.classes), rows_B.device, step.objective.reported)
    step.evaluate(rows_B, totals)
    totals.read()


def _real_step(
    model: Network,
    windows: Windows,
    settings: TrainingConfig,
    precision: Precision,
    spec: OutputSpec,
    members: Crew,
) -> Step:
    model.train()
    return Step(
        model,
        make_optimizer(parameters=trainable(model), learning_rate=settings.learning_rate, **dict(settings.optimizer)),
        torch.amp.GradScaler(windows.matrix.device.type, enabled=precision.scale_gradients),
        windows,
        make_objective(settings, precision, spec),
        settings.gradient_clip,
        Listeners(()),
        piece=1,
        crew=members,
    )

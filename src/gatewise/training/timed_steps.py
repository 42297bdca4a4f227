"""Real training steps on a model that is thrown away, to measure which batch size this machine likes."""

from __future__ import annotations

from collections.abc import Callable

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
from gatewise.training.step import Step, Totals, piece_rows
from gatewise.windows import Windows


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
        step = _real_step(model, windows, rows, settings, precision, spec, members)
        return measure_batch_size(step, len(rows), memory_bytes=memory_bytes, available_bytes=available)


def _real_step(
    model: Network,
    windows: Windows,
    rows: Tensor,
    settings: TrainingConfig,
    precision: Precision,
    spec: OutputSpec,
    members: Crew,
) -> Callable[[int], None]:
    model.train()
    num_weights = sum(parameter.numel() for parameter in model.parameters())
    step = Step(
        model,
        make_optimizer(parameters=trainable(model), learning_rate=settings.learning_rate, **dict(settings.optimizer)),
        torch.amp.GradScaler(rows.device.type, enabled=precision.scale_gradients),
        windows,
        make_objective(settings, precision, spec),
        settings.gradient_clip,
        Listeners(()),
        piece=1,
        crew=members,
    )

    def one_step(batch_size: int) -> None:
        step.piece = planned = piece_rows(batch_size, windows.sequence_length, num_weights, rows.device)
        totals = Totals(len(spec.classes), rows.device)
        step.train(rows[:batch_size], totals)
        totals.read()  # waits for the device
        if step.piece < planned:
            raise MemoryExhaustedError(f"{batch_size} windows do not fit at once")

    return one_step

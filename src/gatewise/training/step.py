"""One optimizer step: a batch cut into pieces, which the crew's threads run side by side and whose gradients add up.

On CPUs a piece is small enough for its activations to stay near the caches; on a GPU it is the whole batch until memory
runs out. Only the pieces that run hold activations, so memory depends on the piece and not on the batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn

from gatewise.clocks import OPTIMIZER, stage
from gatewise.errors import MemoryExhaustedError
from gatewise.models.base import SMALLEST_PIECE, Network
from gatewise.nn.dropout import drawing
from gatewise.training.crew import Crew
from gatewise.training.gradients import Gradients
from gatewise.training.listeners import Listener
from gatewise.training.monitor import LOSS
from gatewise.training.objective import Objective
from gatewise.training.optimizers import Optimizer
from gatewise.windows import Batch, Windows

# `Objective.sums`, outputs [N, K], y [N, …].
Sums = tuple[Tensor, Tensor, Tensor]

REMEDIES = "try training.batch_size=256, windows.sequence_length=30, model.hidden_size=128 or model.num_layers=1"


# Floating-point operations that a piece should hold at least (some 4 ms): smaller ones spend their gain on waiting for
# Python's lock. Two pieces of 32 windows of 10 steps came to 11,100 windows/s, one piece of 64 to 14,500.
PIECE_OPERATIONS = 2.5e8
LARGEST_PIECE, ENOUGH_PIECES = 64, 8


def piece_rows(
    batch_size: int, sequence_length: int, num_weights: int, device: torch.device, least: int = SMALLEST_PIECE
) -> int:
    """Windows in a piece: a function of shapes alone, so that results do not depend on how many threads there are.

    A piece holds at least `least` windows and enough work, and at most 64 where those are enough work: larger ones gain
    no speed and cost memory. Below eight pieces their number is a power of two, so that threads end together. The whole
    batch on a GPU.
    """
    if device.type != "cpu":
        return batch_size
    enough = PIECE_OPERATIONS / (6.0 * sequence_length * num_weights)
    wanted = max(least, enough, min(LARGEST_PIECE, batch_size / ENOUGH_PIECES))
    pieces = max(1, int(batch_size / wanted))
    if pieces < ENOUGH_PIECES:
        pieces = 1 << (pieces.bit_length() - 1)
    return -(-batch_size // pieces)


def piece_of(model: Network, batch_size: int, sequence_length: int, device: torch.device) -> int:
    """Windows in a piece of a model's batch."""
    weights = sum(parameter.numel() for parameter in model.parameters())
    return piece_rows(batch_size, sequence_length, weights, device, model.least_piece)


@dataclass
class Step:
    """What a step needs, and the piece size that fits the device's memory.

    Attributes:
        piece: most windows in one forward and backward pass; gradients accumulate over pieces, so the step is that of
            the whole batch.
    """

    model: nn.Module
    optimizer: Optimizer
    scaler: torch.amp.GradScaler
    windows: Windows
    objective: Objective
    gradient_clip: float | None
    listener: Listener
    piece: int
    crew: Crew = field(default_factory=lambda: Crew(1))

    def __post_init__(self) -> None:
        self._sum = Gradients([self.optimizer.parameters])

    def train(self, rows_B: Tensor, totals: Totals, key: int = 0) -> None:
        """Forward, backward, clip, update; halves `piece` and tries again when memory runs out.

        Args:
            key: what dropout draws from in this step, below 2^63.
        """
        on_cpu = rows_B.device.type == "cpu"
        drawn = key if on_cpu else torch.full((), key, dtype=torch.int64, device=rows_B.device)
        while True:
            try:
                sums = self._gradients(rows_B, drawn)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self.piece == 1:
                    raise MemoryExhaustedError("the device has no room for a single window", REMEDIES) from error
                self.piece = max(1, min(self.piece, len(rows_B)) // 2)
                self.listener.on_message(
                    f"out of memory: batches of {len(rows_B)} now run in pieces of {self.piece}, gradients accumulated"
                )
        optimizer = cast(torch.optim.Optimizer, self.optimizer)  # it has all that a GradScaler asks of one
        with stage(OPTIMIZER):
            self.scaler.unscale_(optimizer)
            if self.gradient_clip is not None:
                self._sum.clip(self.gradient_clip)
            self.scaler.step(optimizer)
            self.scaler.update()
        for part in sums:
            totals.add(*part)

    def evaluate(self, rows_B: Tensor, totals: Totals) -> None:
        """Forward only; for an epoch in evaluation mode."""
        windows, pieces = self.windows.judged(), rows_B.split(self.piece)
        self.crew.take(
            len(pieces), lambda i: self._forward(windows.batch(pieces[i]))[1], lambda sums: totals.add(*sums)
        )

    def _gradients(self, rows_B: Tensor, key: Tensor | int) -> list[Sums]:
        """Leaves the batch's gradients in the parameters; returns the pieces' sums."""
        pieces = rows_B.split(self.piece)
        whole = self.windows.weight_of(rows_B).clamp_min(1e-12)
        sums: list[Sums] = []

        def work(index: int) -> tuple[tuple[Tensor | None, ...], Sums]:
            with stage("data"):
                batch = self.windows.batch(pieces[index])
            with stage("forward"), drawing(key, first_row=index * self.piece):
                loss_N, part = self._forward(batch)
                loss = (loss_N * batch.weight).sum()
            with stage("backward"):
                scaled = self.scaler.scale(loss / whole)
                return torch.autograd.grad(scaled, self._sum.parameters, allow_unused=True), part

        def collect(part: tuple[tuple[Tensor | None, ...], Sums]) -> None:
            (self._sum.add if sums else self._sum.set)(part[0])
            sums.append(part[1])

        self.crew.take(len(pieces), work, collect)
        return sums

    def _forward(self, batch: Batch) -> tuple[Tensor, Sums]:
        """The loss of each of a piece's samples as it is trained on, and its sums as they are told, detached."""
        loss_N, outputs_NK = self.objective(self.model, batch)
        plain_NK = outputs_NK.detach()
        return loss_N, (self.objective.sums(loss_N.detach(), plain_NK, batch), plain_NK, batch.y)


class Totals:
    """Sums of an epoch, kept on the device; read once at its end.

    Args:
        num_classes: 0 for regression.
        reported: names of the sums; see `Objective.reported`.
    """

    def __init__(self, num_classes: int, device: torch.device, reported: Sequence[str] = (LOSS,)) -> None:
        self.num_classes, self.reported = num_classes, reported
        self.sums = torch.zeros(len(reported) + 1, dtype=torch.float64, device=device)
        self.confusion = torch.zeros(num_classes * num_classes, dtype=torch.int64, device=device)

    def add(self, sums: Tensor, outputs_NK: Tensor, y_N: Tensor) -> None:
        """Takes a batch in without waiting for the device."""
        self.sums += sums
        if self.num_classes:
            cell = y_N * self.num_classes + outputs_NK.argmax(dim=1)
            self.confusion.scatter_add_(0, cell, torch.ones_like(cell))

    def read(self) -> dict[str, float]:
        """The mean of each that is told, and for classes accuracy and macro f1. Waits for the device."""
        *sums, count = self.sums.tolist()
        values = {
            name: total / count if count else float("nan") for name, total in zip(self.reported, sums, strict=True)
        }
        if self.num_classes:
            table = self.confusion.view(self.num_classes, -1).double().cpu()
            hits, truth, predicted = table.diagonal(), table.sum(1), table.sum(0)
            f1 = 2 * hits / (truth + predicted).clamp_min(1)
            present = (truth + predicted) > 0
            values["accuracy"] = float(hits.sum() / table.sum().clamp_min(1))
            values["f1"] = float(f1[present].mean()) if bool(present.any()) else 0.0
        return values


@contextmanager
def within_memory() -> Iterator[None]:
    """Says in one line that there is no room where torch raises a bare error, as for weights and what optimizers keep.

    Raises:
        MemoryExhaustedError: memory ran out within.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryExhaustedError("the device has no room for the model", REMEDIES) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of torch or Python means that memory ran out, on the CPU or a GPU."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)

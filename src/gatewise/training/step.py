"""One optimizer step, cut into smaller pieces when the device has no room for the batch at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from gatewise.errors import MemoryExhaustedError
from gatewise.nn.dropout import drawing
from gatewise.training.device import Precision
from gatewise.training.listeners import Listener
from gatewise.training.losses import Loss
from gatewise.windows import Windows

REMEDIES = "try --batch-size 256, --seq-len 30, --hidden-size 128 or --num-layers 1"


@dataclass
class Step:
    """What a step needs, and the piece size that fits the device's memory.

    Attributes:
        piece: most windows in one forward and backward pass; gradients accumulate over pieces, so the step is that of
            the whole batch.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    windows: Windows
    loss: Loss
    precision: Precision
    gradient_clip: float | None
    listener: Listener
    piece: int

    def train(self, rows_B: Tensor, totals: Totals, key: int = 0) -> None:
        """Forward, backward, clip, update; halves `piece` and tries again when memory runs out.

        Args:
            key: what dropout draws from in this step, below 2^63.
        """
        key_scalar = torch.full((), key, dtype=torch.int64, device=rows_B.device)
        while True:
            try:
                sums = self._gradients(rows_B, key_scalar)
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
        self.scaler.unscale_(self.optimizer)
        if self.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.gradient_clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        totals.add(*sums)

    def evaluate(self, rows_B: Tensor, totals: Totals) -> None:
        """Forward only; for an epoch in evaluation mode."""
        totals.add(*self._forward(replace(self.windows, steps_scored=1), rows_B)[1:])

    def _gradients(self, rows_B: Tensor, key: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        self.optimizer.zero_grad(set_to_none=True)
        parts = []
        pieces = rows_B.split(self.piece)
        for number, rows in enumerate(pieces):
            with drawing(key, first_row=number * self.piece):
                mean, *sums = self._forward(self.windows, rows)
            share = 1.0 if len(pieces) == 1 else sums[1] / self.windows.weight_of(rows_B)
            self.scaler.scale(mean * share).backward()
            parts.append(sums)
        if len(parts) == 1:
            return parts[0][0], parts[0][1], parts[0][2], parts[0][3]
        loss, weight = (torch.stack([part[i] for part in parts]).sum() for i in (0, 1))
        return loss, weight, torch.cat([part[2] for part in parts]), torch.cat([part[3] for part in parts])

    def _forward(self, windows: Windows, rows_B: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """(mean loss, summed loss, summed weight, outputs [N, K], y [N, …]); all but the first detached."""
        batch = windows.batch(rows_B)
        with self.precision.autocast(batch.x_BTF.device):
            outputs = self.model(batch.x_BTF)
        if outputs.dim() == 3:
            outputs = outputs[:, -windows.steps_scored :].flatten(0, 1)
        outputs = outputs.float()
        loss = (self.loss(outputs, batch.y) * batch.weight).sum()
        weight = batch.weight.sum()
        return loss / weight.clamp_min(1e-12), loss.detach(), weight, outputs.detach(), batch.y


class Totals:
    """Sums of an epoch, kept on the device; read once at its end.

    Args:
        num_classes: 0 for regression.
    """

    def __init__(self, num_classes: int, device: torch.device) -> None:
        self.num_classes = num_classes
        self.sums = torch.zeros(2, dtype=torch.float64, device=device)
        self.confusion = torch.zeros(num_classes * num_classes, dtype=torch.int64, device=device)

    def add(self, loss: Tensor, weight: Tensor, outputs_NK: Tensor, y_N: Tensor) -> None:
        """Takes a batch in without waiting for the device."""
        self.sums += torch.stack((loss, weight))
        if self.num_classes:
            cell = y_N * self.num_classes + outputs_NK.argmax(dim=1)
            self.confusion.scatter_add_(0, cell, torch.ones_like(cell))

    def read(self) -> dict[str, float]:
        """loss, and for classes accuracy and macro f1. Waits for the device."""
        loss, weight = self.sums.tolist()
        values = {"loss": loss / weight if weight else float("nan")}
        if self.num_classes:
            table = self.confusion.view(self.num_classes, -1).double().cpu()
            hits, truth, said = table.diagonal(), table.sum(1), table.sum(0)
            f1 = 2 * hits / (truth + said).clamp_min(1)
            present = (truth + said) > 0
            values["accuracy"] = float(hits.sum() / table.sum().clamp_min(1))
            values["f1"] = float(f1[present].mean()) if bool(present.any()) else 0.0
        return values


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of torch or Python means that memory ran out, on the CPU or a GPU."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)

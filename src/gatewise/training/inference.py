"""Outputs of a model over windows: the one forward path of evaluation, files and live rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gatewise.host import choose_threads
from gatewise.training.crew import crew
from gatewise.training.device import Precision
from gatewise.windows import Windows

# Every forward pass has this batch size, the last one padded: matrix products of one shape give a row the same bits
# whatever stands beside it, so a live bar scores exactly as it did in validation.
INFERENCE_BATCH = 64


def predict_outputs(
    model: nn.Module, windows: Windows, rows: npt.NDArray[np.int64], precision: Precision | None = None
) -> npt.NDArray[np.float32]:
    """Outputs [len(rows), outputs] float32 of the windows that end at `rows`; fp32 unless `precision` says else."""
    if not len(rows):
        raise ValueError("rows must not be empty")
    device = windows.matrix.device
    padded = np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % INFERENCE_BATCH)])
    batches = torch.from_numpy(padded).to(device).split(INFERENCE_BATCH)
    outputs: list[Tensor] = []

    def work(index: int) -> Tensor:
        x_BTF = windows.gather(batches[index])
        if precision is None:
            return torch.as_tensor(model(x_BTF))
        with precision.autocast(device):
            return torch.as_tensor(model(x_BTF).float())

    was_training = model.training
    model.eval()
    threads = choose_threads()[0] if device.type == "cpu" else 1
    with torch.inference_mode(), crew(min(threads, len(batches))) as members:
        members.take(len(batches), work, outputs.append)
    model.train(was_training)
    return np.asarray(torch.cat(outputs)[: len(rows)].cpu().numpy())

"""Outputs of a model over windows: the one forward path of evaluation, files and live rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from gatewise.training.device import Precision
from gatewise.windows import Windows

# Every forward pass has this batch size, the last one padded: matrix products of one shape give a row the same bits
# whatever stands beside it, so a live bar scores exactly as it did in validation.
INFERENCE_BATCH = 64


def predict_outputs(
    model: nn.Module, windows: Windows, rows: npt.NDArray[np.int64], precision: Precision | None = None
) -> npt.NDArray[np.float32]:
    """Outputs [len(rows), outputs] float32 of the windows that end at `rows`; fp32 unless `precision` says else."""
    device = windows.matrix.device
    padded = np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % INFERENCE_BATCH)])
    was_training = model.training
    model.eval()
    chunks = []
    with torch.inference_mode():
        for rows_B in torch.from_numpy(padded).to(device).split(INFERENCE_BATCH):
            if precision is None:
                chunks.append(model(windows.gather(rows_B)))
            else:
                with precision.autocast(device):
                    chunks.append(model(windows.gather(rows_B)).float())
    model.train(was_training)
    if not chunks:
        raise ValueError("rows must not be empty")
    outputs: npt.NDArray[np.float32] = torch.cat(chunks)[: len(rows)].cpu().numpy()
    return outputs

"""Outputs of a model over windows: the one forward path of evaluation, files and live rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gatewise.host import choose_threads
from gatewise.training.crew import crew
from gatewise.windows import Windows

# Every forward pass has this batch size, the last one padded: matrix products of one shape give a row the same bits
# whatever stands beside it, so a live bar scores exactly as it did in validation.
INFERENCE_BATCH = 64


def predict_outputs(model: nn.Module, windows: Windows, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Outputs [len(rows), outputs] of the windows that end at `rows`, in fp32 whatever precision trained the model.

    The model must be in eval mode: switched here, it would be switched for predictions of other threads, too.
    """
    assert not model.training
    return over_windows(windows, rows, model)


def over_windows(
    windows: Windows, rows: npt.NDArray[np.int64], forward: Callable[..., Tensor]
) -> npt.NDArray[np.float32]:
    """What `forward` makes of the windows that end at `rows`, [len(rows), …]."""
    assert len(rows)
    device = windows.matrix.device
    padded = np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % INFERENCE_BATCH)])
    batches = torch.from_numpy(padded).to(device).split(INFERENCE_BATCH)
    outputs: list[Tensor] = []
    threads = choose_threads()[0] if device.type == "cpu" else 1
    with torch.inference_mode(), crew(min(threads, len(batches))) as members:
        members.take(len(batches), lambda index: forward(*windows.inputs(batches[index])), outputs.append)
    return np.asarray(torch.cat(outputs)[: len(rows)].cpu().numpy())

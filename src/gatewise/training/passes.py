"""Further passes of a trained network over newer rows: its optimizer goes on, at a constant rate, and nothing stops it.

What a pass draws is a pure function of (seed, update, pass), so a chain of updates that was cut off goes on exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from gatewise.config.schema import TrainingConfig
from gatewise.errors import DivergedError
from gatewise.host import choose_threads
from gatewise.isolation import plain_numbers
from gatewise.models.base import Network
from gatewise.nn.dropout import epoch_key
from gatewise.targets.outputs.base import OutputSpec
from gatewise.training.crew import crew
from gatewise.training.device import Precision
from gatewise.training.fit import Rows, run_epoch
from gatewise.training.listeners import Listeners
from gatewise.training.monitor import LOSS, choose_monitor
from gatewise.training.objective import make_objective
from gatewise.training.optimizers import make_optimizer, trainable
from gatewise.training.step import Step, piece_of
from gatewise.windows import Windows, epoch_order, mix_seed


@plain_numbers()
def run_passes(
    model: Network,
    windows: Windows,
    rows: Rows,
    settings: TrainingConfig,
    precision: Precision,
    spec: OutputSpec,
    optimizer_state: Mapping[str, Tensor],
    passes: int,
    update: int,
) -> dict[str, Tensor]:
    """Trains `model` in place on `rows`, each once a pass (of more than `windows_per_epoch` so many, drawn anew each
    time), and gives the optimizer's state.

    Args:
        settings: their learning rate is that of every step.
        optimizer_state: what it goes on from; empty: it begins anew.
        update: number of the update, which with the seed decides order and dropout.

    Raises:
        DivergedError: a loss or a weight is no longer finite; the model is then worth nothing.
    """
    device = windows.matrix.device
    optimizer = make_optimizer(
        parameters=trainable(model), learning_rate=settings.learning_rate, **dict(settings.optimizer)
    )
    if optimizer_state:
        optimizer.load(optimizer_state)
    objective = make_objective(settings, precision, spec, choose_monitor(settings, spec))
    scaler = torch.amp.GradScaler(device.type, enabled=precision.scale_gradients)
    piece = piece_of(model, settings.batch_size, windows.sequence_length, device)
    threads = choose_threads()[0] if device.type == "cpu" else 1
    learned, seed = torch.from_numpy(rows).to(device), mix_seed(settings.seed, update)
    with crew(threads) as members:
        listener = Listeners(())
        step = Step(model, optimizer, scaler, windows, objective, settings.gradient_clip, listener, piece, members)
        for number in range(passes):
            order = epoch_order(learned, seed, number, settings.windows_per_epoch)
            key = epoch_key(seed, number)
            losses = run_epoch(
                step, order, settings.batch_size, len(spec.classes), number + 1, lambda _: settings.learning_rate, key
            )
            finite = all(bool(torch.isfinite(weight).all()) for weight in model.state_dict().values())
            if not math.isfinite(losses[LOSS]) or not finite:
                raise DivergedError(
                    f"the loss must stay finite; pass {number + 1} of update {update} gave {losses[LOSS]}",
                    "lower online.learning_rate",
                )
    return {name: tensor.detach().cpu().clone() for name, tensor in optimizer.tensors().items()}

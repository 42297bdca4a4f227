"""The recurrent stack as one functional op, and the seam behind which its backends stand.

    recurrent(x_BTF, weights, initial, shape, readout) -> h

With `readout="last"` only the last step is read, so the top layer's reverse direction is one cell step instead of T:
exact, and a third of the work of a two-layer bidirectional stack. One-directional, the last state is taken as is.

Shapes: B batch, T steps, F features, H hidden, D directions (1 or 2), L layers.
Weights come in torch's flat order: for each layer and direction w_ih [G·H, in], w_hh [G·H, H], b_ih [G·H], b_hh [G·H],
G = 4 gates for lstm (i, f, g, o) and 3 for gru (r, z, n).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Cell = Literal["lstm", "gru"]
Readout = Literal["last", "every"]
# h0 and c0, each [L·D, B, H]; gru has no c0.
State = tuple[Tensor, ...]

WEIGHTS_A_DIRECTION = 4
GATES: dict[Cell, int] = {"lstm": 4, "gru": 3}


@dataclass(frozen=True)
class StackShape:
    """What the weights alone do not say about a stack."""

    cell: Cell
    hidden_size: int
    num_layers: int
    bidirectional: bool
    dropout: float = 0.0  # between layers, in training only

    @property
    def num_directions(self) -> int:
        return 2 if self.bidirectional else 1


def recurrent(
    x_BTF: Tensor,
    weights: Sequence[Tensor],
    initial: State | None,
    shape: StackShape,
    readout: Readout,
    training: bool,
) -> Tensor:
    """Runs the stack.

    Args:
        x_BTF: float tensor; a transposed view of time-major memory costs no copy.
        weights: flat, in torch's order (head of this file).
        initial: h0 (and c0 for lstm), zeros when `None`.
        readout: `last` gives [B, D·H] as `nn.LSTM(x)[0][:, -1]` would; `every` gives [B, T, D·H].
        training: whether dropout between layers is on.
    """
    return BACKENDS[x_BTF.device.type](x_BTF, weights, initial, shape, readout, training)


def _layerwise(
    x_BTF: Tensor, weights: Sequence[Tensor], initial: State | None, shape: StackShape, readout: Readout, training: bool
) -> Tensor:
    """torch's fused layers: oneDNN for lstm on CPUs, cuDNN on GPUs."""
    directions = shape.num_directions
    if initial is None:
        zeros = x_BTF.new_zeros(shape.num_layers * directions, x_BTF.shape[0], shape.hidden_size)
        initial = (zeros, zeros) if shape.cell == "lstm" else (zeros,)
    top = WEIGHTS_A_DIRECTION * directions
    cut = readout == "last" and shape.bidirectional
    if not cut:
        out_BTH, last = _fused(x_BTF, initial, weights, shape, shape.num_layers, shape.bidirectional, training)
        return last[-1] if readout == "last" else out_BTH
    below = x_BTF
    if shape.num_layers > 1:
        lower = tuple(state[:-directions] for state in initial)
        below, _ = _fused(x_BTF, lower, weights[:-top], shape, shape.num_layers - 1, True, training)
        below = functional.dropout(below, shape.dropout, training)
    forward, reverse = weights[-top:-WEIGHTS_A_DIRECTION], weights[-WEIGHTS_A_DIRECTION:]
    _, last = _fused(below, tuple(state[-2:-1] for state in initial), forward, shape, 1, False, training)
    first_reverse = _cell_step(below[:, -1], tuple(state[-1] for state in initial), reverse, shape.cell)
    return torch.cat((last[-1], first_reverse), dim=1)


def _fused(
    x_BTF: Tensor,
    state: State,
    weights: Sequence[Tensor],
    shape: StackShape,
    num_layers: int,
    bidirectional: bool,
    training: bool,
) -> tuple[Tensor, Tensor]:
    dropout = shape.dropout if num_layers > 1 else 0.0
    flags = (True, num_layers, dropout, training, bidirectional, True)
    if shape.cell == "lstm":
        out, last, _ = torch.lstm(x_BTF, list(state), list(weights), *flags)
    else:
        out, last = torch.gru(x_BTF, state[0], list(weights), *flags)
    return out, last


def _cell_step(x_BF: Tensor, state: State, weights: Sequence[Tensor], cell: Cell) -> Tensor:
    if cell == "lstm":
        return torch.lstm_cell(x_BF, list(state), *weights)[0]
    return torch.gru_cell(x_BF, state[0], *weights)


Backend = Callable[[Tensor, Sequence[Tensor], State | None, StackShape, Readout, bool], Tensor]
BACKENDS: dict[str, Backend] = {"cpu": _layerwise, "cuda": _layerwise}

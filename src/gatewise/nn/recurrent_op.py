"""The recurrent stack as one functional op, and the seam behind which its backends stand.

    recurrent(x_BTF, weights, initial, shape, readout, training, drop) -> h

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

from gatewise.nn.dropout import Drop

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
    drop: Drop | None = None,
) -> Tensor:
    """Runs the stack.

    Args:
        x_BTF: float tensor; a transposed view of time-major memory costs no copy.
        weights: flat, in torch's order (head of this file).
        initial: h0 (and c0 for lstm), zeros when `None`.
        readout: `last` gives [B, D·H] as `nn.LSTM(x)[0][:, -1]` would; `every` gives [B, T, D·H].
        training: whether a gradient may be asked for.
        drop: dropout of each layer's output but the last's; place n is that above layer n.
    """
    return BACKENDS[x_BTF.device.type](x_BTF, weights, initial, shape, readout, training, drop)


def _layerwise(
    x_BTF: Tensor,
    weights: Sequence[Tensor],
    initial: State | None,
    shape: StackShape,
    readout: Readout,
    training: bool,
    drop: Drop | None,
) -> Tensor:
    """torch's fused layers: oneDNN for lstm on CPUs, cuDNN on GPUs; a call a layer if dropout stands between them."""
    directions, layers = shape.num_directions, shape.num_layers
    if initial is None:
        zeros = x_BTF.new_zeros(layers * directions, x_BTF.shape[0], shape.hidden_size)
        initial = (zeros, zeros) if shape.cell == "lstm" else (zeros,)
    cut = readout == "last" and shape.bidirectional
    whole = layers - 1 if cut else layers
    a_call = 1 if drop is not None else max(whole, 1)
    out_BTH = x_BTF
    for layer in range(0, whole, a_call):
        states = tuple(state[layer * directions : (layer + a_call) * directions] for state in initial)
        flat = weights[layer * directions * WEIGHTS_A_DIRECTION : (layer + a_call) * directions * WEIGHTS_A_DIRECTION]
        out_BTH, last = _fused(out_BTH, states, flat, shape.cell, a_call, shape.bidirectional, training)
        if drop is not None and layer < layers - 1:
            out_BTH = drop.at(layer)(out_BTH)
    if not cut:
        return last[-1] if readout == "last" else out_BTH
    forward, reverse = weights[-2 * WEIGHTS_A_DIRECTION : -WEIGHTS_A_DIRECTION], weights[-WEIGHTS_A_DIRECTION:]
    top = tuple(state[-2:-1] for state in initial)
    _, last = _fused(out_BTH, top, forward, shape.cell, 1, False, training)
    first_reverse = _cell_step(out_BTH[:, -1], tuple(state[-1] for state in initial), reverse, shape.cell)
    return torch.cat((last[-1], first_reverse), dim=1)


def _fused(
    x_BTF: Tensor,
    state: State,
    weights: Sequence[Tensor],
    cell: Cell,
    num_layers: int,
    bidirectional: bool,
    training: bool,
) -> tuple[Tensor, Tensor]:
    flags = (True, num_layers, 0.0, training, bidirectional, True)
    if cell == "lstm":
        out, last, _ = torch.lstm(x_BTF, list(state), list(weights), *flags)
    else:
        out, last = torch.gru(x_BTF, state[0], list(weights), *flags)
    return out, last


def _cell_step(x_BF: Tensor, state: State, weights: Sequence[Tensor], cell: Cell) -> Tensor:
    if cell == "lstm":
        return torch.lstm_cell(x_BF, list(state), *weights)[0]
    return torch.gru_cell(x_BF, state[0], *weights)


Backend = Callable[[Tensor, Sequence[Tensor], State | None, StackShape, Readout, bool, Drop | None], Tensor]
BACKENDS: dict[str, Backend] = {"cpu": _layerwise, "cuda": _layerwise}

"""What training an lstm or gru holds in memory, item by item, before it is tried.

The large item is what backward needs of forward, and it is not four gates a step: oneDNN's LSTM keeps the gates, the
states it read and wrote, and room for their gradients, 15.4 floats a step, window and unit; torch's own GRU keeps 7.
The figures follow the libraries' own layouts (`onednn_lstm_workspace`), none is fitted to a measured total; measured
peaks beside them are in docs/performance.md.

Shapes: T steps, W windows that run at once, H units, D directions, L layers, F features.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch

from gatewise.config.schema import ModelConfig, RecurrentConfig
from gatewise.errors import ConfigError
from gatewise.host import choose_threads
from gatewise.nn.recurrent_op import GATES, Cell
from gatewise.training.step import piece_rows

PAGE_BYTES = 4096
# What a first step of a one-unit model takes (measured): pages of torch's libraries that are touched for the first
# time, and the machine code that oneDNN writes.
CPU_CONTEXT_BYTES = 35 << 20
# A CUDA context with cuBLAS and cuDNN loaded; differs with driver and GPU, not measured here.
CUDA_CONTEXT_BYTES = 600 << 20


@dataclass(frozen=True)
class MemoryAccount:
    """Bytes by item at the moment of the peak.

    Attributes:
        weights: fp32 parameters, and the best epoch's copy that is kept beside them.
        gradients: the batch's sum, and one set for each thread that is computing another.
        optimizer_state: two moments a parameter.
        activations: what forward keeps for backward.
        workspace: what lives only within an operation, at its largest.
        resident_data: the feature matrix, labels and their weights.
        context: what the library itself takes with its first step.
        is_measured: whether this kind of account has been held against measured peaks (CPU yes, CUDA no).
    """

    weights: int
    gradients: int
    optimizer_state: int
    activations: int
    workspace: int
    resident_data: int
    context: int
    is_measured: bool

    @property
    def items(self) -> dict[str, int]:
        """Bytes by name, in the order above."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name != "is_measured"}

    @property
    def total(self) -> int:
        """Bytes altogether, above an interpreter that has torch loaded."""
        return sum(self.items.values())

    def to_dict(self) -> dict[str, Any]:
        """For JSON: megabytes (2^20 bytes) by item and in total, and whether such accounts were held against peaks."""
        amounts = self.items | {"total": self.total}
        return {
            "megabytes": {name: round(amount / 2**20, 1) for name, amount in amounts.items()},
            "is_measured": self.is_measured,
        }


def estimate_memory(
    model: ModelConfig,
    batch_size: int,
    sequence_length: int,
    num_features: int,
    num_rows: int = 0,
    device: str = "cpu",
    precision: str = "fp32",
    num_outputs: int = 3,
    threads: int | None = None,
) -> MemoryAccount:
    """The account of a model as it is configured and as `fit` trains it: on a CPU in pieces side by side.

    Args:
        threads: pieces side by side; `None`: as many as this machine takes. For the rest see `estimate_recurrent`.

    Raises:
        ConfigError: a model, device or precision for which there is no account.
    """
    if not isinstance(model, RecurrentConfig):
        raise ConfigError(f"a memory account needs model lstm or gru; got {model.name!r}")
    if device.split(":")[0] not in ("cpu", "cuda"):
        raise ConfigError(f"a memory account needs device cpu or cuda; got {device!r}")
    if precision not in ("fp32", "bf16", "fp16"):
        raise ConfigError(f"a memory account needs precision fp32, bf16 or fp16; got {precision!r}")
    cell: Cell = "gru" if model.name == "gru" else "lstm"
    num_features += model.symbol_embedding
    where = torch.device(device)
    directions = 2 if model.bidirectional else 1
    weights = count_weights(cell, num_features, model.hidden_size, model.num_layers, directions, num_outputs)
    piece = piece_rows(batch_size, sequence_length, weights, where)
    threads = choose_threads()[0] if threads is None else threads
    side_by_side = min(threads, -(-batch_size // piece)) if where.type == "cpu" else 1
    return estimate_recurrent(
        cell,
        batch_size,
        sequence_length,
        num_features,
        model.hidden_size,
        model.num_layers,
        model.bidirectional,
        num_outputs,
        model.dropout,
        element_bytes=4 if precision == "fp32" else 2,
        device_type=where.type,
        num_rows=num_rows,
        windows_at_once=side_by_side * piece,
        threads=side_by_side,
    )


def estimate_recurrent(
    cell: Cell,
    batch_size: int,
    sequence_length: int,
    num_features: int,
    hidden_size: int,
    num_layers: int,
    bidirectional: bool = False,
    num_outputs: int = 3,
    dropout: float = 0.3,
    element_bytes: int = 4,
    device_type: str = "cpu",
    num_rows: int = 0,
    windows_at_once: int | None = None,
    threads: int = 1,
) -> MemoryAccount:
    """The account of one training run at its peak.

    Args:
        batch_size: windows of an optimizer step.
        element_bytes: 4 for fp32, 2 for bf16 and fp16 (weights, gradients and moments stay fp32).
        device_type: `cpu` or `cuda`.
        num_rows: rows of the resident series; 0 leaves it out.
        windows_at_once: windows whose activations live at the same time, at most `batch_size`; `None`: all. A batch
            that runs in pieces holds (pieces side by side) x (windows in a piece).
        threads: pieces side by side; each holds gradients of its own until they are added up.
    """
    directions = 2 if bidirectional else 1
    windows = min(batch_size, windows_at_once or batch_size)
    weights = count_weights(cell, num_features, hidden_size, num_layers, directions, num_outputs)
    cells = sequence_length * windows
    kept = cells * num_features * (4 if element_bytes == 4 else 4 + element_bytes)  # the batch, and its cast copy
    for index in range(num_layers):
        is_top = index == num_layers - 1
        width = num_features if index == 0 else hidden_size * directions
        layer = _Layer(cell, sequence_length, windows, width, hidden_size, element_bytes, device_type)
        # The last step of the top reverse direction is one cell step: next to nothing.
        kept += layer.kept * (1 if is_top else directions)
        if not is_top:
            # What the next layer reads: dropout's product, and its mask; else the states, where the layer has not kept
            # them itself as oneDNN does for one direction.
            states = cells * hidden_size * directions * element_bytes
            kept += 2 * states if dropout else states * (directions > 1 or not layer.keeps_its_output)
    gradients_of_states = cells * (hidden_size * directions + width) * element_bytes
    workspace = max(layer.forward_scratch, layer.backward_scratch + gradients_of_states) + cells * 8
    copies = 2 if device_type == "cpu" else 3  # cuDNN reads all weights from one buffer, made anew from ours
    return MemoryAccount(
        weights=4 * weights * copies,
        gradients=4 * weights * (1 if threads == 1 else threads + 1),
        optimizer_state=8 * weights,
        activations=kept,
        workspace=workspace,
        resident_data=num_rows * (4 * num_features + 12),
        context=CPU_CONTEXT_BYTES if device_type == "cpu" else CUDA_CONTEXT_BYTES,
        is_measured=device_type == "cpu",
    )


def count_weights(
    cell: Cell, num_features: int, hidden_size: int, num_layers: int, directions: int, num_outputs: int
) -> int:
    """Parameters of the stack and its linear head."""
    gates = GATES[cell] * hidden_size
    widths = [num_features] + [hidden_size * directions] * (num_layers - 1)
    stack = sum(directions * gates * (width + hidden_size + 2) for width in widths)
    return stack + num_outputs * (hidden_size * directions + 1)


def onednn_lstm_workspace(
    sequence_length: int, windows: int, num_inputs: int, hidden_size: int, element_bytes: int = 4
) -> int:
    """Bytes that oneDNN's LSTM keeps from forward to backward, for one layer and direction.

    T steps of gates and of h; for T + 1 steps and both ends of the layer: the states as output and as input in the
    data's type and the gradient of the output, all as wide as the wider of input and state; then c and the gradient of
    c, in fp32. Rows are padded to cache lines, and by one line more where their length is a multiple of 256, which else
    share one cache set; those of c are not padded. Exact for oneDNN 3 in fp32; in bf16
    within a tenth where inputs are no wider than the state.
    """

    def padded(length: int, size: int) -> int:
        line = 64 // size
        rounded = -(-length // line) * line
        return rounded + line if rounded % 256 == 0 else rounded

    widest = max(num_inputs, hidden_size)
    rows = sequence_length * windows
    ends = 2 * (sequence_length + 1) * windows
    parts = (
        rows * padded(4 * hidden_size, element_bytes) * element_bytes,
        rows * padded(hidden_size, element_bytes) * element_bytes,
        ends * padded(widest, element_bytes) * element_bytes,
        ends * padded(widest, element_bytes) * element_bytes,
        ends * padded(widest, 4) * 4,
        ends * hidden_size * 4,
        ends * hidden_size * 4,
    )
    return sum(-(-part // PAGE_BYTES) * PAGE_BYTES for part in parts)


@dataclass(frozen=True)
class _Layer:
    """One layer in one direction: what it keeps, and what it needs only while it runs."""

    cell: Cell
    steps: int
    windows: int
    inputs: int
    hidden: int
    element_bytes: int
    device_type: str

    @property
    def unit(self) -> int:
        """Bytes of one value a step, window and unit."""
        return self.steps * self.windows * self.hidden * self.element_bytes

    @property
    def kept(self) -> int:
        """Its output, and what its backward reads."""
        if self.device_type != "cpu":
            # cuDNN's reserve space for lstm: four gates, c and tanh(c). Its size for gru is no smaller
            # (pytorch/pytorch#2895 saw it larger).
            return self.unit * (1 + GATES["lstm"] + 2)
        if self.cell == "lstm":
            return self.unit + onednn_lstm_workspace(
                self.steps, self.windows, self.inputs, self.hidden, self.element_bytes
            )
        # torch's own steps: r, z and the gated hidden part in one tensor, that part ungated, n, h - n, and h.
        return 7 * self.unit

    @property
    def keeps_its_output(self) -> bool:
        """Whether `kept` holds the states as the next layer reads them."""
        return self.cell == "lstm" or self.device_type != "cpu"

    @property
    def forward_scratch(self) -> int:
        """The input half of all steps' gates, and the states side by side where they were made one by one."""
        if not self.keeps_its_output:
            return self.unit * (GATES[self.cell] + 1)
        if self.cell == "lstm" and self.device_type == "cpu" and self.element_bytes == 2:
            return 0  # computed step by step by the 16-bit kernels
        return self.unit * GATES[self.cell]

    @property
    def backward_scratch(self) -> int:
        """Gradients of all steps' gates."""
        if self.cell == "gru" and self.device_type == "cpu":
            return self.unit  # step by step; what forward kept is freed meanwhile
        return self.unit * GATES[self.cell] if self.element_bytes == 4 else self.unit * 2

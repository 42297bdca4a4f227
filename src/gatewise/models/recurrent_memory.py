"""What a training step of an lstm or gru keeps, and it is not four gates a step.

oneDNN's LSTM keeps the gates, the states it read and wrote, and room for their gradients, 15.4 floats a step, window
and unit; torch's own GRU keeps 7. The figures follow the libraries' own layouts, none is fitted to a measured total.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewise.config.model_section import RecurrentConfig
from gatewise.models.base import StepBytes, StepShape
from gatewise.nn.recurrent_op import GATES, Cell

PAGE_BYTES = 4096


def recurrent_step_bytes(cell: Cell, config: RecurrentConfig, shape: StepShape) -> StepBytes:
    """See `NeuralSpec.step_bytes`."""
    directions = 2 if config.bidirectional else 1
    hidden, element = config.hidden_size, shape.element_bytes
    cells = shape.steps * shape.windows
    kept = cells * shape.features * (4 if element == 4 else 4 + element)  # the batch, and its cast copy
    for index in range(config.num_layers):
        is_top = index == config.num_layers - 1
        width = shape.features if index == 0 else hidden * directions
        layer = _Layer(cell, shape.steps, shape.windows, width, hidden, element, shape.device_type)
        # The last step of the top reverse direction is one cell step: next to nothing.
        kept += layer.kept * (1 if is_top else directions)
        if not is_top:
            # What the next layer reads: dropout's product, and its mask; else the states, where the layer has not kept
            # them itself as oneDNN does for one direction.
            states = cells * hidden * directions * element
            kept += 2 * states if config.dropout else states * (directions > 1 or not layer.keeps_its_output)
    gradients_of_states = cells * (hidden * directions + width) * element
    return kept, max(layer.forward_scratch, layer.backward_scratch + gradients_of_states) + cells * 8


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

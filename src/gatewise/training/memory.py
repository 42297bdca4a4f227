"""What training a network holds in memory, item by item, before it is tried.

What backward needs of forward is the large item. A model's spec tells it (`step_bytes`), else a forward pass of two
windows is asked which tensors it saves. Measured peaks beside such accounts are in docs/performance.md.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from gatewise.config.model_base import NetworkConfig
from gatewise.config.schema import ModelConfig
from gatewise.errors import ConfigError
from gatewise.host import choose_threads
from gatewise.models.base import Network, StepBytes, StepShape
from gatewise.models.frame import inner_shape, inner_widths
from gatewise.models.registry import network_spec
from gatewise.nn.dropout import drawing
from gatewise.parts import model_code
from gatewise.training.step import piece_rows

# What a first step of a one-unit model takes (measured): pages of torch's libraries that are touched for the first
# time, and the machine code that oneDNN writes.
CPU_CONTEXT_BYTES = 35 << 20
# A CUDA context with cuBLAS and cuDNN loaded; differs with driver and GPU, not measured here.
CUDA_CONTEXT_BYTES = 600 << 20
_ASKED_WINDOWS = 2


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
        is_measured: whether this kind of account has been held against measured peaks.
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
    windows_at_once: int | None = None,
) -> MemoryAccount:
    """The account of a model as it is configured and as `fit` trains it: on a CPU in pieces side by side.

    Args:
        num_rows: rows of the resident series; 0 leaves it out.
        device: `cpu` or `cuda`, with or without a number.
        precision: fp32, bf16 or fp16; weights, gradients and moments stay fp32.
        threads: pieces side by side, each with gradients of its own; `None`: as many as this machine takes.
        windows_at_once: whose activations live at the same time; `None`: those of the pieces side by side.

    Raises:
        ConfigError: a model of one row, or a device or precision for which there is no account.
    """
    if device.split(":")[0] not in ("cpu", "cuda"):
        raise ConfigError(f"a memory account needs device cpu or cuda; got {device!r}")
    if precision not in ("fp32", "bf16", "fp16"):
        raise ConfigError(f"a memory account needs precision fp32, bf16 or fp16; got {precision!r}")
    spec, where = network_spec(model), torch.device(device)
    assert isinstance(model, NetworkConfig)
    width, outputs = inner_widths(model, num_features, num_outputs)
    width += model.learned_width
    with model_code(model.name, "be built"):
        module = spec.build(model, width, outputs, "last", None)
    weights = sum(parameter.numel() for parameter in module.parameters())
    piece = piece_rows(batch_size, sequence_length, weights, where)
    threads = choose_threads()[0] if threads is None else threads
    on_cpu = where.type == "cpu"
    side_by_side = min(threads, -(-batch_size // piece)) if on_cpu else 1
    windows = min(batch_size, windows_at_once or side_by_side * piece)
    shape = StepShape(windows, sequence_length, num_features, 4 if precision == "fp32" else 2, where.type)
    shape = replace(inner_shape(model, shape), features=width)
    kept, workspace = spec.step_bytes(model, shape) if spec.step_bytes else ask_forward(module, shape)
    return MemoryAccount(
        weights=4 * weights * (2 if on_cpu else 3),  # cuDNN reads all weights from one buffer, made anew from ours
        gradients=4 * weights * (1 if side_by_side == 1 else side_by_side + 1),
        optimizer_state=8 * weights,
        activations=kept,
        workspace=workspace,
        resident_data=num_rows * (4 * (num_features + model.learned_width) + 12),
        context=CPU_CONTEXT_BYTES if on_cpu else CUDA_CONTEXT_BYTES,
        is_measured=on_cpu and spec.step_bytes is not None,
    )


def ask_forward(module: Network, shape: StepShape) -> StepBytes:
    """Which tensors a forward pass of two windows saves, for as many windows as there are.

    Of what lives within an operation it knows nothing; the largest saved tensor twice, itself and its gradient, stands
    for that.
    """
    saved: dict[int, Tensor] = {}  # kept alive: a storage that is freed could hand its address to the next

    def keep(tensor: Tensor) -> Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    module.train()
    x_BTF = keep(torch.zeros(_ASKED_WINDOWS, shape.steps, shape.features, dtype=torch.float32, device="cpu"))
    with drawing(0), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        module(x_BTF)
    weights = {parameter.untyped_storage().data_ptr() for parameter in module.parameters()}
    sizes = [tensor.untyped_storage().nbytes() for pointer, tensor in saved.items() if pointer not in weights]
    each = [size / _ASKED_WINDOWS * shape.windows * shape.element_bytes / 4 for size in sizes]
    return round(sum(each)), round(2 * max(each))

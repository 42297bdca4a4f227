"""What training a network holds in memory, item by item, before it is tried.

What backward needs of forward is the large item. A model's spec tells it (`step_bytes`), else two small steps are
watched (`live_bytes`). Measured peaks beside such accounts are in docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import torch

from gatewise.config.model_base import NetworkConfig
from gatewise.config.schema import ModelConfig
from gatewise.errors import ConfigError
from gatewise.host import choose_threads
from gatewise.models.base import SMALLEST_PIECE, Forecast, StepShape
from gatewise.models.frame import inner_shape, inner_widths, settled
from gatewise.models.registry import network_spec
from gatewise.parts import model_code
from gatewise.training.live_bytes import live_bytes
from gatewise.training.step import piece_rows

# What a first step of a one-unit model takes (measured): pages of torch's libraries that are touched for the first
# time, and the machine code that oneDNN writes.
CPU_CONTEXT_BYTES = 35 << 20
# A CUDA context with cuBLAS and cuDNN loaded; differs with driver and GPU, not measured here.
CUDA_CONTEXT_BYTES = 600 << 20
MOST_WINDOWS = 1 << 20  # of a batch that is looked for; what fits then is taken to fit with any


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


Account = Callable[..., MemoryAccount]


def memory_of(
    model: ModelConfig,
    sequence_length: int,
    num_features: int,
    num_rows: int = 0,
    device: str = "cpu",
    precision: str = "fp32",
    num_outputs: int | None = None,
    threads: int | None = None,
    forecast: Forecast | None = None,
    num_onehot: int = 0,
) -> Account:
    """What gives the account of a batch size, of a model as it is configured and as `fit` trains it: on a CPU in pieces
    side by side. It takes `batch_size` and, if need be, `windows_at_once`: whose activations live at the same time, in
    place of those of the pieces side by side.

    Args:
        num_rows: rows of the resident series; 0 leaves it out.
        device: `cpu` or `cuda`, with or without a number.
        precision: fp32, bf16 or fp16; weights, gradients and moments stay fp32.
        num_outputs: `None`: three classes, or the features' next values where the model continues columns.
        threads: pieces side by side, each with gradients of its own; `None`: as many as this machine takes.
        forecast: what outputs continue, for a model that leaves it to them what stands around it.
        num_onehot: numbers that tell each step the symbol, beside its features.

    Raises:
        ConfigError: a model of one row, or a device or precision for which there is no account.
    """
    if device.split(":")[0] not in ("cpu", "cuda"):
        raise ConfigError(f"a memory account needs device cpu or cuda; got {device!r}")
    if precision not in ("fp32", "bf16", "fp16"):
        raise ConfigError(f"a memory account needs precision fp32, bf16 or fp16; got {precision!r}")
    spec, where = network_spec(model), torch.device(device)
    assert isinstance(model, NetworkConfig)
    model = settled(model, forecast, num_features)
    width, outputs = inner_widths(model, num_features, num_outputs or (num_features if model.continues else 3))
    width += model.learned_width + num_onehot

    def inside(windows: int) -> StepShape:
        """Of the network that a frame holds."""
        shape = StepShape(windows, sequence_length, num_features, 4 if precision == "fp32" else 2, where.type)
        return replace(inner_shape(model, shape), features=width)

    with model_code(model.name, "be built"):
        module = spec.network(model, width, outputs, channels=int(bool(model.channel_independent)))
        step_bytes = partial(spec.step_bytes, model) if spec.step_bytes else live_bytes(module, inside(1).steps, width)
    weights = sum(parameter.numel() for parameter in module.parameters())
    most_threads = choose_threads()[0] if threads is None else threads
    least = max(SMALLEST_PIECE, -(-module.least_piece // inside(1).windows))  # of windows before a frame parts them
    on_cpu = where.type == "cpu"

    def account(batch_size: int, windows_at_once: int | None = None) -> MemoryAccount:
        piece = piece_rows(batch_size, sequence_length, weights, where, least)
        side_by_side = min(most_threads, -(-batch_size // piece)) if on_cpu else 1
        windows = min(batch_size, windows_at_once or side_by_side * piece)
        kept, workspace = step_bytes(inside(windows))
        return MemoryAccount(
            weights=4 * weights * (2 if on_cpu else 3),  # cuDNN reads all weights from one buffer, made anew from ours
            gradients=4 * weights * (1 if side_by_side == 1 else side_by_side + 1),
            optimizer_state=8 * weights,
            activations=kept,
            workspace=workspace,
            resident_data=num_rows * (4 * (num_features + model.learned_width) + 12),
            context=CPU_CONTEXT_BYTES if on_cpu else CUDA_CONTEXT_BYTES,
            is_measured=on_cpu,
        )

    return account


def batch_that_fits(account: Account, num_bytes: int) -> int | None:
    """The largest power of two whose account is at most so many bytes; 0: not even one window; `None`: any batch."""
    fitting = (1 << power for power in range(MOST_WINDOWS.bit_length()) if account(1 << power).total <= num_bytes)
    largest = max(fitting, default=0)
    return None if largest == MOST_WINDOWS else largest

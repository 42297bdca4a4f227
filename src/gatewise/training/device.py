"""Which device and which precision, each with the reason that the run prints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import torch

from gatewise.errors import ConfigError, entry
from gatewise.nn.recurrent_op import GATES, StackShape, recurrent

AMPERE = (8, 0)
TURING = (7, 0)
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Precision:
    """`dtype` of the autocast region (float32: none), whether gradients are scaled (fp16), and why."""

    dtype: torch.dtype
    scale_gradients: bool
    reason: str

    @property
    def name(self) -> str:
        return next(name for name, dtype in DTYPES.items() if dtype == self.dtype)

    @contextmanager
    def autocast(self, device: torch.device) -> Iterator[None]:
        """The region in which matrix products run in `dtype`."""
        # No cache of cast weights: threads share it, and its tensors carry the graph of whoever made them.
        with torch.autocast(
            device.type, self.dtype, enabled=self.dtype != torch.float32, cache_enabled=device.type != "cpu"
        ):
            yield


def choose_device(name: str = "auto") -> tuple[torch.device, str]:
    """The device and a name for people, like `cuda:0 (NVIDIA H200)`.

    Raises:
        ConfigError: a device that this machine does not have.
    """
    if name == "auto":
        name = "cuda:0" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(
            f"training.device must be auto, cpu, cuda or cuda:N; got {name!r}", 'training.device="auto"'
        ) from error
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"training.device must be auto, cpu, cuda or cuda:N; got {name!r}", 'training.device="auto"')
    if device.type == "cpu":
        return torch.device("cpu"), "cpu"
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = device.index or 0
    if index >= count:
        raise ConfigError(
            f"no CUDA device {index}: this machine has {count}", 'training.device="cpu", or leave it at auto'
        )
    return torch.device("cuda", index), f"cuda:{index} ({torch.cuda.get_device_name(index)})"


def choose_precision(name: str, device: torch.device) -> Precision:
    """`auto`: bf16 on GPUs from Ampere on, fp16 with gradient scaling on Volta and Turing, else fp32.

    Raises:
        ConfigError: a precision that the device does not carry; UnknownNameError: none at all.
    """
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        title = torch.cuda.get_device_name(device)
        if name == "auto":
            name = "bf16" if capability >= AMPERE else "fp16" if capability >= TURING else "fp32"
        if name == "bf16" and capability < AMPERE:
            raise ConfigError(
                f"bf16 needs an Ampere GPU or later; {title} is older",
                'training.precision="fp16" or training.precision="fp32"',
            )
        reason = f"{title} has compute capability {capability[0]}.{capability[1]}"
    elif name == "auto":
        name, reason = (
            "fp32",
            'the default on CPUs; training.precision="bf16" is faster on those that multiply it natively',
        )
    elif name == "bf16":
        if not cpu_trains_bf16():
            raise ConfigError(
                "bf16 must be trainable on the device; oneDNN has no bf16 LSTM here", 'training.precision="fp32"'
            )
        reason = "asked for; faster than fp32 only on CPUs that multiply it natively"
    elif name == "fp16":
        also = 'training.precision="bf16" or ' if cpu_trains_bf16() else ""
        raise ConfigError("fp16 needs a GPU", f'{also}training.precision="fp32"')
    else:
        reason = "asked for"
    return Precision(entry("precision", name, DTYPES), name == "fp16", reason)


@cache
def cpu_trains_bf16() -> bool:
    """Whether recurrent layers run forward and backward in bf16 here: asked of oneDNN by tiny ones, once a process.

    The CPU's flags do not tell: oneDNN may be built without, be bounded by ONEDNN_MAX_CPU_ISA, or emulate bf16.
    """
    bf16 = Precision(torch.bfloat16, False, "asked by a probe")
    try:
        for cell, gates in GATES.items():
            # Zeros, as a drawn weight would move the generator of whoever calls.
            sizes = ((gates, 1), (gates, 1), (gates,), (gates,))
            weights = [torch.zeros(size, dtype=torch.float32, device="cpu", requires_grad=True) for size in sizes]
            with torch.enable_grad(), bf16.autocast(torch.device("cpu")):
                x_BTF = torch.zeros(1, 2, 1, dtype=torch.float32, device="cpu")
                out = recurrent(x_BTF, weights, None, StackShape(cell, 1, 1, False), "last", True)
                torch.autograd.grad(out.sum(), weights)
    except RuntimeError:  # could not create a primitive descriptor
        return False
    return True

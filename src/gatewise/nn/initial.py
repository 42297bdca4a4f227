"""Initial weights, drawn as torch draws them but from a generator that is handed in.

torch's layers draw from its global generator as they are made, which is the whole process's: two models built in two
threads would share one stream, and the program around us would find its own numbers moved. Without a generator weights
are zeros, for those who load them anyway.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gatewise.nn.linear import StepsLinear


def seeded(seed: int) -> torch.Generator:
    """A generator of one's own; it gives the numbers that torch's global one would after `torch.manual_seed(seed)`."""
    return torch.Generator("cpu").manual_seed(seed)


def uniform(shape: tuple[int, ...], bound: float, generator: torch.Generator | None) -> nn.Parameter:
    """float32 weights, uniform within ±bound."""
    weights = _zeros(*shape)
    return nn.Parameter(weights if generator is None else weights.uniform_(-bound, bound, generator=generator))


def xavier_uniform(shape: tuple[int, int], generator: torch.Generator | None) -> nn.Parameter:
    """float32 weights [outputs, inputs], uniform within ±√(6 / (inputs + outputs)) (Glorot & Bengio 2010)."""
    return uniform(shape, math.sqrt(6 / sum(shape)), generator)


def zeros(*shape: int) -> nn.Parameter:
    """float32 weights of 0, as torch gives some biases."""
    return nn.Parameter(_zeros(*shape))


def layer_norm(width: int) -> nn.LayerNorm:
    """`nn.LayerNorm`, whose gains of 1 and biases of 0 are not drawn."""
    return nn.LayerNorm(width, device="cpu", dtype=torch.float32)


def linear(
    num_inputs: int, num_outputs: int, generator: torch.Generator | None, kind: type[nn.Linear] = nn.Linear
) -> nn.Linear:
    """`nn.Linear`, or one derived from it, with torch's own distributions (He et al. 2015, a = √5)."""
    layer = kind(num_inputs, num_outputs, device="meta", dtype=torch.float32)  # meta tensors draw nothing
    layer.weight, layer.bias = nn.Parameter(_zeros(num_outputs, num_inputs)), nn.Parameter(_zeros(num_outputs))
    if generator is not None:
        nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
        bound = 1 / math.sqrt(num_inputs)
        nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


def steps_linear(num_inputs: int, num_outputs: int, generator: torch.Generator | None) -> nn.Linear:
    """`linear` of windows or their steps: whatever the widths, each has the same bits wherever it stands."""
    return linear(num_inputs, num_outputs, generator, StepsLinear)


def conv1d(
    num_inputs: int, num_outputs: int, kernel_size: int, generator: torch.Generator | None, dilation: int = 1
) -> nn.Conv1d:
    """`nn.Conv1d`, which pads nothing, with torch's own distributions (He et al. 2015, a = √5)."""
    layer = nn.Conv1d(num_inputs, num_outputs, kernel_size, dilation=dilation, device="meta", dtype=torch.float32)
    bound = 1 / math.sqrt(num_inputs * kernel_size)
    layer.weight = uniform((num_outputs, num_inputs, kernel_size), bound, generator)
    layer.bias = uniform((num_outputs,), bound, generator)
    return layer


def normal(shape: tuple[int, ...], generator: torch.Generator | None) -> nn.Parameter:
    """float32 weights, standard normal."""
    weights = _zeros(*shape)
    return nn.Parameter(weights if generator is None else weights.normal_(generator=generator))


def embedding(count: int, width: int, generator: torch.Generator | None) -> nn.Embedding:
    """`nn.Embedding` of standard normal vectors."""
    vectors = _zeros(count, width)
    if generator is not None:
        vectors.normal_(generator=generator)
    return nn.Embedding(count, width, _weight=vectors)


def _zeros(*shape: int) -> Tensor:
    return torch.zeros(shape, dtype=torch.float32, device="cpu")

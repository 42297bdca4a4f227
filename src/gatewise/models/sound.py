"""Whether a network of one's own gives what a network must, asked of a few windows before anything rests on it.

What `proofs/laws/` proves takes a minute; what would end in a traceback, or be blamed on something else later, is found
here in a moment.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gatewise.errors import ConfigError
from gatewise.models.base import Network
from gatewise.models.symbol import WithSymbol
from gatewise.nn.dropout import drawing
from gatewise.nn.initial import seeded
from gatewise.nn.recurrent_op import Readout
from gatewise.parts import whose_code

WINDOWS = 4
_SHAPES = "a model returns [windows, outputs], or [windows, steps, outputs] in training where its readout is every"
_DRAWS = "draw weights from the generator that build is given (gatewise.nn.initial), dropout by gatewise.nn.dropout"


def sound_network(
    name: str,
    build: Callable[[], Network],
    steps: int,
    num_features: int,
    num_outputs: int,
    readout: Readout = "last",
) -> Network:
    """What `build` makes, which has given the shapes that it must, and the same ones twice.

    Args:
        name: of the model, for the words.
        build: gives the same network each time, on the CPU.
        steps, num_features: of a window, as the matrix has them.

    Raises:
        ConfigError: it raises, gives another shape, or draws from torch's global generator.
    """
    part = f"model {name}"
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        before = torch.get_rng_state()
        network, untouched = build(), build()
        if not _same(network.state_dict(), untouched.state_dict()):
            raise _drawn(part, "two of one seed begin with other weights", before)
        x_BTF = torch.randn(WINDOWS, steps, num_features, generator=seeded(1), dtype=torch.float32, device="cpu")
        symbol_B = torch.zeros(WINDOWS, dtype=torch.int64, device="cpu")
        inputs = (x_BTF, symbol_B) if isinstance(network, WithSymbol) else (x_BTF,)
        with whose_code(part, "read a window"):
            before = torch.get_rng_state()
            predicted: list[Tensor] = []
            trained: list[Tensor] = []
            for passes, training in ((predicted, False), (predicted, False), (trained, True), (trained, True)):
                with drawing(1):
                    passes.append(network.train(training)(*inputs))
        alone, every = [WINDOWS, num_outputs], [WINDOWS, steps, num_outputs]
        _require_shape(part, "when it predicts", predicted[0], [alone])
        _require_shape(part, "in training", trained[0], [every] if readout == "every" else [alone, every])
        for passes in (predicted, trained):
            if not _same({"outputs": passes[0]}, {"outputs": passes[1]}):
                raise _drawn(part, "the same windows give two outputs", before)
        with whose_code(part, "give its output_bias"):
            bias = network.output_bias
        _require_shape(part, "as its output_bias", bias, [[num_outputs]])
    return untouched


def _same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        value.shape == other[name].shape and torch.allclose(value, other[name], rtol=0, atol=0, equal_nan=True)
        for name, value in one.items()
    )


def _drawn(part: str, proof: str, before: Tensor) -> ConfigError:
    moved = not torch.equal(before, torch.get_rng_state())
    whose = "torch's global generator" if moved else "a generator that its seed does not set"
    return ConfigError(f"{part} draws from {whose}: {proof}", _DRAWS)


def _require_shape(part: str, when: str, given: object, wanted: list[list[int]]) -> None:
    got = list(given.shape) if isinstance(given, Tensor) else type(given).__name__
    if got not in wanted:
        raise ConfigError(f"{part} must give {wanted[0]} {when}, for {WINDOWS} windows; got {got}", _SHAPES)

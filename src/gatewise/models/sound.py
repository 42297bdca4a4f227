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
from gatewise.models.frame import Framed, reads_symbol
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
        ConfigError: it raises, gives another shape, numbers without a gradient or that are not finite, changes what it
            reads, lets windows of a batch see each other, or draws from torch's global generator.
    """
    part = f"model {name}"
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        before = torch.get_rng_state()
        network, untouched = build(), build()
        if not _same(network.state_dict(), untouched.state_dict()):
            raise _drawn(part, "two of one seed begin with other weights", before)
        x_BTF, others_BTF = (
            torch.randn(WINDOWS, steps, num_features, generator=seeded(seed), dtype=torch.float32, device="cpu")
            for seed in (1, 2)
        )
        others_BTF[0] = x_BTF[0]
        symbol_B = torch.zeros(WINDOWS, dtype=torch.int64, device="cpu")
        read_BTF = x_BTF.clone()

        def outputs(training: bool, x_BTF: Tensor = read_BTF) -> Tensor:
            with whose_code(part, "read a window"), drawing(1), torch.set_grad_enabled(training):
                inputs = (x_BTF, symbol_B) if reads_symbol(network) else (x_BTF,)
                returned: Tensor = network.train(training)(*inputs)
            return returned

        before = torch.get_rng_state()
        predicted, trained = [outputs(False), outputs(False)], [outputs(True), outputs(True)]
        if not torch.equal(read_BTF, x_BTF):
            raise ConfigError(f"{part} changes the windows that it reads", "work on a copy: x = 2 * x, not x *= 2")
        alone, every = [WINDOWS, num_outputs], [WINDOWS, steps, num_outputs]
        _require_shape(part, "when it predicts", predicted[0], [alone])
        _require_shape(part, "in training", trained[0], [every] if readout == "every" else [alone, every])
        for passes in (predicted, trained):
            if not _same({"outputs": passes[0]}, {"outputs": passes[1]}):
                raise _drawn(part, "the same windows give two outputs", before)
        if not predicted[0].isfinite().all():
            raise ConfigError(f"{part} gives numbers that are not finite for windows of noise", "mend its code")
        if not torch.allclose(outputs(False, others_BTF)[0], predicted[0][0], atol=1e-5):
            raise ConfigError(
                f"{part} predicts other numbers for a window where other windows stand beside it in the batch",
                "take means over a window's own steps and features, never over the batch",
            )
        if not (trained[0].is_floating_point() and trained[0].requires_grad):
            raise ConfigError(
                f"{part} can't be trained: its outputs, {trained[0].dtype}, have no gradient",
                "return floats that were computed from nn.Parameter, neither detached nor rounded",
            )
        with whose_code(part, "give its output_bias"):
            bias = network.output_bias
        series = network.channels if isinstance(network, Framed) else 1
        _require_shape(part, "as its output_bias", bias, [[num_outputs // series]])
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

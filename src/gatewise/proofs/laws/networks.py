"""Laws of networks: what a module must be for exact resume, pieces of a batch on threads, fleets and live rows.

A law returns what breaks it, in words, or `None`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gatewise.models.base import Network, NeuralSpec
from gatewise.models.registry import build_model, network_spec
from gatewise.nn.dropout import drawing
from gatewise.nn.initial import seeded
from gatewise.proofs.causality import first_that_sees_ahead
from gatewise.proofs.laws.tiny import CPU, FEATURES, OUTPUTS, STEPS, Tiny
from gatewise.targets.outputs.classes import Classes
from gatewise.training.device import choose_precision
from gatewise.training.fit import fit
from gatewise.training.fleet.fit import Member, fit_fleet
from gatewise.training.inference import predict_outputs
from gatewise.training.listeners import Listeners
from gatewise.training.prior import start_below
from gatewise.training.progress import FitResult
from gatewise.training.state import TrainState

FP32 = choose_precision("fp32", CPU)
SILENT = Listeners(())
TWO_CLASSES = Classes(("down", "up"))
TOLERANCE = 1e-4
_DROPOUT: dict[str, Any] = {"dropout": 0.3}


def spec_of(tiny: Tiny) -> NeuralSpec:
    """Its entry."""
    return network_spec(tiny.config().model)


def windows_x(seed: int = 0, count: int = 5) -> Tensor:
    """x_BTF of noise."""
    return torch.randn(count, STEPS, FEATURES, generator=seeded(seed))


def shapes(tiny: Tiny) -> str | None:
    """[batch, outputs] when predicting; every step's in training where that was asked for, the last being the same."""
    x_BTF = windows_x()
    if (got := tiny.network().eval()(x_BTF).shape) != (5, OUTPUTS):
        return f"outputs must be [5, {OUTPUTS}]; got {list(got)}"
    every = tiny.network(readout="every")
    if not tiny.config().model.is_causal:
        return None
    with drawing(1):
        trained = every.train()(x_BTF)
    if trained.shape != (5, STEPS, OUTPUTS):
        return f"with readout every, training outputs must be [5, {STEPS}, {OUTPUTS}]; got {list(trained.shape)}"
    if not torch.allclose(trained[:, -1], every.eval()(x_BTF), atol=1e-5):
        return "the last of every step's outputs is not what is predicted"
    return None


def no_later_step(tiny: Tiny) -> str | None:
    """Where `is_causal` says so: a step's output depends on its own step and earlier ones alone."""
    module = tiny.network(readout="every").train()
    x_BTF = windows_x(count=1).requires_grad_()

    def outputs(x_BTF: Tensor) -> Tensor:
        with drawing(1):
            returned: Tensor = module(x_BTF)
        return returned

    if (ahead := first_that_sees_ahead(outputs, x_BTF.detach(), range(STEPS - 1))) is not None:
        return f"step {ahead + 1} depends on steps after it"
    every = outputs(x_BTF)
    for step in range(STEPS):
        (grad,) = torch.autograd.grad(every[0, step].square().sum(), x_BTF, retain_graph=True)
        if not grad[0, step].any():
            return f"step {step + 1} does not depend on itself"
    return None


def evaluation(tiny: Tiny) -> str | None:
    """What predicts drops nothing and draws nothing: the same windows give the same outputs, to the bit."""
    module, x_BTF, before = tiny.network(**_DROPOUT).eval(), windows_x(), torch.get_rng_state()
    if not torch.equal(module(x_BTF), module(x_BTF)):
        return "the same windows are predicted twice as two things"
    return None if torch.equal(before, torch.get_rng_state()) else "predicting draws from torch's own generator"


def rows_apart(tiny: Tiny) -> str | None:
    """A window's outputs are the same to the bit, whatever stands beside it in a batch."""
    windows, module = tiny.windows, tiny.network().eval()
    rows = torch.arange(STEPS - 1, 150 * STEPS, STEPS).numpy()
    together = predict_outputs(module, windows, rows)
    mixed = torch.randperm(len(rows), generator=seeded(1)).numpy()
    if (predict_outputs(module, windows, rows[mixed]) != together[mixed]).any():
        return "another order of rows gives other outputs"
    for row in (0, 70, 149):
        if (predict_outputs(module, windows, rows[row : row + 1]) != together[row]).any():
            return "a window alone has other outputs than among others"
    return None


def seeds(tiny: Tiny) -> str | None:
    """Initial weights follow from the generator that is handed in, and from nothing of the process."""
    before = torch.get_rng_state()
    first, twin, second = tiny.network(1), tiny.network(1), tiny.network(2)
    with drawing(1):
        first.train()(windows_x())
    if not torch.equal(before, torch.get_rng_state()):
        return "torch's own generator was drawn from: draw from the one that build is given (gatewise.nn.initial)"
    if _distance(first, twin):
        return "one seed gives two models"
    if not _distance(first, second):
        return "two seeds give one model"
    return None


def gradients(tiny: Tiny) -> str | None:
    """Every parameter has a gradient, and none is infinite, at zeros and at large numbers too."""
    for name, x_BTF in {"noise": windows_x(), "zeros": windows_x() * 0, "large numbers": windows_x() * 1e3}.items():
        module = tiny.network().train()
        with drawing(1):
            loss = torch.nn.functional.cross_entropy(module(x_BTF), torch.tensor([0, 1, 0, 1, 1]))
        grads = torch.autograd.grad(loss, list(module.parameters()), allow_unused=True)
        for (place, _), grad in zip(module.named_parameters(), grads, strict=True):
            if grad is None:
                return f"{place} takes no part in the outputs"
            if not grad.isfinite().all():
                return f"the gradient of {place} is not finite at {name}"
    return None


def output_bias(tiny: Tiny) -> str | None:
    """`output_bias` is added to the outputs last."""
    module, x_BTF, shift = tiny.network().eval(), windows_x(), torch.tensor([0.5, -1.0])
    before = module(x_BTF)
    start_below(module, shift)
    moved = torch.allclose(module(x_BTF) + shift, before, atol=1e-5)
    return None if moved else "outputs do not move by as much as output_bias is moved: return the parameter added last"


def symbols(tiny: Tiny) -> str | None:
    """A network that is told the symbol reads it, and each window's alone."""
    config = tiny.config(symbol_embedding=2).model
    module = build_model(config, FEATURES, OUTPUTS, num_symbols=3, symbol_onehot=True, generator=seeded(1)).eval()
    x_BTF = windows_x()
    first, second = (module(x_BTF, torch.tensor([number, 0, 0, 0, 0])) for number in (1, 2))
    if torch.equal(first[0], second[0]):
        return "outputs are the same for two symbols"
    return None if torch.equal(first[1:], second[1:]) else "another window's symbol moves outputs"


def hidden_states(tiny: Tiny) -> str | None:
    """[batch, steps, width], each window's by itself; no state of a causal model depends on later steps."""
    read, module, x_BTF = spec_of(tiny).hidden_states, tiny.network().eval(), windows_x()
    assert read is not None
    states = read(module, x_BTF)
    if states.dim() != 3 or states.shape[:2] != x_BTF.shape[:2]:
        return f"they must be [5, {STEPS}, width]; got {list(states.shape)}"
    if not tiny.config().model.is_causal:
        return None
    ahead = first_that_sees_ahead(lambda x_BTF: read(module, x_BTF), x_BTF, range(STEPS - 1))
    return None if ahead is None else "a later step moves an earlier state"


def maps(tiny: Tiny) -> str | None:
    """[batch, steps], none below 0, each window's summing to 1."""
    read, x_BTF = spec_of(tiny).maps, windows_x()
    assert read is not None
    weights = read(tiny.network().eval(), x_BTF)
    if weights.shape != x_BTF.shape[:2]:
        return f"they must be [5, {STEPS}]; got {list(weights.shape)}"
    fits = (weights >= 0).all() and torch.allclose(weights.sum(dim=1), torch.ones(5), atol=1e-5)
    return None if fits else "they must be at least 0 and sum to 1"


def attention(tiny: Tiny) -> str | None:
    """[batch, layers, heads, steps, steps], none below 0, rows summing to 1; if causal, 0 for later steps."""
    read = spec_of(tiny).attention
    assert read is not None
    weights = read(tiny.network().eval(), windows_x())
    if weights.dim() != 5 or (len(weights), *weights.shape[3:]) != (5, STEPS, STEPS):
        return f"they must be [5, layers, heads, {STEPS}, {STEPS}]; got {list(weights.shape)}"
    if (weights < 0).any() or not torch.allclose(weights.sum(dim=-1), torch.ones(1), atol=1e-5):
        return "they must be at least 0 and sum to 1 a row"
    later = weights.triu(1).any()
    return "a step takes something of one after it" if later and tiny.config().model.is_causal else None


def resumes(tiny: Tiny) -> str | None:
    """A training that was cut off and went on ends with the same weights, to the bit, dropout included."""
    states = []

    def keep(state: TrainState) -> None:
        tensors, values = state.to_tensors()
        states.append(({name: value.clone() for name, value in tensors.items()}, copy.deepcopy(values)))

    whole, resumed, again = (tiny.network(**_DROPOUT) for _ in range(3))
    _fit(tiny, whole, save=keep)
    _fit(tiny, again)
    if _distance(whole, again):
        return "two trainings of one seed end with other weights: something is drawn or kept beside seed, step and row"
    _fit(tiny, resumed, saved=states[0])
    return "what went on after an epoch ends with other weights" if _distance(whole, resumed) else None


def fleet(tiny: Tiny) -> str | None:
    """Where it `stacks`: members of a fleet end with the weights that they have alone, to float tolerance."""
    together = [_member(tiny, seed) for seed in (1, 2)]
    results = fit_fleet(together, FP32, TWO_CLASSES, [SILENT, SILENT])
    for seed, member, result in zip((1, 2), together, results, strict=True):
        if not isinstance(result, FitResult):
            return f"a member failed: {result}"
        alone = _member(tiny, seed)
        start = copy.deepcopy(alone.model)
        rows = alone.train_rows, alone.val_rows
        fit(alone.model, alone.windows, *rows, alone.settings, FP32, TWO_CLASSES, SILENT)
        if (apart := _distance(alone.model, member.model)) > TOLERANCE:
            return f"weights differ by {apart:.1g} from those of a member alone"
        if _distance(start, alone.model) < 10 * TOLERANCE:
            return "training does not move it"
    return None


def exports(tiny: Tiny) -> str | None:
    """`torch.export` takes it, and what was exported gives the same outputs."""
    module, x_BTF = tiny.network().eval(), windows_x()
    program = torch.export.export(module, (x_BTF,), strict=False)
    return None if torch.allclose(program.module()(x_BTF), module(x_BTF), atol=1e-5) else "outputs differ"


def _fit(
    tiny: Tiny,
    module: Network,
    saved: tuple[dict[str, Tensor], dict[str, Any]] | None = None,
    save: Callable[[TrainState], None] | None = None,
) -> None:
    fit(module, tiny.windows, *tiny.rows, tiny.config().training, FP32, TWO_CLASSES, SILENT, saved, save)


def _member(tiny: Tiny, seed: int) -> Member:
    settings = tiny.config(**{"training.seed": seed, "learning_rate": 0.01 * seed}).training
    return Member(tiny.network(seed, **_DROPOUT), tiny.windows, *tiny.rows, settings)


def _distance(first: Network, second: Network) -> float:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs)

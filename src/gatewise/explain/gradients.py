"""Integrated gradients: how much each step of each feature of a window moved a prediction away from a plain window's.

Gradients are taken at points of the straight line from the baseline to the window, and their mean times the way there
is each number's part; the parts sum to the difference of both outputs (Sundararajan, Taly & Yan 2017, "Axiomatic
Attribution for Deep Networks"). The integral is Gauss and Legendre's sum over 64 points, and over twice as many, up to
1,024, as long as the parts are off their sum by more than a thousandth: ReLU has kinks, which a sum over few misses.

The baseline is 0 of scaled features in every step, so by `features.scaler` the training mean, the median, or 0 itself;
of `minmax` the middle of what training showed.

Shapes: T steps, F features, P points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gatewise.errors import ConfigError
from gatewise.evaluation.base import Floats
from gatewise.explain.outputs import Explained
from gatewise.isolation import one_core
from gatewise.learners.base import Inputs, Predictor
from gatewise.learners.combine import Vote
from gatewise.learners.ensemble import EnsemblePredictor
from gatewise.learners.neural import NeuralPredictor
from gatewise.parts import own_code

TOLERANCE = 1e-3  # of the difference of both outputs
_LEAST_POINTS, _MOST_POINTS, _AT_ONCE = 64, 1024, 64
# What stands in every step of the baseline, by the kind of scaler: a scaled value, and what that is.
BASELINES = {
    "standard": (0.0, "the training mean of each feature"),
    "robust": (0.0, "the training median of each feature"),
    "minmax": (0.5, "the middle of each feature's range in training"),
    "none": (0.0, "0 of each feature"),
}


@dataclass(frozen=True)
class Gradients:
    """The parts of an output of one window, in the unit that is learned.

    Attributes:
        parts: float64 [T, F].
        output, baseline_output: of the window, and of the baseline.
        points: at which gradients were taken.
    """

    parts: Floats
    output: float
    baseline_output: float
    points: int

    @property
    def gap(self) -> float:
        """By how much the parts' sum misses the difference of both outputs: the error of the integral."""
        return float(self.parts.sum() - (self.output - self.baseline_output))


def integrated_gradients(score: Callable[[Tensor], Tensor], x_TF: Tensor, baseline: float, points: int) -> Gradients:
    """Parts of `score`, [P, T, F] -> [P], at one window beside a window that holds `baseline` alone."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    start_TF = torch.full_like(x_TF, baseline)
    parts_TF = np.zeros(tuple(x_TF.shape))
    with torch.enable_grad(), one_core():
        for first in range(0, points, _AT_ONCE):
            here = slice(first, first + _AT_ONCE)
            share_P11 = torch.as_tensor((nodes[here] + 1) / 2, dtype=x_TF.dtype, device="cpu")[:, None, None]
            # Time-major in memory, as windows are gathered.
            x_PTF = (start_TF + share_P11 * (x_TF - start_TF)).transpose(0, 1).contiguous().transpose(0, 1)
            x_PTF.requires_grad_()
            (gradient_PTF,) = torch.autograd.grad(score(x_PTF).sum(), x_PTF)
            parts_TF += np.einsum("p,ptf->tf", weights[here] / 2, gradient_PTF.double().numpy())
    with torch.no_grad(), one_core():
        ends = score(torch.stack([x_TF, start_TF])).double().numpy()
    parts_TF *= (x_TF - start_TF).double().numpy()
    return Gradients(parts_TF, float(ends[0]), float(ends[1]), points)


def converged_gradients(score: Callable[[Tensor], Tensor], x_TF: Tensor, baseline: float) -> Gradients:
    """With as many points as it takes."""
    points = _LEAST_POINTS
    while True:
        made = integrated_gradients(score, x_TF, baseline, points)
        near = abs(made.gap) <= TOLERANCE * max(abs(made.output - made.baseline_output), 1e-3)
        if near or points >= _MOST_POINTS:
            return made
        points *= 2


def has_gradient(predictor: Predictor) -> bool:
    """Whether `window_gradients` can be asked of it."""
    if isinstance(predictor, EnsemblePredictor) and isinstance(predictor.combine, Vote):
        return all(has_gradient(member) for _, member in predictor.members)
    return isinstance(predictor, NeuralPredictor)


def window_gradients(predictor: Predictor, inputs: Inputs, explained: Explained) -> Gradients:
    """Of the window that ends at the one row of `inputs`: of a network, or of a voting its members' weighted mean.

    Raises:
        ConfigError: the model is no network, nor a voting of networks alone.
    """
    if isinstance(predictor, EnsemblePredictor) and isinstance(predictor.combine, Vote):
        members = [
            (window_gradients(member, replace(inputs, config=config), explained), weight)
            for (config, member), weight in zip(predictor.members, predictor.combine.weights, strict=True)
            if weight
        ]
        return _together(members)
    if not isinstance(predictor, NeuralPredictor):
        model = inputs.config.model
        raise ConfigError(
            f"single predictions are explained of networks and of votings of networks; {model.name} has no gradient",
            "leave the time out: permutation importances are there for every model of features"
            if model.reads == "features"
            else "take a network, or a voting of networks: gatewise models list",
        )
    module, windows = predictor.placed_with(replace(inputs, device="cpu"))
    rows = torch.from_numpy(inputs.rows)
    x_1TF, symbol = windows.gather(rows), windows.told_symbol(rows)

    def score(x_PTF: Tensor) -> Tensor:
        told: tuple[Any, ...] = () if symbol is None else (symbol.expand(len(x_PTF)),)
        return explained.score(module(x_PTF, *told))

    with own_code():
        return converged_gradients(score, x_1TF[0], BASELINES[inputs.scaler.kind][0])


def _together(members: list[tuple[Gradients, float]]) -> Gradients:
    total = sum(weight for _, weight in members)
    parts = sum(one.parts * (weight / total) for one, weight in members)
    output, baseline = (
        sum(getattr(one, name) * weight / total for one, weight in members) for name in ("output", "baseline_output")
    )
    return Gradients(np.asarray(parts), output, baseline, max(one.points for one, _ in members))

"""Optuna's samplers and pruners, such that a trial's draws are a function of its number and of the trials before it.

Optuna's own TPE draws from one stream, so what trial 7 gets depends on how many processes have drawn before and on
where the last one was killed. Here each draw has a stream of its own, named by (seed, trial, parameter): a study that
was cut off goes on as if it had not been. Imports Optuna, so nothing imports it before a study is opened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial

from gatewise.errors import entry
from gatewise.selection.tuning.space import Choice, Range, SearchSpace


class Numbered(BaseSampler):
    """One of Optuna's samplers, with a stream for each draw.

    Args:
        make: the sampler of a stream's seed.
    """

    def __init__(self, seed: int, make: Callable[[int], BaseSampler]) -> None:
        self.seed, self.make = seed, make

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """What is drawn together: all that the trials so far have in common."""
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draws them."""
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draws one alone, whichever of the trial's others are drawn already."""
        return self._of(trial, param_name).sample_independent(study, trial, param_name, param_distribution)

    def reseed_rng(self) -> None:
        """There is no stream to set anew."""

    def _of(self, trial: FrozenTrial, name: str = "") -> BaseSampler:
        digest = hashlib.sha256(f"{self.seed}/{trial.number}/{name}".encode()).digest()
        return self.make(int.from_bytes(digest[:4], "big"))


class Grid(BaseSampler):
    """Every point of a space's grid once, in an order that the seed shuffles, so that a part of them is spread over it.

    Which point a trial has follows from its number, which Optuna's own grid leaves to the order of its draws.
    """

    def __init__(self, seed: int, space: SearchSpace) -> None:
        self.space = space
        self.order = np.random.default_rng(seed).permutation(space.num_points)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Nothing is drawn together."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing."""
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The point's value."""
        return self.space.point(int(self.order[trial.number % len(self.order)]))[param_name]


def make_sampler(name: str, seed: int, space: SearchSpace) -> BaseSampler:
    """`tpe`, `random` or `grid`.

    A tree-structured Parzen estimator draws all parameters together (Bergstra et al. 2011; Falkner et al. 2018), the
    first ten trials at random.

    Raises:
        UnknownNameError: there is none of that name. ConfigError: the space has no grid.
    """
    samplers: dict[str, Callable[[], BaseSampler]] = {
        "tpe": lambda: Numbered(seed, lambda stream: TPESampler(seed=stream, multivariate=True)),
        "random": lambda: Numbered(seed, lambda stream: RandomSampler(seed=stream)),
        "grid": lambda: Grid(seed, space),
    }
    return entry("sampler", name, samplers)()


def make_pruner(name: str, num_folds: int) -> BasePruner:
    """`median`, `hyperband` or `none`; a trial's resource is the number of inner folds that it was scored on.

    Median (Golovin et al. 2017) waits for five complete trials; Hyperband (Li et al. 2018) halves at 1, 2, 4, … folds.

    Raises:
        UnknownNameError: there is none of that name.
    """
    pruners: dict[str, Callable[[], BasePruner]] = {
        "median": MedianPruner,
        "hyperband": lambda: HyperbandPruner(min_resource=1, max_resource=num_folds, reduction_factor=2),
        "none": NopPruner,
    }
    return entry("pruner", name, pruners)()


def distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """The space as Optuna has it, by name."""
    return {parameter.name: _distribution(parameter) for parameter in space.parameters}


def _distribution(parameter: Choice | Range) -> BaseDistribution:
    if isinstance(parameter, Choice):
        return CategoricalDistribution(parameter.labels)
    if parameter.whole:
        return IntDistribution(int(parameter.low), int(parameter.high), parameter.log, int(parameter.step or 1))
    return FloatDistribution(parameter.low, parameter.high, parameter.log, parameter.step)

"""`logistic` and `ridge`: linear in one row's features, brought to unit variance and bounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gatewise.config.model_section import LogisticConfig, RidgeConfig
from gatewise.features.scaling import Scaler
from gatewise.tabular.base import (
    Features,
    Floats,
    Ints,
    State,
    TrainingRows,
    class_prior,
    unit_variance,
    with_absent_classes,
)
from gatewise.tabular.linear import Design, fit_ridge, fit_softmax, mean, softmax

_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # logistic's C
_PENALTIES = (1.0, 1e1, 1e2, 1e3, 1e4)  # ridge's alpha
_BOUND = 8.0  # standard deviations; a spike in new data must not blow a linear model up


@dataclass(frozen=True)
class Logistic:
    """Softmax of a linear function.

    Attributes:
        scaler: to unit variance.
        weights: float64 [features + 1, classes that occur in training].
        classes: which those are.
        prior: float64 [classes of the target].
    """

    scaler: Scaler
    weights: Floats
    classes: Ints
    prior: Floats

    @classmethod
    def fit(cls, rows: TrainingRows, config: LogisticConfig) -> Self:
        """At the strength given, or the one of five that serves the newest rows best."""
        scaler = unit_variance(rows.x, rows.weight)
        x = _standard(scaler, rows.x)
        classes, code = np.unique(rows.y, return_inverse=True)
        prior = class_prior(rows.y, rows.num_classes, rows.weight)
        if len(classes) < 2:  # nothing to tell apart
            return cls(scaler, np.zeros((x.shape[1] + 1, len(classes))), classes, prior)
        strength = config.strength or _strength(x, rows)
        return cls(scaler, _kept(next(fit_softmax(Design(x, rows.weight), code, [strength]))), classes, prior)

    def predict(self, x: Features) -> Floats:
        prob = softmax(Design(_standard(self.scaler, x)), self.weights)
        return with_absent_classes(prob, self.classes, self.prior)

    def to_state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        arrays = {"weights": self.weights, "classes": self.classes, "prior": self.prior}
        return arrays, {"scaler": self.scaler.to_dict()}

    @classmethod
    def from_state(cls, state: State) -> Self:
        arrays, values = state
        return cls(Scaler.from_dict(values["scaler"]), arrays["weights"], arrays["classes"], arrays["prior"])


@dataclass(frozen=True)
class Ridge:
    """A linear function, fitted to outputs of unit variance.

    Attributes:
        scaler: of the features, to unit variance. outputs: of y, likewise.
        weights: float64 [features + 1, outputs].
    """

    scaler: Scaler
    outputs: Scaler
    weights: Floats

    @classmethod
    def fit(cls, rows: TrainingRows, config: RidgeConfig) -> Self:
        """At the penalty given, or the one of five that serves the newest rows best."""
        scaler, outputs = unit_variance(rows.x, rows.weight), unit_variance(rows.y, rows.weight)
        x, y = _standard(scaler, rows.x), outputs.transform(rows.y, dtype=np.float64)
        penalty = config.penalty or _penalty(x, y, rows)
        return cls(scaler, outputs, _kept(next(fit_ridge(Design(x, rows.weight), y, [penalty]))))

    def predict(self, x: Features) -> Floats:
        return self.outputs.inverse(Design(_standard(self.scaler, x)).predict(self.weights))

    def to_state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        return {"weights": self.weights}, {"scaler": self.scaler.to_dict(), "outputs": self.outputs.to_dict()}

    @classmethod
    def from_state(cls, state: State) -> Self:
        arrays, values = state
        return cls(Scaler.from_dict(values["scaler"]), Scaler.from_dict(values["outputs"]), arrays["weights"])


def _strength(x: Floats, rows: TrainingRows) -> float:
    older, newest = rows.older_and_newest()
    if not len(newest):
        return _STRENGTHS[2]
    classes, code = np.unique(rows.y[older], return_inverse=True)
    design, truth = Design(x[newest]), np.searchsorted(classes, rows.y[newest])[:, None]

    def loss(weights: Floats) -> float:
        prob = np.take_along_axis(softmax(design, weights), truth, axis=1)
        return mean(-np.log(np.maximum(prob, 1e-15)), rows.weight_of(newest))

    losses = [loss(weights) for weights in fit_softmax(Design(x[older], rows.weight_of(older)), code, _STRENGTHS)]
    return _STRENGTHS[int(np.argmin(losses))]


def _penalty(x: Floats, y: Floats, rows: TrainingRows) -> float:
    older, newest = rows.older_and_newest()
    if not len(newest):
        return _PENALTIES[2]
    design = Design(x[newest])
    fits = fit_ridge(Design(x[older], rows.weight_of(older)), y[older], _PENALTIES)
    losses = [mean(np.square(design.predict(weights) - y[newest]), rows.weight_of(newest)) for weights in fits]
    return _PENALTIES[int(np.argmin(losses))]


def _kept(weights: Floats) -> Floats:
    """In the order in which files hold them: in another, products round otherwise."""
    return np.ascontiguousarray(weights)


def _standard(scaler: Scaler, x: Features) -> Floats:
    standard: Floats = np.clip(scaler.transform(x, dtype=np.float64), -_BOUND, _BOUND)
    return standard

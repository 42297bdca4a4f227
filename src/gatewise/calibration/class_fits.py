"""Fits a map of class probabilities to the classes that came."""

from __future__ import annotations

import numpy as np

from gatewise.calibration.class_maps import ClassMap, Isotonic, Scaling, centred_logs
from gatewise.loading import load_scipy, load_sklearn
from gatewise.targets.outputs.base import Floats, Ints
from gatewise.targets.outputs.classes import probabilities

_SLOPES = (1e-4, 1e4)  # a class that is said to be likelier is never made less likely


def fit_map(method: str, prob: Floats, y: Ints) -> ClassMap:
    """By `temperature`, `vector` or `isotonic`.

    Args:
        prob: float64 [n, classes]. y: int64 [n], what came.
    """
    return _isotonic(prob, y) if method == "isotonic" else _scaling(prob, y, one_slope=method == "temperature")


def _scaling(prob: Floats, y: Ints, one_slope: bool) -> Scaling:
    """The least log loss, which is convex in slopes and offsets.

    Classes count as Platt (1999) counts two: of n rows of a class, as if each of the others had come once more among
    them. So a class that did not come, or one that is always told rightly, leaves the optimum where it can be found.
    """
    logs, num_classes = centred_logs(prob), prob.shape[1]
    counts = np.bincount(y, minlength=num_classes) + float(num_classes)
    targets = np.repeat(1 / counts[y][:, None], num_classes, axis=1)
    targets[np.arange(len(y)), y] = 1 - (num_classes - 1) / counts[y]

    def parts(values: Floats) -> tuple[Floats, Floats]:
        if one_slope:
            return np.repeat(values, num_classes), np.zeros(num_classes)
        return values[:num_classes], values[num_classes:]

    def loss(values: Floats) -> tuple[float, Floats]:
        slopes, offsets = parts(values)
        z = logs * slopes + offsets
        highest = z.max(axis=1)
        total = np.log(np.exp(z - highest[:, None]).sum(axis=1)) + highest
        apart = probabilities(z) - targets
        by_slope, by_offset = (logs * apart).mean(axis=0), apart.mean(axis=0)
        gradient = by_slope.sum(keepdims=True) if one_slope else np.concatenate([by_slope, by_offset])
        return float((total - (targets * z).sum(axis=1)).mean()), gradient

    width = 1 if one_slope else num_classes
    start = np.concatenate([np.ones(width), np.zeros(0 if one_slope else num_classes)])
    bounds = [_SLOPES] * width + [(None, None)] * (len(start) - width)
    options = {"ftol": 64 * np.finfo(float).eps, "gtol": 1e-9, "maxiter": 500}
    load_scipy()
    from scipy.optimize import minimize

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    slopes, offsets = parts(found.x)
    return Scaling(tuple(slopes.tolist()), tuple(offsets.tolist()))


def _isotonic(prob: Floats, y: Ints) -> Isotonic:
    """Each class against all others."""
    load_sklearn()
    from sklearn.isotonic import IsotonicRegression  # late: classes that are scaled need no scikit-learn

    said, seen = [], []
    for number in range(prob.shape[1]):
        line = IsotonicRegression(y_min=0, y_max=1).fit(prob[:, number], y == number)
        said.append(tuple(line.X_thresholds_.tolist()))
        seen.append(tuple(line.y_thresholds_.tolist()))
    return Isotonic(tuple(said), tuple(seen), 1 / (len(y) + prob.shape[1]))

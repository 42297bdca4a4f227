"""Linear models for baselines, fitted without BLAS's threads.

scikit-learn's take BLAS as the process has it, whose threads wait for each other at every one of thousands of small
products: beside one busy process a fit that takes a second on one thread took half a minute. How many threads OpenBLAS
takes is one number for the whole process, so even a limit for a while reaches into whatever else the process computes.
Here a product is a stack of products so small that OpenBLAS keeps each on the calling thread. Nothing is set that would
have to be set back, and the weights are the same to the bit however many threads BLAS has.

A logistic fit walks in coordinates in which the loss is round at the prior. Features of a market are nearly collinear,
and in their own coordinates L-BFGS took up to 166 steps; here it takes about ten. It ends by the slope, never by a
clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from gatewise.loading import load_scipy
from gatewise.tabular.base import Floats, Ints

Number = TypeVar("Number", np.int64, np.float64)

_ELEMENTS = 4_096  # of a block of rows; OpenBLAS multiplies fewer than 9,216 by a vector on one thread
_COLUMNS = 32  # of the other factor; with _ELEMENTS half of the multiplications that OpenBLAS does on one thread
_MOST_STEPS = 100
_FLAT = 3e-5  # the largest slope left; the loss is then about a ten-millionth above its minimum


class Design:
    """Rows of features and a constant 1 as a stack of small blocks.

    A column of values beside the rows, such as labels, is cut likewise: [blocks, columns, rows of a block]. The last
    block is filled up with rows of zeros, which add nothing to a sum of products.

    Args:
        x: float [n, features].
        weight: float64 [n], how much each row counts in sums and means; `None`: all alike.
    """

    def __init__(self, x: npt.NDArray[np.floating], weight: Floats | None = None) -> None:
        self.rows, self.width = len(x), x.shape[1] + 1
        self.weight = weight
        self.total = self.rows if weight is None else float(weight.sum())
        self._block_rows = max(1, _ELEMENTS // self.width)  # however few rows: products of one shape round alike
        blocks = max(1, -(-self.rows // self._block_rows))
        padded = np.zeros((blocks * self._block_rows, self.width))
        padded[: self.rows, :-1] = x
        padded[: self.rows, -1] = 1
        self._blocks = padded.reshape(-1, self._block_rows, self.width)
        self._weights = None if weight is None else self.cut(weight[:, None])

    def cut(self, values: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """[blocks, columns, rows of a block] of [n, columns]."""
        padded = np.zeros((self._blocks.shape[0] * self._block_rows, values.shape[1]), values.dtype)
        padded[: self.rows] = values
        return np.ascontiguousarray(padded.reshape(-1, self._block_rows, values.shape[1]).transpose(0, 2, 1))

    def joined(self, values: Floats) -> Floats:
        """[n, columns] of [blocks, columns, rows of a block]."""
        return values.transpose(0, 2, 1).reshape(-1, values.shape[1])[: self.rows]

    def predict(self, weights: Floats) -> Floats:
        """The rows times `weights` [features + 1, columns]: [n, columns]."""
        return self.joined(self.times(weights))

    def times(self, weights: Floats) -> Floats:
        """As `predict`, but cut: [blocks, columns, rows of a block]."""
        across = self._blocks.transpose(0, 2, 1)
        return np.concatenate([np.matmul(weights.T[some], across) for some in _some(weights.shape[1])], axis=1)

    def sums(self, values: Floats) -> Floats:
        """Each feature times each column, summed over rows as they count: [features + 1, columns]."""
        if self._weights is not None:
            values = values * self._weights
        pieces = [np.matmul(values[:, some], self._blocks).sum(axis=0) for some in _some(values.shape[1])]
        return np.concatenate(pieces).T

    def gram(self) -> Floats:
        """Each feature times each other, summed over rows: [features + 1, features + 1]."""
        return self.sums(self._blocks.transpose(0, 2, 1))


def fit_softmax(design: Design, y: Ints, strengths: Sequence[float]) -> Iterator[Floats]:
    """Weights [features + 1, classes] of a logistic regression at each strength, each fit begun where the last ended.

    The minimum is that of scikit-learn's LogisticRegression with C = strength, for two classes as for more.

    Args:
        y: int64 [n], 0 to the number of classes - 1; each occurs.
        strengths: rising for the fewest steps.
    """
    shares, gram = np.bincount(y, design.weight) / design.total, design.gram() / design.total
    weights = np.zeros((design.width, len(shares)))
    weights[-1] = np.log(shares)
    truth = design.cut(y[:, None])
    for strength in strengths:
        penalty = np.full((design.width, 1), 1 / (strength * design.total))
        penalty[-1] = 0  # the constant is free
        if len(shares) == 2:  # each class holds half of the weights that scikit-learn bounds
            penalty *= 2
        # The curvature at the prior, class by class.
        curvature = np.stack([share * (1 - share) * gram + np.diag(penalty[:, 0]) for share in shares])
        weights = _walk_down(design, truth, curvature, penalty, weights)
        yield weights


def _walk_down(design: Design, truth: Ints, curvature: Floats, penalty: Floats, start: Floats) -> Floats:
    """The weights at the minimum, sought in coordinates in which `curvature` [classes, features + 1, ...] is 1."""
    load_scipy()
    from scipy.optimize import minimize

    axes = np.stack([inverse_root(matrix) for matrix in curvature])

    def to_weights(point: Floats) -> Floats:
        weights: Floats = np.einsum("kcf,kc->fk", axes, point.reshape(len(axes), -1))
        return weights

    def loss(point: Floats) -> tuple[float, Floats]:
        weights = to_weights(point)
        value, slope = _softmax_loss(design, truth, weights)
        value += 0.5 * float((penalty * np.square(weights)).sum())
        return value, np.einsum("kcf,fk->kc", axes, slope + penalty * weights).ravel()

    point = np.einsum("kcf,kf->kc", axes, np.einsum("kfg,gk->kf", curvature, start))
    settings = {"maxiter": _MOST_STEPS, "gtol": _FLAT, "ftol": 0.0}
    return to_weights(minimize(loss, point.ravel(), method="L-BFGS-B", jac=True, options=settings).x)


def softmax(design: Design, weights: Floats) -> Floats:
    """Probabilities float64 [n, classes]."""
    return design.joined(_probabilities(design.times(weights))[0])


def fit_ridge(design: Design, y: Floats, penalties: Sequence[float]) -> Iterator[Floats]:
    """Weights [features + 1, outputs] of least squares on y [n, outputs] at each penalty; the constant is free."""
    gram, moments = design.gram(), design.sums(design.cut(y))
    for penalty in penalties:
        bound = np.full(design.width, penalty)
        bound[-1] = 0
        root = inverse_root(gram + np.diag(bound))
        yield np.einsum("cf,ck->fk", root, np.einsum("cf,fk->ck", root, moments))


def mean(values: Floats, weight: Floats | None) -> float:
    """Of values [n, columns], rows as they count."""
    return float(values.mean() if weight is None else np.average(values.mean(axis=1), weights=weight))


def inverse_root(matrix: Floats) -> Floats:
    """The lower triangular r with r @ matrix @ r.T = 1 and r.T @ r its inverse; Cholesky's, of a positive matrix."""
    size = len(matrix)
    both = np.hstack([matrix, np.eye(size)])
    for i in range(size):
        both[i] /= np.sqrt(both[i, i])
        both[i + 1 :] -= np.multiply.outer(both[i, i + 1 : size], both[i])
    return both[:, size:]


def _softmax_loss(design: Design, truth: Ints, weights: Floats) -> tuple[float, Floats]:
    """Mean log loss, and its slope [features + 1, classes]."""
    logits = design.times(weights)
    prob, log_total = _probabilities(logits)
    value = mean(design.joined(log_total - np.take_along_axis(logits, truth, axis=1)), design.weight)
    np.put_along_axis(prob, truth, np.take_along_axis(prob, truth, axis=1) - 1, axis=1)
    return value, design.sums(prob) / design.total


def _probabilities(logits: Floats) -> tuple[Floats, Floats]:
    """Of [blocks, classes, rows]: the classes' probabilities, and the log of the sum of exponentials."""
    most = logits.max(axis=1, keepdims=True)
    prob = np.exp(logits - most)
    total = prob.sum(axis=1, keepdims=True)
    prob /= total
    return prob, most + np.log(total)


def _some(count: int) -> list[slice]:
    return [slice(i, i + _COLUMNS) for i in range(0, count, _COLUMNS)]

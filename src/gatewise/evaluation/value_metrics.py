"""Regression metrics as functions of sums over rows, for the same reason as the classes' ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gatewise.errors import DivergedError, LabelError
from gatewise.evaluation.base import Floats, Ints, metrics_of

_COLUMNS = (
    6  # of each output: |error|, error², y, y² (both about the mean of y's group), direction hit, has a direction
)


@dataclass(frozen=True)
class ValueScores:
    """Contributions [n, 1 + 6·outputs], and what is needed to read their sums.

    Attributes:
        error: float64 [n, outputs], predicted less true.
        scale: float64 [outputs], the unit in which outputs are put together.
    """

    contributions: Floats
    error: Floats
    outputs: tuple[str, ...]
    scale: Floats
    has_direction: bool

    @property
    def loss(self) -> Floats:
        """[n], the mean over outputs of squared errors in units of `scale`."""
        return np.asarray((self._each()[:, :, 1] / np.square(self.scale)).mean(axis=1), dtype=np.float64)

    @property
    def signals(self) -> Floats:
        """Errors and their sizes, of each output; of two predictors the errors differ by what they say.

        A mood of the sizes, as markets have, shows best in their logarithm, which no single large one rules.
        """
        absolute, squared = (self._each()[:, :, number] for number in (0, 1))
        sizes = np.log(absolute + np.maximum(0.1 * absolute.mean(axis=0), np.finfo(np.float64).tiny))
        return np.concatenate([self.error, absolute, squared, sizes], axis=1)

    @property
    def truth(self) -> Floats:
        """Nothing: metrics depend on errors alone, and r2 has no interval. Levels would remember for ever."""
        return np.empty((len(self.error), 0))

    def basis(self, metric: str) -> Floats:
        """Rows that have a direction, of one output or of each."""
        output = metric.removeprefix("directional_accuracy").removeprefix("_")
        directed = self._each()[:, :, 5]
        return directed[:, [self.outputs.index(output)]] if output in self.outputs else directed

    def unsummed(self) -> dict[str, float]:
        return {}

    def on_rows(self, at: Ints, scale: Floats | None = None) -> ValueScores:
        """The scores of some rows, with their own `scale` where there are several outputs to put together."""
        together = self.scale if scale is None or len(self.outputs) == 1 else scale
        return replace(self, contributions=self.contributions[at], error=self.error[at], scale=together)

    def _each(self) -> Floats:
        return self.contributions[:, 1:].reshape(-1, len(self.outputs), _COLUMNS)

    def metrics(self, sums: Floats) -> dict[str, Floats]:
        """Metrics [...] of sums [..., q]; see `regression_metrics` for what each is."""
        n = sums[..., 0, None]
        each = sums[..., 1:].reshape(*sums.shape[:-1], len(self.outputs), _COLUMNS)
        absolute, squared, y, y2, hit, directed = np.moveaxis(each, -1, 0)
        spread = y2 - np.square(y) / n
        # Sums about the full sample's mean leave rounding dust where y is constant; scikit-learn's reading is kept.
        constant = spread <= 1e-12 * np.maximum(y2, np.finfo(np.float64).tiny)
        r2 = np.where(constant, np.where(squared == 0, 1.0, 0.0), 1 - squared / np.where(constant, 1.0, spread))
        mse = squared / n
        by_output = {"mae": absolute / n, "rmse": np.sqrt(mse), "r2": r2}
        metrics = {
            "mae": (by_output["mae"] / self.scale).mean(-1),
            "rmse": np.sqrt((mse / np.square(self.scale)).mean(-1)),
            "r2": r2.mean(-1),
        }
        if self.has_direction:
            right = np.divide(hit, directed, out=np.full_like(hit, 0.5), where=directed > 0)
            by_output["directional_accuracy"] = right
            metrics["directional_accuracy"] = right.mean(-1)
        if len(self.outputs) > 1:
            for number, output in enumerate(self.outputs):
                metrics |= {f"{name}_{output}": value[..., number] for name, value in by_output.items()}
        return metrics


def value_scores(
    y: npt.ArrayLike,
    value: npt.ArrayLike,
    outputs: Sequence[str],
    reference: npt.ArrayLike | None = None,
    scale: npt.ArrayLike | None = None,
    group: npt.ArrayLike | None = None,
) -> ValueScores:
    """Per-row contributions of a prediction; arguments as `regression_metrics`."""
    truth, predicted = (np.asarray(a, dtype=np.float64).reshape(-1, len(outputs)) for a in (y, value))
    if not len(truth):
        raise LabelError("evaluation needs at least one labelled row; got none")
    if truth.shape != predicted.shape or not np.isfinite(predicted).all():
        raise DivergedError(
            f"predictions must be finite and of shape {truth.shape}; got shape {predicted.shape}, "
            f"{int(np.sum(~np.isfinite(predicted)))} values not finite",
            "lower training.learning_rate or set training.gradient_clip",
        )
    error, centred = predicted - truth, about_means(truth, group)
    hit, directed = np.zeros_like(error), np.zeros_like(error)
    if reference is not None:
        start = np.asarray(reference, dtype=np.float64).reshape(truth.shape)
        went, meant = np.sign(np.nan_to_num(truth - start)), np.sign(np.nan_to_num(predicted - start))
        directed = (went != 0).astype(np.float64)
        hit = directed * np.where(meant == 0, 0.5, went == meant)
    each = np.stack([np.abs(error), np.square(error), centred, np.square(centred), hit, directed], axis=-1)
    unit = np.ones(len(outputs)) if scale is None or len(outputs) == 1 else np.asarray(scale, dtype=np.float64)
    contributions = np.concatenate([np.ones((len(truth), 1)), each.reshape(len(truth), -1)], axis=1)
    return ValueScores(contributions, error, tuple(outputs), unit, reference is not None)


def about_means(truth: Floats, group: npt.ArrayLike | None) -> Floats:
    """[n, outputs] less the mean of each row's group; exactly 0 where a group's never vary."""
    numbers = np.zeros(len(truth), np.int64) if group is None else np.asarray(group)
    order = np.argsort(numbers, kind="stable")
    centred = np.empty_like(truth)
    for members in np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1):
        here = truth[members]
        centred[members] = np.where(np.ptp(here, axis=0) == 0, 0, here - here.mean(axis=0))
    return centred


def regression_metrics(
    y: npt.ArrayLike,
    value: npt.ArrayLike,
    outputs: Sequence[str],
    reference: npt.ArrayLike | None = None,
    scale: npt.ArrayLike | None = None,
    group: npt.ArrayLike | None = None,
) -> dict[str, float]:
    """How good predicted numbers are.

    Args:
        y, value: [n, outputs], true and predicted, in the outputs' own units.
        outputs: names.
        reference: [n, outputs], where each number started from: 0 for a return, the last value for a level. NaN: that
            row has no direction. `None`: no output has one.
        scale: [outputs], the unit in which several outputs are put together (their usual move in training, so that
            volume does not drown prices); not used for one output, which stays in its own unit.
        group: int [n], the number of each row's group, such as its symbol: r2 is about each group's own mean, as it
            takes no skill to tell groups at different levels apart. `None`: one group.

    Returns:
        mae, rmse, r2 and, with a reference, directional_accuracy: the share of rows that moved whose move has the
        predicted sign; a prediction of no move counts one half. With several outputs also <metric>_<output> in the
        output's own unit; then mae and rmse put the outputs together in units of `scale`, and r2 is their mean. r2 is 1
        or 0 where y is constant, as scikit-learn. n.

    Raises:
        LabelError: no rows.
        DivergedError: a prediction is not finite.
    """
    return metrics_of(value_scores(y, value, outputs, reference, scale, group))

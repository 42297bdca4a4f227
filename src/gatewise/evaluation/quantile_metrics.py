"""Metrics of quantiles as functions of sums over rows, for the same reason as the classes' ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gatewise.errors import DivergedError, LabelError
from gatewise.evaluation.base import Floats, Ints
from gatewise.targets.outputs.quantiles import Quantiles, pinball


@dataclass(frozen=True)
class QuantileScores:
    """Contributions [n, 1 + 3·C·Q]: 1; pinball loss, whether y lies at or below, and predicted quantiles.

    Attributes:
        error: float64 [n, C·Q], predicted less true.
        scale: float64 [C], the unit in which columns are put together.
    """

    contributions: Floats
    error: Floats
    spec: Quantiles
    scale: Floats

    @property
    def loss(self) -> Floats:
        """[n], the mean over columns and levels of pinball losses in units of `scale`."""
        return np.asarray((self._each(self.contributions)[0] / self.scale[:, None]).mean(axis=(-2, -1)))

    @property
    def signals(self) -> Floats:
        """Errors, losses, and which quantiles hold y: of two predictors the errors differ by what they predict."""
        width = self.spec.num_outputs
        return np.concatenate([self.error, self.contributions[:, 1 : 1 + 2 * width]], axis=1)

    @property
    def truth(self) -> Floats:
        """Nothing: metrics depend on errors alone. Levels would remember for ever."""
        return np.empty((len(self.error), 0))

    def basis(self, metric: str) -> Floats:
        """Every row."""
        return self.contributions[:, :1]

    def unsummed(self) -> dict[str, float]:
        return {}

    def on_rows(self, at: Ints, scale: Floats | None = None) -> QuantileScores:
        """The scores of some rows, with their own `scale` where there are several columns to put together."""
        together = self.scale if scale is None or len(self.spec.outputs) == 1 else scale
        return replace(self, contributions=self.contributions[at], error=self.error[at], scale=together)

    def _each(self, sums: Floats) -> Floats:
        """[3, ..., C, Q] of [..., 1 + 3·C·Q]: losses, hits, predictions."""
        columns, levels = len(self.spec.outputs), len(self.spec.levels)
        return np.moveaxis(sums[..., 1:].reshape(*sums.shape[:-1], 3, columns, levels), -3, 0)

    def metrics(self, sums: Floats) -> dict[str, Floats]:
        """Metrics [...] of sums [..., q]; see `quantile_scores` for what each is."""
        loss, below, predicted = self._each(sums) / sums[..., 0, None, None]
        levels = np.asarray(self.spec.levels)
        metrics = {
            "pinball": (loss / self.scale[:, None]).mean(axis=(-2, -1)),
            "coverage_error": np.abs(below - levels).mean(axis=(-2, -1)),
        }
        for number, name in enumerate(self.spec.names):
            place = ..., *divmod(number, len(levels))
            metrics |= {f"pinball_{name}": loss[place], f"coverage_{name}": below[place]}
        for name, (column, low, high) in self.spec.between.items():
            metrics[f"coverage_{name}"] = below[..., column, high] - below[..., column, low]
            metrics[f"width_{name}"] = predicted[..., column, high] - predicted[..., column, low]
        return metrics


def quantile_scores(
    y: npt.ArrayLike, predictions: npt.ArrayLike, spec: Quantiles, scale: npt.ArrayLike | None = None
) -> QuantileScores:
    """Per-row contributions of predicted quantiles, from which these metrics follow.

    pinball: the mean over columns and levels of `targets.outputs.quantiles.pinball`; pinball_<quantile>: of one level.
    coverage_<quantile>: the share of rows that lie at or below it, about 0.1 for q10 where it is right.
    coverage_<quantile>_<quantile>: the share between two, and width_…: how far these lie apart, on average; from the
    outermost pair inwards. coverage_error: how far shares at or below are from their levels, the mean over all.

    Args:
        y: [n, C], true values.
        predictions: [n, C·Q], see `Quantiles`, in y's own unit.
        scale: [C], the unit in which several columns are put together in `pinball`; a single one stays in its own.

    Raises:
        LabelError: no rows.
        DivergedError: a prediction is not finite.
    """
    truth = np.asarray(y, dtype=np.float64).reshape(-1, len(spec.outputs))
    predicted = np.asarray(predictions, dtype=np.float64)
    if not len(truth):
        raise LabelError("evaluation needs at least one labelled row; got none")
    if predicted.shape != (len(truth), spec.num_outputs) or not np.isfinite(predicted).all():
        raise DivergedError(
            f"predictions must be finite and of shape {(len(truth), spec.num_outputs)}; got shape {predicted.shape}, "
            f"{int(np.sum(~np.isfinite(predicted)))} values not finite",
            "lower training.learning_rate or set training.gradient_clip",
        )
    quantiles = spec.apart(predicted)
    error = (quantiles - truth[:, :, None]).reshape(len(truth), -1)
    loss = pinball(quantiles, truth, spec.levels).reshape(len(truth), -1)
    contributions = np.concatenate([np.ones((len(truth), 1)), loss, error >= 0, predicted], axis=1)
    unit = np.ones(len(spec.outputs)) if scale is None or len(spec.outputs) == 1 else np.asarray(scale, np.float64)
    return QuantileScores(contributions, error, spec, unit)

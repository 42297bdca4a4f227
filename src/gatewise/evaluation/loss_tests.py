"""How a model's losses lie beside its baselines', tested: one pair at a time, and with the choice among all counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatewise.evaluation.base import Ints, PredictionScores
from gatewise.evaluation.confidence_set import ConfidenceSet, confidence_set
from gatewise.evaluation.diebold_mariano import DieboldMariano, diebold_mariano, loss_series

MODEL = "model"


@dataclass(frozen=True)
class LossTests:
    """Of one part.

    Attributes:
        diebold_mariano: {baseline: the model beside it}.
        confidence_set: of `model` and its baselines.
    """

    diebold_mariano: Mapping[str, DieboldMariano]
    confidence_set: ConfidenceSet

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "diebold_mariano": {name: test.to_dict() for name, test in self.diebold_mariano.items()},
            "confidence_set": self.confidence_set.to_dict(),
        }


def loss_tests(
    model: PredictionScores,
    baselines: Mapping[str, PredictionScores],
    *,
    time_us: Ints,
    symbol: Ints,
    horizon: int,
    confidence: float,
    samples: int,
    seed: int,
) -> LossTests:
    """Tests the losses of the same n rows, those that decide; the arguments are those of `confidence_set`."""
    losses = {MODEL: model.loss, **{name: scores.loss for name, scores in baselines.items()}}
    series, ahead = loss_series(losses, time_us, symbol, horizon)
    kept = confidence_set(
        losses, time_us=time_us, symbol=symbol, horizon=horizon, confidence=confidence, samples=samples, seed=seed
    )
    return LossTests({name: diebold_mariano(series[MODEL], series[name], ahead) for name in baselines}, kept)

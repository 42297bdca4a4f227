"""What is said of each fold without any fitting, beside the models: what came last comes again.

Lines to be read beside the others; none is a trial, so that no verdict and no measure of overfitting counts them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gatewise.config.schema import EvaluationConfig
from gatewise.evaluation.kinds.base import Ground
from gatewise.evaluation.kinds.table import judge_of
from gatewise.evaluation.scoring import PRIOR, score
from gatewise.jobs.shared import ALL, SharedData
from gatewise.selection.cv.frames import Line, Prediction
from gatewise.selection.cv.summary import Summary, summarize


def references(
    compared: Sequence[Prediction], shared: SharedData, deciding: str, spec: EvaluationConfig
) -> list[Summary]:
    """One for each reference and horizon, on the folds that models are compared on.

    Args:
        compared: all lines' predictions on those folds, the prior's among them.
        deciding: see `summarize`. spec: how results are judged.
    """
    summaries = []
    for horizon in shared.horizons:
        priors = [one for one in compared if (one.model, one.horizon) == (PRIOR, horizon)]
        lines = sorted(
            (each for prior in priors for each in _of_fold(prior, shared, spec.season)), key=lambda one: one.model
        )
        summaries += [each for each in summarize([*lines, *priors], deciding, spec.confidence) if each.model != PRIOR]
    return summaries


def _of_fold(prior: Prediction, shared: SharedData, season: int | None) -> Iterator[Prediction]:
    fold, labels = prior.fold, shared.horizons[prior.horizon].labels
    nothing = np.empty((fold.test.size, 0))
    ground = Ground(shared.table, labels, fold.train, season=season)
    for name, predicted in judge_of(labels).references(ground, fold.test).items():
        metrics = score(shared.table, labels, fold.train, fold.test, predicted)
        line = Line(ALL, metrics, fold.train.size, fold.val.size)
        yield Prediction(fold, None, name, prior.horizon, fold.test, nothing, (line,))

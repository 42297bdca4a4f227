"""What is said of each fold without any fitting, beside the models: what came last comes again.

Lines to be read beside the others; none is a trial, so that no verdict and no measure of overfitting counts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gatewise.config.schema import EvaluationConfig
from gatewise.evaluation.base import Floats, metrics_of
from gatewise.evaluation.kinds.base import Ground
from gatewise.evaluation.kinds.table import judge_of
from gatewise.evaluation.scoring import PRIOR
from gatewise.jobs.shared import ALL, SharedData
from gatewise.selection.cv.frames import Line, Prediction
from gatewise.selection.cv.summary import Summary, summarize


@dataclass(frozen=True)
class Reference:
    """One of them at a horizon.

    Attributes:
        loss: float64 [rows of the table], mean over folds that test a row; zero where none does.
    """

    summary: Summary
    loss: Floats


def references(
    compared: Sequence[Prediction], shared: SharedData, deciding: str, spec: EvaluationConfig
) -> list[Reference]:
    """One for each reference and horizon, on the folds that models are compared on.

    Args:
        compared: all lines' predictions on those folds, the prior's among them.
        deciding: see `summarize`. spec: how results are judged.
    """
    found: list[Reference] = []
    for horizon in shared.horizons:
        priors = [one for one in compared if (one.model, one.horizon) == (PRIOR, horizon)]
        lines: dict[str, list[Prediction]] = {}
        losses: dict[str, Floats] = {}
        seen = np.zeros(shared.table.num_rows)
        for prior in priors:
            fold, labels = prior.fold, shared.horizons[horizon].labels
            ground = Ground(shared.table, labels, fold.train, season=spec.season)
            score = judge_of(labels).scorer(Ground(shared.table, labels, fold.train), fold.test)
            seen[fold.test] += 1
            for name, predicted in judge_of(labels).references(ground, fold.test).items():
                scores = score(predicted)
                line = Line(ALL, metrics_of(scores), fold.train.size, fold.val.size)
                nothing = np.empty((fold.test.size, 0))
                lines.setdefault(name, []).append(Prediction(fold, None, name, horizon, fold.test, nothing, (line,)))
                losses.setdefault(name, np.zeros(shared.table.num_rows))[fold.test] += scores.loss
        in_order = [one for name in sorted(lines) for one in lines[name]]
        summaries = summarize([*in_order, *priors], deciding, spec.confidence)
        found += [Reference(one, losses[one.model] / np.maximum(seen, 1)) for one in summaries if one.model != PRIOR]
    return found

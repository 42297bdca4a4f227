"""Lines in pairs: each beside a reference, by Diebold and Mariano's test of their pooled out-of-fold losses.

Folds say what another training part would change; here the trained models stand as they are, and what counts is how
their losses lie apart row by row. One pair at a time: that they are many is counted by the confidence set alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gatewise.config.model_section import TabularConfig
from gatewise.config.schema import ExperimentConfig
from gatewise.data.blocks import block_numbers
from gatewise.data.table import SYMBOL
from gatewise.evaluation.base import Floats
from gatewise.evaluation.diebold_mariano import DieboldMariano, diebold_mariano, loss_series
from gatewise.jobs.shared import SharedData
from gatewise.selection.cv.plan import ONLINE
from gatewise.selection.cv.pooled import Pooled
from gatewise.selection.cv.references import Reference


@dataclass(frozen=True)
class Pairs:
    """Lines beside references.

    Attributes:
        beside: by horizon, the models whose lines the others are held against.
        tests: {line: {reference: of the line beside it}}, both as model@horizon.
    """

    beside: Mapping[int, Sequence[str]]
    tests: Mapping[str, Mapping[str, DieboldMariano]]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {name: {other: test.to_dict() for other, test in tests.items()} for name, tests in self.tests.items()}


def pair_lines(
    lines: Mapping[tuple[int, str], Pooled],
    references: Sequence[Reference],
    models: Mapping[str, ExperimentConfig],
    shared: SharedData,
    beside: Sequence[str] = (),
) -> Pairs:
    """Every line beside the references of its horizon.

    Args:
        lines: by horizon and model, the prior among them.
        references: what takes no fitting beside it.
        models: whose lines those are.
        beside: models that others are held against, each as its better line where it was updated as well; none of
            them there, or none given: the best of the prior, of what takes no fitting and of the models of one row.
    """
    table, symbol = shared.table, block_numbers(shared.table.frame[SYMBOL])
    chosen: dict[int, Sequence[str]] = {}
    tests: dict[str, dict[str, DieboldMariano]] = {}
    for horizon in shared.horizons:
        of_horizon = {model: line for (ahead, model), line in lines.items() if ahead == horizon}
        rows = np.flatnonzero(np.all([line.seen > 0 for line in of_horizon.values()], axis=0))
        losses: dict[str, Floats] = {model: line.loss[rows] for model, line in of_horizon.items()}
        losses |= {one.summary.model: one.loss[rows] for one in references if one.summary.horizon == horizon}
        series, ahead = loss_series(losses, table.time_us[rows], symbol[rows], horizon)
        plain = [name for name in losses if name not in models or isinstance(models[name].model, TabularConfig)]
        mean = {name: float(loss.mean()) for name, loss in losses.items()}
        held = [min((name, name + ONLINE), key=lambda line: mean.get(line, np.inf)) for name in beside if name in mean]
        held = held or [min(plain, key=lambda name: mean[name])]
        chosen[horizon] = held
        for name, loss in series.items():
            tests[f"{name}@{horizon}"] = {
                f"{other}@{horizon}": diebold_mariano(loss, series[other], ahead) for other in held if other != name
            }
    return Pairs(chosen, tests)

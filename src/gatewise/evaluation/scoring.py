"""What predictions on a fold's test rows are worth, and what the prior says, which knows nothing of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.data.table import Table
from gatewise.evaluation.base import metrics_of
from gatewise.evaluation.kinds.base import Ground
from gatewise.evaluation.kinds.table import judge_of
from gatewise.evaluation.reference import by_symbol
from gatewise.features.symbols import symbol_codes
from gatewise.splits.base import Rows
from gatewise.targets.base import Labels

PRIOR = "prior"


def score(table: Table, labels: Labels, train_rows: Rows, rows: Rows, predictions: Any) -> dict[str, float]:
    """Metrics by name of predictions on `rows`, and `n`, how many those are.

    Args:
        train_rows: what was learned from; only the unit in which several outputs are put together comes from them.
        predictions: [rows, num_outputs], as a bundle gives them; or as baselines come, see `Scorer`.

    Raises:
        DivergedError: predictions that are not finite.
    """
    return metrics_of(judge_of(labels).scorer(Ground(table, labels, train_rows), rows)(predictions))


def score_symbols(
    table: Table, labels: Labels, train_rows: Rows, rows: Rows, predictions: npt.NDArray[np.float64]
) -> dict[str, dict[str, float]]:
    """Metrics of each symbol that has rows, where the table has several; the arguments are those of `score`.

    The unit in which several outputs are put together is then the symbol's own, as for a model of that symbol alone.
    """
    if len(table.symbols) == 1:
        return {}
    scores = {}
    trained, tested = (symbol_codes(table, table.symbols)[at] for at in (train_rows, rows))
    for code, name in enumerate(sorted(table.symbols)):
        at, of_symbol = np.flatnonzero(tested == code), train_rows[trained == code]
        if at.size:
            scores[name] = score(table, labels, of_symbol if of_symbol.size else train_rows, rows[at], predictions[at])
    return scores


def knowing_nothing(
    table: Table, labels: Labels, train_rows: Rows, rows: Rows, symbols_known: bool
) -> npt.NDArray[np.float64]:
    """What the prior says of `rows`: float64 [rows, num_outputs].

    What training labels alone say, see `Judge.knowing_nothing`; symbol by symbol where labels continue columns of the
    table, whose levels are each symbol's own.

    Args:
        symbols_known: whether models know which symbol they predict; the prior then does, too.
    """
    judge = judge_of(labels)
    if symbols_known or labels.spec.starts:
        return by_symbol(
            table, train_rows, rows, lambda train, test: judge.knowing_nothing(Ground(table, labels, train), test)
        )
    return judge.knowing_nothing(Ground(table, labels, train_rows), rows)

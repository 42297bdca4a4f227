"""What predictions on a fold's test rows are worth, and what the prior says, which knows nothing of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatewise.data.table import Table
from gatewise.evaluation.base import Floats
from gatewise.evaluation.class_metrics import classification_metrics
from gatewise.evaluation.reference import mean_or_present, start_values, usual_moves
from gatewise.evaluation.value_metrics import regression_metrics
from gatewise.features.symbols import symbol_codes
from gatewise.splits.base import Rows
from gatewise.tabular.base import class_prior
from gatewise.targets.base import Labels

PRIOR = "prior"


def deciding_metric(labels: Labels) -> str:
    """The proper score by which models are compared; lower is better."""
    return "log_loss" if labels.is_classes else "rmse"


def score(
    table: Table, labels: Labels, kind: str, train_rows: Rows, rows: Rows, predictions: npt.NDArray[np.float64]
) -> dict[str, float]:
    """Metrics by name of predictions on `rows`, and `n`, how many those are.

    Args:
        kind: of the target.
        train_rows: what was learned from; only the unit in which several outputs are put together comes from them.
        predictions: [rows, classes] probabilities, or [rows, outputs] in the outputs' own units.

    Raises:
        DivergedError: predictions that are not finite.
    """
    if labels.is_classes:
        return classification_metrics(labels.y[rows].astype(np.int64), predictions, labels.classes)
    return regression_metrics(
        labels.y[rows],
        predictions,
        labels.outputs,
        start_values(table, labels, kind, rows),
        usual_moves(table, labels, kind, train_rows),
        symbol_codes(table, table.symbols)[rows],
    )


def score_symbols(
    table: Table, labels: Labels, kind: str, train_rows: Rows, rows: Rows, predictions: npt.NDArray[np.float64]
) -> dict[str, dict[str, float]]:
    """Metrics of each symbol that has rows, where the table has several; the arguments are those of `score`.

    The unit in which several outputs are put together is then the symbol's own, as for a model of that symbol alone.
    """
    if len(table.symbols) == 1:
        return {}
    found = {}
    trained, tested = (symbol_codes(table, table.symbols)[at] for at in (train_rows, rows))
    for code, name in enumerate(sorted(table.symbols)):
        at, own = np.flatnonzero(tested == code), train_rows[trained == code]
        if at.size:
            found[name] = score(table, labels, kind, own if own.size else train_rows, rows[at], predictions[at])
    return found


def said_knowing_nothing(
    table: Table, labels: Labels, kind: str, train_rows: Rows, rows: Rows, symbols_known: bool
) -> npt.NDArray[np.float64]:
    """What the prior says of `rows`: float64 [rows, classes or outputs].

    The training labels' shares or mean. Of columns of the next row it is that mean or the present value, whichever came
    nearer in training, column by column and symbol by symbol: the mean of a price over years is a guess that everything
    beats, and so is the last value of what returns to its mean.

    Args:
        kind: of the target.
        symbols_known: whether models know which symbol they predict; the prior then does, too.
    """
    if kind == "next_row":
        return mean_or_present(table, labels, train_rows, rows)
    if symbols_known:
        return prior_by_symbol(table, labels, train_rows, rows)
    return prior_predictions(labels, train_rows, rows.size)


def prior_predictions(labels: Labels, train_rows: Rows, count: int) -> npt.NDArray[np.float64]:
    """The training labels' shares or mean, said `count` times: float64 [count, outputs]."""
    said: Floats
    if labels.is_classes:
        said = class_prior(labels.y[train_rows].astype(np.int64), len(labels.classes))
    else:
        said = np.asarray(labels.y[train_rows], np.float64).mean(axis=0)
    return np.tile(said, (count, 1))


def prior_by_symbol(table: Table, labels: Labels, train_rows: Rows, rows: Rows) -> npt.NDArray[np.float64]:
    """The same for models that know symbols: what each symbol's own training labels say, float64 [rows, outputs].

    A symbol without any has what all symbols' say.
    """
    said = prior_predictions(labels, train_rows, rows.size)
    trained, tested = (symbol_codes(table, table.symbols)[at] for at in (train_rows, rows))
    for code in np.intersect1d(trained, tested):
        at = np.flatnonzero(tested == code)
        said[at] = prior_predictions(labels, train_rows[trained == code], at.size)
    return said

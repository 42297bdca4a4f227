"""Where a predicted number starts from, so that it can be said whether it rises or falls, and what knows no more."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gatewise.broker.market import Sides
from gatewise.data.table import Table
from gatewise.evaluation.base import Floats, Ints
from gatewise.targets.base import Labels
from gatewise.targets.learned import start_values
from gatewise.targets.outputs.base import OutputSpec


def by_symbol(table: Table, train_rows: Ints, rows: Ints, predict: Callable[[Ints, Ints], Floats]) -> Floats:
    """What `predict` (training rows, rows) says of `rows`, symbol by symbol: float64 [rows, outputs].

    A symbol without training rows has those of all symbols.
    """
    trained, tested = (np.searchsorted(table.symbol_starts, at, side="right") for at in (train_rows, rows))
    pieces, places = [], []
    for symbol in np.unique(tested):
        of_symbol, at = train_rows[trained == symbol], np.flatnonzero(tested == symbol)
        pieces.append(predict(of_symbol if len(of_symbol) else train_rows, rows[at]))
        places.append(at)
    predicted = np.empty((len(rows), pieces[0].shape[1]))
    predicted[np.concatenate(places)] = np.concatenate(pieces)
    return predicted


def mean_or_present(table: Table, labels: Labels, train_rows: Ints, rows: Ints) -> Floats:
    """`nearer_of_mean_and_present`, chosen and taken symbol by symbol."""
    return by_symbol(
        table, train_rows, rows, lambda train, test: nearer_of_mean_and_present(table, labels, train, test)
    )


def nearer_of_mean_and_present(table: Table, labels: Labels, train_rows: Ints, rows: Ints) -> Floats:
    """What can be said of columns of the next row without foresight: float64 [rows, outputs].

    A column's present value or its mean over training, whichever came nearer in training: the mean of a price over
    years is a guess that everything beats, and so is the last value of what returns to its mean.
    """
    seen, truth = start_values(table, labels.spec, train_rows), np.asarray(labels.at(train_rows), np.float64)
    present, mean = start_values(table, labels.spec, rows), truth.mean(axis=0)
    returns = np.square(truth - mean).mean(axis=0) < np.nanmean(np.square(truth - seen), axis=0)
    return np.where(returns | ~np.isfinite(present), mean, present)


def usual_moves(table: Table, labels: Labels, rows: Ints) -> Floats:
    """How far each output usually moves on `rows`: float64 [outputs], root mean square; 1 where it never moves."""
    moved = labels.at(rows) - start_values(table, labels.spec, rows)
    spread = np.sqrt(np.nanmean(np.square(moved), axis=0))
    return np.where(spread > 0, spread, 1.0)


def spread(y: Floats) -> Floats:
    """The standard deviation of each column of y [n, outputs]; 1 where it never varies."""
    deviation = y.std(axis=0)
    return np.where(deviation > 0, deviation, 1.0)


def price_sides(table: Table, spec: OutputSpec, rows: Ints, values: Floats) -> Sides:
    """The naive side at each row: up or down as the price's number is predicted, float64 [rows]; flat where its present
    value is missing.
    """
    assert spec.price is not None
    move = values - start_values(table, spec, rows)[:, spec.price]
    return np.sign(np.nan_to_num(move)).astype(np.int8)


def outside_training(labels: Labels, train_rows: Ints, rows: Ints) -> dict[str, float]:
    """{output: share of `rows` whose label lies outside of the range of the training labels}; empty for changes."""
    if not labels.spec.starts:
        return {}
    seen, y = labels.at(train_rows), labels.at(rows)
    share = ((y < seen.min(axis=0)) | (y > seen.max(axis=0))).mean(axis=0)
    return dict(zip(labels.outputs, share.tolist(), strict=True))

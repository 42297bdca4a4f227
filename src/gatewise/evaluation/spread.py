"""Quantiles that know how much a series has moved of late, and nothing else: what a model of quantiles has to beat.

Filtered historical simulation (Hull & White 1998; Barone-Adesi, Giannopoulos & Vosper 1999): training labels in units
of the spread that was known at their rows, and their quantiles times the spread that is known now. It is known with the
row itself.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from gatewise.data.table import Table
from gatewise.evaluation.base import Floats, Ints
from gatewise.evaluation.kinds.base import Ground
from gatewise.evaluation.reference import by_symbol
from gatewise.targets.base import Labels
from gatewise.targets.learned import start_values
from gatewise.targets.outputs.quantiles import Quantiles, empirical_quantiles
from gatewise.targets.paths import run_bounds

ROWS = 60  # moves that the spread is of


def quantiles_by_spread(ground: Ground, spec: Quantiles, rows: Ints, prior: Floats) -> dict[str, Floats]:
    """{name: float64 [rows, columns · levels]}, by symbol where the columns' levels are each symbol's own; empty where
    nothing says how much the series moved.

    Args:
        prior: likewise, where the spread of a row is not known.
    """
    known = _known(ground.table, ground.labels, spec)
    if known is None:
        return {}
    name, centre, spread = known
    say = partial(_said, ground.labels, spec, centre, spread)
    said = by_symbol(ground.table, ground.train_rows, rows, say) if spec.starts else say(ground.train_rows, rows)
    return {name: np.where(np.isfinite(said), said, prior)}


def _said(labels: Labels, spec: Quantiles, centre: Floats, spread: Floats, train_rows: Ints, rows: Ints) -> Floats:
    y = (np.asarray(labels.at(train_rows), np.float64) - centre[train_rows]) / spread[train_rows]
    y = y[np.isfinite(y).all(axis=1)]
    if not len(y):
        return np.full((len(rows), spec.num_outputs), np.nan)
    quantiles = centre[rows, :, None] + spread[rows, :, None] * empirical_quantiles(y, spec.levels)
    return quantiles.reshape(len(rows), -1)


def _known(table: Table, labels: Labels, spec: Quantiles) -> tuple[str, Floats, Floats] | None:
    """(name, where each column lies, in which unit it moves from there), both float64 [rows, columns], NaN: unknown."""
    if labels.history is not None:
        last = np.log(np.where(labels.history.moves, labels.history.means[:, 0], np.nan)) / 2
        return "random_walk", last[:, None], np.ones((len(last), 1))
    every = np.arange(table.num_rows)
    if spec.starts:
        centre = start_values(table, spec, every)
        return "trailing_volatility", centre, np.column_stack([_moves(table, name, True) for name in spec.starts])
    if spec.price is None or "close" not in table.columns:
        return None
    spread = _moves(table, "close", table.any_prices)
    width = len(spec.outputs)
    return "trailing_volatility", np.zeros((len(every), width)), np.tile(spread[:, None], (1, width))


def _moves(table: Table, column: str, differences: bool) -> Floats:
    """The standard deviation of the last moves, NaN where it is 0 or where a gap or a missing value lies among them."""
    from gatewise.targets.triple_barrier import trailing_volatility  # brings the compiler

    values = table.frame[column].cast(float).to_numpy()
    there = np.isfinite(values) if differences else values > 0
    run_start = run_bounds(table.segment_start, there)[0]
    spread = trailing_volatility(np.where(there, values, 1.0), run_start, ROWS, differences)
    return np.where(there & (spread > 0), spread, np.nan)

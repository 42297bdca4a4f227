"""The log of the volatility that the next horizon turns out to have had."""

from __future__ import annotations

import numpy as np

from gatewise.config.target_section import RealizedVolatilityConfig
from gatewise.data.table import Table
from gatewise.targets.base import Labels
from gatewise.targets.history import history_of, horizon_variance
from gatewise.targets.realized import Periods, measure_periods
from gatewise.targets.spec import output_spec

OUTPUT = "log_volatility"


def realized_volatility(table: Table, target: RealizedVolatilityConfig) -> Labels:
    """Labels of half the log of the variance that the horizon after each row has, known with its last row.

    There is none where a gap lies on the way, where nothing moved, then or over the last horizons before (a variance of
    0 has no log), and where fewer than 22 horizons lie before: so every label can be predicted by what went before.

    Raises:
        SchemaError, QualityError, ConfigError: see `measure_periods`.
    """
    periods = measure_periods(table, target)
    history = history_of(table, target, periods)
    y, known_at = np.zeros((table.num_rows, 1)), np.full(table.num_rows, -1)
    now, then = _whole_horizons(periods, target.horizon)
    variance = horizon_variance(target, periods)[then]
    rows = periods.known_at[now]
    there = (variance > 0) & history.moves[rows]
    y[rows[there], 0] = 0.5 * np.log(variance[there])
    known_at[rows[there]] = periods.known_at[then[there]]
    spec = output_spec(target, (OUTPUT,), _unit(target))
    return Labels(y, known_at, known_at >= 0, spec, history.lookback, history=history)


def _whole_horizons(periods: Periods, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Periods that can be predicted from, and those that the horizon after them ends with."""
    now = np.arange(max(0, len(periods.place) - horizon))
    whole = (periods.place[now + horizon] - periods.place[now] == horizon) & periods.ends[now]
    return now[whole], now[whole] + horizon


def _unit(target: RealizedVolatilityConfig) -> str:
    over = f"the next {target.horizon}" if target.horizon > 1 else "the next"
    each = {
        "returns": f"of {over} rows' returns" if target.horizon > 1 else "of the next row's return",
        "day": f"a session, over {over}",
        "range": f"a row, over {over}",
        "column": f"a row as {target.column} has it, over {over}",
    }
    return f"log of volatility {each[target.measure]}"

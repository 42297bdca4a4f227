"""Which features a network's forecasts continue: those of the columns that it predicts, at their levels."""

from __future__ import annotations

from collections.abc import Sequence

from gatewise.config.schema import ExperimentConfig, TargetConfig
from gatewise.data.table import OHLCV
from gatewise.models.base import Forecast
from gatewise.targets.outputs.base import OutputSpec


def forecast_of(config: ExperimentConfig, features: Sequence[str], spec: OutputSpec) -> Forecast | None:
    """What outputs continue; `None` where they are no levels of columns, or some column is not among the features.

    Args:
        features: names, in the matrix's order.
    """
    columns = tuple(dict.fromkeys(spec.starts))
    levels = isinstance(config.target, TargetConfig) and config.target.learn == "levels"
    levels &= config.features.columns_as == "levels" and spec.num_outputs == len(spec.outputs)
    levels &= spec.columns == columns  # one unit a column, whatever the step: several horizons have one each
    raw = {*config.features.columns, *OHLCV} & set(features)
    if not columns or not levels or not set(columns) <= raw:
        return None
    return Forecast(spec.num_outputs // len(columns), tuple(features.index(name) for name in columns))

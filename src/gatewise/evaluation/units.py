"""The units of what is judged, where rows and target say them; of a column that nothing is known of, none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatewise.data.table import OHLC, Table
from gatewise.targets.base import Labels

PRICE = "price units"
MOVES = "units of each column's usual move in training"  # of several together, see `usual_moves`
LOG_VARIANCE = "logs of variances, and QLIKE has no unit"
STANDARD = "units of each column's standard deviation in training"  # of paths


@dataclass(frozen=True)
class ErrorUnits:
    """What errors are in.

    Attributes:
        errors: of RMSE, MAE, pinball loss; `None`: unknown, or there are none of numbers.
        columns: {output: its unit, `None`: unknown} where columns of the next row are predicted.
    """

    errors: str | None
    columns: Mapping[str, str | None]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"errors": self.errors, "columns": dict(self.columns)}

    @property
    def of_columns(self) -> str:
        """`open, close in price units, volume in its own unit`"""
        by_unit: dict[str, list[str]] = {}
        for name, unit in self.columns.items():
            by_unit.setdefault(unit or "its own unit", []).append(name)
        return ", ".join(f"{', '.join(names)} in {_plural(unit, len(names))}" for unit, names in by_unit.items())


def error_units(table: Table, labels: Labels) -> ErrorUnits:
    """Prices are those of bars: a table that holds open, high, low and close."""
    spec, are_bars = labels.spec, set(OHLC) <= set(table.columns)
    columns = {
        name: PRICE if are_bars and start in OHLC else None
        for name, start in zip(spec.columns, spec.starts, strict=False)
    }
    if labels.steps:
        return ErrorUnits(STANDARD, columns)
    if spec.scale is not None:
        return ErrorUnits(LOG_VARIANCE, columns)
    if len(spec.outputs) > 1:
        return ErrorUnits(MOVES, columns)
    return ErrorUnits(columns[spec.outputs[0]] if columns else spec.unit or None, columns)


def _plural(unit: str, count: int) -> str:
    return "their own units" if unit == "its own unit" and count > 1 else unit

"""What errors are said to be in: what rows and target say, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from audit_tables import random_walk
from gatewise.config.target_section import TargetConfig
from gatewise.evaluation.units import ErrorUnits, error_units
from gatewise.targets.make import make_labels

BARS = random_walk(300)


def units(table=BARS, **fields) -> ErrorUnits:
    return error_units(table, make_labels(table, TargetConfig(horizon=2, **fields)))


def test_prices_of_bars_are_in_price_units_and_volume_in_its_own() -> None:
    of_bars = units(kind="next_row", columns=("open", "close", "volume"))
    assert of_bars.columns == {"open": "price units", "close": "price units", "volume": None}
    assert of_bars.errors == "units of each column's usual move in training"
    assert of_bars.of_columns == "open, close in price units, volume in its own unit"


def test_one_column_has_its_own_unit_or_none() -> None:
    assert units(kind="next_row", columns=("close",)).errors == "price units"
    assert units(kind="next_row", columns=("volume",)).errors is None


def test_a_close_that_is_no_bars_has_no_unit() -> None:
    alone = BARS.with_frame(BARS.frame.select("symbol", "time", "close", load=np.arange(300.0)))
    assert units(alone, kind="next_row").columns == {"close": None, "load": None}
    assert units(alone, kind="next_row").of_columns == "close, load in their own units"


def test_several_horizons_and_returns_and_classes() -> None:
    ahead = error_units(BARS, make_labels(BARS, TargetConfig(kind="next_row", horizons=(1, 3), columns=("close",))))
    assert ahead.columns == {"close_1": "price units", "close_3": "price units"}
    assert units(kind="forward_return").errors == "log return over 2 rows"
    assert units(kind="direction") == ErrorUnits(None, {})


@pytest.mark.parametrize("learn", ["levels", "relative"])
def test_what_is_learned_changes_no_unit(learn: str) -> None:
    assert units(kind="next_row", columns=("close",), learn=learn).errors == "price units"

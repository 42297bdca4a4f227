"""From a Table and a target's spec to labels that say when they become known."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.config.target_section import RealizedVolatilityConfig, TargetConfig, TargetPart, TargetSection
from gatewise.data.table import Table
from gatewise.errors import (
    ConfigError,
    NotEnoughRowsError,
    UnknownNameError,
    entry,
)
from gatewise.parts import find_part, whose_code
from gatewise.targets import direction as binary
from gatewise.targets.base import Labels
from gatewise.targets.check import FLOAT32_MAX, require_labels
from gatewise.targets.columns import read_columns, read_prices, refuse_rows
from gatewise.targets.forward_return import forward_change, forward_return
from gatewise.targets.learned import start_values
from gatewise.targets.next_row import next_row
from gatewise.targets.outputs.sequences import Sequences
from gatewise.targets.paths import Rows, run_bounds, settled_at
from gatewise.targets.realized_volatility import realized_volatility
from gatewise.targets.spec import output_spec

log = logging.getLogger("gatewise.targets")
_ITSELF = "the column's own"  # unit


@dataclass(frozen=True)
class TargetSpec(TargetPart):
    """What there is to know of a target.

    Attributes:
        label: (table, its section) -> labels of all rows; `Labels` says when each is known.
    """

    label: Callable[[Table, Any], Labels]


def make_labels(table: Table, spec: TargetSection) -> Labels:
    """Labels every row of `table`; rows whose path leaves their segment or meets a missing value are invalid.

    Raises:
        SchemaError: the target reads a column that the table lacks.
        UnknownNameError, ConfigError: next_row names a column that the table lacks, or one twice; a kind that is not
            made from tables; labels of one's own target that break the contract (`require_labels`).
        QualityError: a price that is not positive (but for `Table.any_prices`) and finite, or a value beyond float32.
        NotEnoughRowsError: no row has its whole path.
    """
    if spec.kind == "given":
        raise ConfigError(
            "target.kind must say what to predict of a table; given labels come as arrays",
            f"target.kind is one of {', '.join(KINDS)}",
        )
    labels = KINDS[spec.kind].label(table, spec) if spec.kind in KINDS else _labels_of_ones_own(table, spec)
    if not labels.valid.any():
        need = spec.horizon + labels.lookback
        raise NotEnoughRowsError(
            f"target {spec.kind} needs {need} rows in a row without gap or missing value, and a price that moves; "
            f"none of {table.num_rows} rows has them",
            _remedy(table, spec),
        )
    _tell(labels, spec)
    return labels


def _remedy(table: Table, spec: TargetSection) -> str:
    lower = f"lower {spec.ahead_field}, " if spec.horizon > 1 else ""
    of_sessions = isinstance(spec, RealizedVolatilityConfig) and spec.measure == "day"
    if of_sessions and table.calendar is None:  # nights are gaps, which no session may have before it
        return f'give more rows, {lower}or name the calendar of a market that closes: data.calendar="XNYS"'
    return f"give more rows, {lower}or raise data.gap_tolerance"


def short_name(kind: str) -> str:
    """The word for a kind of target in names of runs; of one's own that has none, its own name: `bigmove`."""
    return find_part("target", kind, KINDS, TargetSpec).short or kind.rpartition(":")[2].lower()


def _labels_of_ones_own(table: Table, spec: TargetSection) -> Labels:
    target = find_part("target", spec.kind, KINDS, TargetSpec)
    with whose_code(f"target {spec.kind}", "label these rows"):
        labels = target.label(table, spec)
    return require_labels(labels, table, spec)


def _triple_barrier(table: Table, spec: TargetConfig) -> Labels:
    # Here, not above: importing the compiler takes longer than most commands need it for.
    from gatewise.targets.triple_barrier import CLASSES, trailing_volatility, triple_barrier

    (close, high, low), present = read_prices(table, ("close", "high", "low"))
    run_start, run_end = run_bounds(table.segment_start, present)
    lookback = entry("barrier", spec.barrier, {"volatility": spec.volatility_rows + 1, "fixed": 1})
    unit: npt.NDArray[np.float64] = np.ones(close.size)
    if spec.barrier == "volatility":
        unit = trailing_volatility(close, run_start, spec.volatility_rows, table.any_prices) * math.sqrt(spec.horizon)
    y, known_at = triple_barrier(
        close,
        high,
        low,
        spec.upper * unit + spec.cost,
        spec.lower * unit + spec.cost,
        run_end,
        horizon=spec.horizon,
        on_both=CLASSES.index(spec.on_both),
        in_price_units=table.any_prices,
    )
    return Labels(y, known_at, known_at >= 0, output_spec(spec, CLASSES), lookback)


def _direction(table: Table, spec: TargetConfig) -> Labels:
    (close,), present = read_prices(table, ("close",))
    known_at = settled_at(run_bounds(table.segment_start, present)[1], spec.ahead)[:, 0]
    return Labels(binary.direction(close, known_at), known_at, known_at >= 0, output_spec(spec, binary.CLASSES))


def _forward_return(table: Table, spec: TargetConfig) -> Labels:
    (close,), present = read_prices(table, ("close",))
    known = settled_at(run_bounds(table.segment_start, present)[1], spec.ahead)
    name, unit, change = ("forward_return", "log return", forward_return)
    if table.any_prices:
        name, unit, change = ("forward_change", "price units", forward_change)
    y = np.concatenate([change(close, column) for column in known.T], axis=1)
    return _numbers(
        spec,
        y,
        known,
        (name,),
        f"{unit} over {', '.join(map(str, spec.ahead))} {'row' if spec.ahead == (1,) else 'rows'}",
    )


def _next_row(table: Table, spec: TargetConfig) -> Labels:
    names = spec.columns or table.columns
    for name in names:
        if name not in table.columns:
            raise UnknownNameError("target column", name, table.columns)
    if len(set(names)) < len(names):
        raise ConfigError(f"target.columns must differ; got {', '.join(names)}", "name each column once")
    columns, present = read_columns(table, names)
    for name, column in zip(names, columns, strict=True):
        refuse_rows(table, name, column, np.abs(column) > FLOAT32_MAX, "target values must lie within float32")
    known = settled_at(run_bounds(table.segment_start, present)[1], spec.ahead)
    if spec.steps:
        series = np.column_stack(columns).astype(np.float64)
        paths = Sequences(spec.steps, tuple(names), _ITSELF)
        return Labels(series, known[:, -1], known[:, -1] >= 0, paths, steps=spec.steps)
    y = np.concatenate([next_row(columns, column) for column in known.T], axis=1)
    labels = _numbers(spec, y, known, tuple(names), _ITSELF)
    start = None if spec.learn == "levels" else start_values(table, labels.spec, np.arange(table.num_rows))
    return replace(labels, start=start)


def _numbers(
    spec: TargetConfig,
    y: npt.NDArray[np.float64],
    known: Rows,
    names: tuple[str, ...],
    unit: str,
) -> Labels:
    """Labels of numbers [rows, horizons · names], horizon by horizon; `known` [rows, horizons] says when they are."""
    by_output = None
    if len(spec.ahead) > 1:
        names = tuple(f"{name}_{ahead}" for ahead in spec.ahead for name in names)
        by_output = np.repeat(known, len(names) // len(spec.ahead), axis=1)
    return Labels(y, known[:, -1], known[:, -1] >= 0, output_spec(spec, names, unit), known_by_output=by_output)


KINDS: dict[str, TargetSpec] = {
    "triple_barrier": TargetSpec(_triple_barrier, config=TargetConfig, short="tb"),
    "direction": TargetSpec(_direction, config=TargetConfig, short="dir"),
    "forward_return": TargetSpec(_forward_return, config=TargetConfig, short="ret"),
    "next_row": TargetSpec(_next_row, config=TargetConfig, short="row"),
    "realized_volatility": TargetSpec(realized_volatility, config=RealizedVolatilityConfig, short="vol"),
}


def _tell(labels: Labels, spec: TargetSection) -> None:
    count = int(labels.valid.sum())
    counts = labels.counts(np.flatnonzero(labels.valid))
    named = ", ".join(f"{name} {n / count:.1%}" for name, n in zip(labels.classes, counts, strict=True))
    shares = f": {named}" if named else ""
    ahead = "1 row" if spec.horizon == 1 else f"{spec.horizon:,} rows"
    log.info(
        "%s, horizon %s: %s of %s rows labelled%s", spec.kind, ahead, f"{count:,}", f"{labels.valid.size:,}", shares
    )

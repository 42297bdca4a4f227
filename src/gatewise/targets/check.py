"""What labels of one's own target must hold to, whatever made them: spans and purge believe `known_at`.

That a label is not known sooner than it says can't be seen in one set of labels; the audit makes them of other futures.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatewise.config.target_section import TargetSection
from gatewise.data.table import SYMBOL, TIME, Table
from gatewise.errors import ConfigError
from gatewise.targets.base import Labels
from gatewise.targets.paths import Flags
from gatewise.targets.spec import output_spec

FLOAT32_MAX = float(np.finfo(np.float32).max)
_HINT = 'docs/architecture.md, "How to add a target", says what labels hold'


def require_labels(labels: object, table: Table, config: TargetSection) -> Labels:
    """Labels as they are, if they are such.

    Raises:
        ConfigError: no Labels, another shape or dtype, or a kind that the config does not say; a label that is not
            settled after its row, within `target.horizon` rows and the row's segment; one that is no class's number,
            not finite or beyond float32.
    """
    name = f"target {config.kind}"
    if not isinstance(labels, Labels):
        raise ConfigError(f"{name} must make gatewise.targets.base.Labels; got {type(labels).__name__}", _HINT)
    spec = labels.spec
    if getattr(spec, "kind", None) != config.output_kind or spec != output_spec(
        config, labels.classes or labels.outputs, spec.unit
    ):
        raise ConfigError(f"{name} must say by output_spec(config, names, unit) what it predicts; got {spec!r}", _HINT)
    if labels.steps:
        raise ConfigError(f"{name}: steps must be 0; paths are of next_row's columns alone", _HINT)
    if labels.start is not None:
        raise ConfigError(f"{name}: start must be None; changes are learned of next_row's columns alone", _HINT)
    if config.horizons and labels.known_by_output is None:
        raise ConfigError(f"{name} predicts one horizon; got target.horizons", "leave out target.horizons")
    _require_arrays(name, labels, table.num_rows)
    _require_settled(name, labels, table, config.horizon)
    y = labels.y if labels.classes else np.abs(labels.y).max(axis=1)
    beyond = (y < 0) | (y >= len(labels.classes)) if labels.classes else ~(y <= FLOAT32_MAX)
    _require(f"{name}: y must be a class number or finite within float32", table, labels.valid & beyond)
    return labels


def _require_arrays(name: str, labels: Labels, num_rows: int) -> None:
    columns = (num_rows, len(labels.outputs))
    wanted: dict[str, tuple[object, tuple[int, ...], type[np.generic]]] = {
        "y": (labels.y, (num_rows,), np.int64) if labels.classes else (labels.y, columns, np.float64),
        "known_at": (labels.known_at, (num_rows,), np.int64),
        "valid": (labels.valid, (num_rows,), np.bool_),
    }
    if labels.known_by_output is not None:
        wanted["known_by_output"] = (labels.known_by_output, columns, np.int64)
    for field, (array, shape, dtype) in wanted.items():
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
            got = f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__
            raise ConfigError(f"{name}: {field} must be {dtype.__name__} {list(shape)}; got {got}", _HINT)
    if not isinstance(labels.lookback, int) or labels.lookback < 1:
        raise ConfigError(f"{name}: lookback must be rows, at least 1; got {labels.lookback!r}", _HINT)


def _require_settled(name: str, labels: Labels, table: Table, horizon: int) -> None:
    row, known_at, valid = np.arange(table.num_rows), labels.known_at, labels.valid
    settled = labels.settled(row)
    late = (known_at > row + horizon) | (known_at >= table.num_rows)
    inside = np.clip(known_at, 0, table.num_rows - 1)
    elsewhere = table.segment_start[inside] != table.segment_start
    rules = {
        "a label must be known after its row, not with it or before": valid & (settled.min(axis=1) <= row),
        f"a label must be known within target.horizon, {horizon} rows": valid & late,
        "a label must not lie beyond a gap or in another symbol": valid & elsewhere,
        "known_at must be the latest of known_by_output": valid & (settled.max(axis=1) != known_at),
        "known_at must be -1 where there is no label": ~valid & (known_at != -1),
        "y must be 0 where there is no label": ~valid & (labels.y.reshape(row.size, -1) != 0).any(axis=1),
    }
    for rule, broken in rules.items():
        _require(f"{name}: {rule}", table, broken)


def _require(rule: str, table: Table, broken: Flags) -> None:
    rows: npt.NDArray[np.int64] = np.flatnonzero(broken)
    if rows.size:
        symbol, time = table.frame[SYMBOL][int(rows[0])], table.frame[TIME][int(rows[0])]
        raise ConfigError(f"{rule}; rows: {rows.size}, the first {symbol} {time:%Y-%m-%d %H:%M:%S}", _HINT)

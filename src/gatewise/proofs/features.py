"""Features: does a value change when later rows do, or when rows before its lookback are taken away?"""

from __future__ import annotations

import numpy as np

from gatewise.data.table import Table
from gatewise.errors import DataError
from gatewise.features.base import FeatureMatrix
from gatewise.features.build import resolve_features
from gatewise.proofs.base import Case, Check, describe_cover, name_row, same_bits, some
from gatewise.proofs.corrupt import Future, worlds
from gatewise.quiet import warnings_only
from gatewise.targets.history import with_history

NUM_LIVE_ROWS = 24
# Batch and live values agree to 1e-9 before they are rounded to float32, which may then be one step apart. What is at a
# level keeps its float64, and is held to that: at 1e9 one step of float32 would be 64.
ABSOLUTE_TOLERANCE, RELATIVE_TOLERANCE, TOLERANCE_AT_LEVEL = 1e-9, 2.0**-23, 2.0**-44


def check_features(case: Case) -> Check:
    """No feature of a row, nor the row's validity, changes with later rows: equal to the bit."""
    compared = num_futures = 0
    last_world, base = None, _nothing(case.samples.matrix, case.chunk)
    with warnings_only("gatewise"):
        for world, future in worlds(case.chunk, case.rng("features"), case.config.features.timeframes):
            if world is not last_world:
                last_world, base = world, _features(case, world)
            offence = _changed_features(base, _features(case, future.table), future, world)
            if offence:
                return Check("features", False, offence)
            compared += int(base.valid[future.kept].sum()) * len(base.names)
            num_futures += 1
    return Check(
        "features",
        True,
        f"{len(base.names)} features: {compared:,} values identical to the bit under {num_futures} corrupted futures; "
        f"{describe_cover(case.chunk)}",
    )


def _features(case: Case, table: Table) -> FeatureMatrix:
    try:
        matrix = case.parts.build_features(table, case.config.features)
        if case.config.features.history:
            matrix = with_history(matrix, case.parts.make_history(table, case.config.target))
        return matrix
    except DataError:  # no complete row in so short a table, or no value in a column: nothing is valid
        return _nothing(case.samples.matrix, table)


def _nothing(like: FeatureMatrix, table: Table) -> FeatureMatrix:
    values = np.zeros((table.num_rows, len(like.names)), like.values.dtype)
    return FeatureMatrix(values, np.zeros(table.num_rows, dtype=bool), like.names, like.lookback)


def _changed_features(base: FeatureMatrix, other: FeatureMatrix, future: Future, table: Table) -> str | None:
    was, now = base.valid[future.kept], other.valid[future.at]
    if np.any(was != now):
        row = future.kept[np.flatnonzero(was != now)[0]]
        return f"validity changes at {name_row(table, row)} when later rows are {future.what}"
    rows, at = future.kept[was], future.at[was]
    same = same_bits(base.values[rows], other.values[at])
    offenders = np.flatnonzero(~same.all(axis=0))
    if not offenders.size:
        return None
    names = [base.names[offender] for offender in offenders]
    first = int(np.flatnonzero(~same[:, offenders[0]])[0])
    before, after = (float(m.values[r, offenders[0]]) for m, r in ((base, rows[first]), (other, at[first])))
    return (
        f"{some(names)} look{'s' if len(names) == 1 else ''} ahead: {names[0]} at {name_row(table, rows[first])} "
        f"changes from {before:g} to {after:g} when rows later than the cut are {future.what}"
    )


def check_live_parity(case: Case) -> Check:
    """The last `lookback` rows alone, as a live buffer holds them, give the row that the whole series gives."""
    table, rng = case.chunk, case.rng("live parity")
    features = resolve_features(case.config.features, table.columns, table.timeframe, table.calendar)
    at_level = {feature.name for feature in features if feature.at_level}
    with warnings_only("gatewise"):
        base = _features(case, table)
        relative = np.array([TOLERANCE_AT_LEVEL if name in at_level else RELATIVE_TOLERANCE for name in base.names])
        valid = np.flatnonzero(base.valid)
        rows = np.sort(rng.choice(valid, min(NUM_LIVE_ROWS, valid.size), replace=False))
        for row in rows:
            begin = int(row) - base.lookback + 1
            buffer = table.with_frame(table.frame.slice(max(begin, 0), int(row) + 1 - max(begin, 0)))
            live = _features(case, buffer)
            where = f"at {name_row(table, row)}, from the last {base.lookback} rows alone"
            if not live.valid[-1]:
                return Check("live parity", False, f"the row is not valid {where}")
            batch, alone = base.values[row].astype(np.float64), live.values[-1].astype(np.float64)
            apart = np.abs(batch - alone) > ABSOLUTE_TOLERANCE + relative * np.abs(batch)
            if apart.any():
                names = [base.names[offender] for offender in np.flatnonzero(apart)]
                first = np.flatnonzero(apart)[0]
                values = f"{names[0]} is {batch[first]:.9g} in the series and {alone[first]:.9g} {where}"
                return Check("live parity", False, f"{some(names)} need(s) more than the declared lookback: {values}")
    return Check(
        "live parity",
        True,
        f"{len(base.names)} features at {rows.size} rows, each from its last {base.lookback} rows alone",
    )

"""Predictions: through the bundle, the only scoring path, a row's numbers depend on its window and on nothing later."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.bundle import Bundle
from gatewise.data.table import SYMBOL, TIME, Table
from gatewise.learners.table import learner_of
from gatewise.proofs.base import Case, Check, name_row, small_config
from gatewise.proofs.corrupt import cut_moments, futures
from gatewise.proofs.fitting import UNSEEDED
from gatewise.quiet import warnings_only
from gatewise.rows import newest_of
from gatewise.splits.base import Rows

NUM_CUTS = 2
NUM_ROWS = 256  # scored before each cut: the last half of them right before it
NUM_SINGLE = 8
SINGLE_TOLERANCE = 1e-6


def check_predictions(case: Case) -> Check:
    """A model with random weights scores rows alike whatever comes later, and alone as among others."""
    rng, table = case.rng("predictions"), case.chunk
    with warnings_only("gatewise"):
        bundle = _random_bundle(case, rng)
        cuts = cut_moments(table, rng)
        scorable = bundle.scorable_rows(table, bundle.features(table))
        compared = 0
        for cut_us in cuts[-NUM_CUTS:]:
            rows = _rows_before(table, scorable, cut_us, rng)
            if not rows.size:
                continue
            base = _numbers(case.parts.predict(bundle, table, rows))
            for future in futures(table, cut_us, rng):
                at = future.at[np.searchsorted(future.kept, rows)]
                changed = base != _numbers(case.parts.predict(bundle, future.table, at))
                if changed.any() and (base != _numbers(case.parts.predict(bundle, table, rows))).any():
                    return Check("predictions", False, f"the same rows are predicted twice as two things: {UNSEEDED}")
                if changed.any():
                    row = rows[np.flatnonzero(changed.any(axis=1))[0]]
                    return Check(
                        "predictions",
                        False,
                        f"the prediction at {name_row(table, row)} changes when later rows are {future.what}",
                    )
                compared += rows.size
        apart, row = _furthest_alone(case, bundle, scorable, rng)
    if apart > SINGLE_TOLERANCE:
        where = f"{name_row(table, row)} scored alone, from its last {bundle.rows_needed} rows"
        return Check("predictions", False, f"{where}, differs by {apart:.2g} from the same row among others")
    return Check(
        "predictions",
        True,
        f"{compared:,} predictions of a small {case.config.model.name} identical under corrupted futures; "
        f"a row alone differs by at most {apart:.1g} from the same row among others",
    )


def _random_bundle(case: Case, rng: np.random.Generator) -> Bundle:
    config = small_config(case.config, int(rng.integers(2**31)), len(case.split.train))
    fold = case.parts.fit_fold(config, case.samples, case.split.train)
    sketch = learner_of(config.model).sketch(config, case.samples, fold, case.split.train)
    return Bundle.of(config, case.samples, fold, sketch)


def _rows_before(table: Table, scorable: Rows, cut_us: int, rng: np.random.Generator) -> Rows:
    before = scorable[table.time_us[scorable] <= cut_us]
    newest = newest_of(before, table.time_us, NUM_ROWS // 2)
    return np.union1d(newest, rng.choice(before, min(NUM_ROWS // 2, before.size), replace=False))


def _furthest_alone(case: Case, bundle: Bundle, scorable: Rows, rng: np.random.Generator) -> tuple[float, int]:
    table = case.chunk
    rows = np.sort(rng.choice(scorable, min(NUM_SINGLE, scorable.size), replace=False))
    among = _numbers(case.parts.predict(bundle, table, rows))
    furthest, where = 0.0, int(rows[0])
    for row, numbers in zip(rows.tolist(), among, strict=True):
        buffer = table.with_frame(table.frame.slice(row + 1 - bundle.rows_needed, bundle.rows_needed))
        alone = _numbers(case.parts.predict(bundle, buffer, np.array([bundle.rows_needed - 1])))[0]
        apart = float(np.max(np.abs(alone - numbers) / (1 + np.abs(numbers))))
        if apart > furthest:
            furthest, where = apart, row
    return furthest, where


def _numbers(predicted: pl.DataFrame) -> npt.NDArray[np.float64]:
    columns = [name for name in predicted.columns if name not in (SYMBOL, TIME, "label")]
    return predicted.select(columns).to_numpy()

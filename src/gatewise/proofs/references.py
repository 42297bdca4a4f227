"""References: do baselines that are fitted on what was settled at a moment, and asked then, know what comes later?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from gatewise.data.table import Table
from gatewise.evaluation.baselines import choose_rows
from gatewise.evaluation.kinds.base import BaselineRows, Ground
from gatewise.fold import label_units, scaled_features
from gatewise.proofs.base import Case, Check, moment, same_bits
from gatewise.proofs.corrupt import cut_moments, futures
from gatewise.quiet import warnings_only
from gatewise.splits.base import Rows

NUM_TRAIN, NUM_JUDGED = 600, 200  # the newest of what is settled, and of what is known, at the cut


def check_references(case: Case) -> Check:
    """Fitted and asked at a moment, each says the same to the bit whatever later rows are."""
    if case.samples.labels.history is None:
        return Check("references", True, f"none to check: target {case.config.target.kind} has no history")
    rng, table = case.rng("references"), case.chunk
    cut_us = cut_moments(table, rng)[-1]
    num_futures = compared = 0
    with warnings_only("gatewise"):
        rows, base = _forecasts(case, table, cut_us)
        for future in futures(table, cut_us, rng):
            at, other = _forecasts(case, future.table, cut_us)
            same_rows = np.array_equal(future.at[np.searchsorted(future.kept, rows)], at)
            moved = [name for name in base if not same_rows or not same_bits(base[name], other[name]).all()]
            if moved:
                return Check(
                    "references",
                    False,
                    f"what {moved[0]} says at or before {moment(cut_us)} changes when later rows are {future.what}",
                )
            num_futures += 1
            compared += len(base) * len(rows)
    return Check(
        "references",
        True,
        f"{compared:,} forecasts of {', '.join(base)} identical under {num_futures} corrupted futures",
    )


def _forecasts(case: Case, table: Table, cut_us: int) -> tuple[Rows, Mapping[str, npt.NDArray[np.float64]]]:
    """Rows up to the cut, and what each baseline says of them that was fitted on labels settled by then."""
    config, samples = case.config, case.parts.make_samples(case.config, table)
    labels, time_us = samples.labels, table.time_us
    assert labels.history is not None
    settled = samples.rows[time_us[labels.known_at[samples.rows]] <= cut_us]
    train = settled[choose_rows(time_us[settled], len(settled))][-NUM_TRAIN:]
    fold = case.parts.fit_fold(config, samples, train)
    known = np.flatnonzero(labels.history.moves & samples.matrix.valid & (time_us <= cut_us))[-NUM_JUDGED:]
    ground = Ground(table, labels, train, label_units(samples, fold))
    learned = BaselineRows(train, scaled_features(config, samples, fold, train), case.seed)
    return known, case.parts.baselines(ground, learned, known, scaled_features(config, samples, fold, known))

"""What is fitted: do scalers and weights change when everything that training does not touch does?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from gatewise.config.schema import ExperimentConfig
from gatewise.features.scaling import Scaler
from gatewise.fold import FittedFold, scaled_by
from gatewise.proofs.base import Case, Check, moment, small_config, some
from gatewise.proofs.corrupt import corrupt
from gatewise.quiet import warnings_only
from gatewise.rows import newest_of, rows_in_windows
from gatewise.sample_weights import SampleWeights
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.targets.outputs.base import random_values
from gatewise.training.listeners import Listeners

NUM_TRAINED = 2_000
MOST_TRIES = 3
UNSEEDED = "the model draws from a generator that its seed does not set, so nothing is known of looking ahead"


def check_scaler(case: Case) -> Check:
    """Scalers and weights stay the same to the bit when all rows outside training windows hold garbage."""
    samples, train = case.samples, case.split.train
    garbled, num_garbled = garble_outside(case, train, case.rng("scaler"))
    with warnings_only("gatewise"):
        before, after = (case.parts.fit_fold(case.config, s, train) for s in (samples, garbled))
    if offence := changed(before, after, samples):
        return Check("scaler", False, f"fitted on rows outside training: {offence}")
    unread = before.scaler.unread
    weights = "class" if before.sample_weights is None else "class and sample"
    left = f", as are the {len(unread)} features left unread ({', '.join(unread)})" if unread else ""
    return Check(
        "scaler",
        True,
        f"scaler{'' if before.target_scaler is None else 's'} and {weights} weights unchanged with garbage in the "
        f"{num_garbled:,} of {case.table.num_rows:,} rows outside training windows{left}",
    )


def garble_outside(case: Case, rows: Rows, rng: np.random.Generator) -> tuple[Samples, int]:
    """The samples with garbage as features outside the windows of `rows` and as labels that none of their scored steps
    has, or of paths in what only such are read off; those are known too early, too.

    Also returns in how many rows the features are garbage.
    """
    samples, num_rows = case.samples, case.table.num_rows
    outside = np.ones(num_rows, dtype=bool)
    outside[scaled_by(case.config, samples, rows)] = False
    values = samples.matrix.values.copy()
    values[outside] = rng.normal(1e3, 1e4, (int(outside.sum()), values.shape[1])).astype(values.dtype)
    unlabelled = np.ones(num_rows, dtype=bool)
    learned = rows_in_windows(rows, samples.steps_scored, num_rows)
    unlabelled[samples.labels.read_by(learned[samples.labels.valid[learned]])] = False
    y, count = samples.labels.y.copy(), int(unlabelled.sum())
    paths = samples.labels.steps
    y[unlabelled] = random_values(rng, count, y.shape[1]) if paths else samples.labels.spec.random_labels(rng, count)
    start = samples.labels.start
    if start is not None:
        start = start.copy()
        start[unlabelled] = random_values(rng, count, start.shape[1])
    known_at = samples.labels.known_at.copy()
    early = samples.labels.valid.copy()
    early[learned] = False
    known_at[early] = np.flatnonzero(early) + 1
    labels = replace(samples.labels, y=y, start=start, known_at=known_at)
    garbled = replace(samples, matrix=replace(samples.matrix, values=values), labels=labels)
    return garbled, int(outside.sum())


def check_training(case: Case) -> Check:
    """From corrupted bars to weights: nothing trained changes when everything after training's last moment does."""
    samples, split, rng = case.samples, case.split, case.rng("training")
    cut_us = int(samples.spans.last_us[np.isin(samples.rows, split.train)].max())
    table = corrupt(case.table, case.table.time_us > cut_us, "other prices", rng)
    train = np.sort(newest_of(split.train, case.table.time_us, NUM_TRAINED))
    val = split.val[:NUM_TRAINED]
    # Scored steps as configured: labels of a window's earlier steps must be settled by the cut too.
    windows = case.config.windows.model_copy(update={"stride": 1})
    config = small_config(case.config, int(rng.integers(2**31)), len(case.split.train)).model_copy(
        update={"windows": windows}
    )
    with warnings_only("gatewise"):
        other = case.parts.make_samples(case.config, table)
        # Should prices that stood still be moved, a row may gain a label, and fractions of more samples cut elsewhere.
        if np.array_equal(samples.rows, other.rows):
            again = case.parts.split(other.spans, case.config.split, table.timeframe, case.config.certify)
            # A label not yet settled at the cut may settle sooner in another future, and its sample clear the purge.
            settled = samples.rows[samples.spans.last_us <= cut_us]
            kept = np.array_equal(np.intersect1d(again.train, settled), split.train)
            if not kept or again.cutoffs_us != split.cutoffs_us:
                return Check("training", False, f"split: train changes with prices after {moment(cut_us)}")
        folds = [case.parts.fit_fold(case.config, s, split.train) for s in (samples, other)]
        if offence := changed(folds[0], folds[1], samples):
            return Check("training", False, f"{offence} changes with prices after {moment(cut_us)}")
        before, after = train_alike(case, config, [samples, other], folds, train, val)
    if moved := [name for name, weight in before.items() if not torch.equal(weight, after[name])]:
        with warnings_only("gatewise"):
            twice = train_alike(case, config, [samples], folds[:1], train, val)[0]
        if any(not torch.equal(weight, twice[name]) for name, weight in before.items()):
            return Check("training", False, f"two trainings on the same rows end with other weights: {UNSEEDED}")
        return Check("training", False, f"weights ({some(moved)}) change with prices after {moment(cut_us)}")
    return Check(
        "training",
        True,
        f"split, scalers and the weights of a small {case.config.model.name} ({train.size:,} samples, one epoch) are "
        f"the same to the bit with all {int((case.table.time_us > cut_us).sum()):,} rows after training corrupted",
    )


def train_alike(
    case: Case, config: ExperimentConfig, samples: list[Samples], folds: list[FittedFold], train: Rows, val: Rows
) -> list[Mapping[str, Tensor]]:
    """Weights of one training each. The thread count follows the machine's load and moves last bits: it must agree."""
    states: list[Mapping[str, Tensor]] = []
    for _ in range(MOST_TRIES):
        states, threads = [], set()
        for one, fold in zip(samples, folds, strict=True):
            states.append(case.parts.train(config, one, fold, train, val, Listeners(())).predictor.tensors())
            threads.add(torch.get_num_threads())
        if len(threads) == 1:
            break
    return states


def changed(before: FittedFold, after: FittedFold, samples: Samples) -> str | None:
    """What of two fitted states differs, in words."""
    pairs = [("feature scaler", before.scaler, after.scaler, samples.matrix.names)]
    if before.target_scaler is not None and after.target_scaler is not None:
        pairs.append(("target scaler", before.target_scaler, after.target_scaler, samples.labels.spec.columns))
    for what, was, now, names in pairs:
        moved = [name for name, same in zip(names, _same(was, now), strict=True) if not same]
        if moved:
            return f"{what} ({some(moved)})"
    if before.least != after.least:
        return "which columns are learned as relative changes"
    if not _same_weights(before.sample_weights, after.sample_weights):
        return "sample weights"
    return None if np.array_equal(before.class_weights, after.class_weights) else "class weights"


def _same_weights(one: SampleWeights | None, other: SampleWeights | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one.rows, other.rows) and np.array_equal(one.weight, other.weight)


def _same(one: Scaler, other: Scaler) -> list[bool]:
    if one.symbols != other.symbols:
        return [False] * len(one.names)
    same = (np.asarray(one.center) == other.center) & (np.asarray(one.scale) == other.scale)
    return [bool(of_all) for of_all in same.reshape(-1, len(one.names)).all(axis=0)]

"""Online updates: does a prediction change with labels that were not settled when it was made, or with later rows?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gatewise.jobs.online import Standing, predict_online
from gatewise.proofs.base import Case, Check, moment, name_row, same_bits, small_config
from gatewise.proofs.fitting import UNSEEDED
from gatewise.quiet import warnings_only
from gatewise.rows import newest_of
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.splits.embargo import embargo_us
from gatewise.splits.folds import FoldSplit
from gatewise.splits.stretches import Stretch, cut_stretches
from gatewise.targets.base import Labels
from gatewise.targets.outputs.base import random_values
from gatewise.training.listeners import Listeners

NUM_STRETCHES = 3
NUM_TRAINED = 2_000


def check_online(case: Case) -> Check:
    """A small model goes over the first stretches; then, for each of them, again with garbage in all labels that are
    not settled by its first row and in all rows after it.
    """
    samples, split, rng = case.samples, case.split, case.rng("online")
    every = case.config.online.stretch
    assert every is not None
    time_us, judged = case.table.time_us, split.test if split.test.size else split.val
    train = np.sort(newest_of(split.train, time_us, NUM_TRAINED))
    val = split.val[:NUM_TRAINED] if split.test.size else train[-1:]
    config = small_config(case.config, int(rng.integers(2**31)), len(train))
    stretches = cut_stretches(time_us[judged], every, case.table.calendar)[:NUM_STRETCHES]
    gap_us, _ = embargo_us(config.split, case.table.timeframe, samples.spans)
    with warnings_only("gatewise"):
        fitted = case.parts.fit_fold(config, samples, train)
        standing = Standing(fitted, case.parts.train(config, samples, fitted, train, val, Listeners(())))

        def predict(some: Samples, through: int) -> tuple[np.ndarray, int]:
            tested = np.sort(judged[np.concatenate([stretch.at for stretch in stretches[:through]])])
            nothing = np.empty(0, np.int64)
            fold = FoldSplit(1, train, val, tested, nothing, nothing, stretches[0].first_us)
            state = predict_online(
                config, some, samples.spans, fold, standing, rule=case.parts.settled, update=case.parts.update
            )
            return state.predictions[np.isin(tested, judged[stretches[through - 1].at])], state.updates

        updates = 0
        for stretch in stretches:
            rows = np.sort(judged[stretch.at])
            before, made = predict(samples, stretch.number)
            after, _ = predict(_garbled(samples, stretch, rows, gap_us, rng), stretch.number)
            updates += made
            changed = ~same_bits(before, after).all(axis=1)
            if not changed.any():
                continue
            if not same_bits(before, predict(samples, stretch.number)[0]).all():
                return Check("online", False, f"the same updates predict two things: {UNSEEDED}")
            where, when = name_row(case.table, rows[np.argmax(changed)]), moment(stretch.first_us - gap_us)
            text = f"the prediction at {where} changes with labels that are not settled by {when}, or with later rows"
            return Check("online", False, text)
    return Check(
        "online",
        True,
        f"{updates} updates of a small {config.model.name}, {config.online.words}, {config.online.how}: predictions "
        "are the same to the bit with garbage in all labels that are not settled by a stretch's first row, less the "
        "embargo, and in all rows after it",
    )


def _garbled(samples: Samples, stretch: Stretch, rows: Rows, gap_us: int, rng: np.random.Generator) -> Samples:
    labels, time_us, values = samples.labels, samples.table.time_us, samples.matrix.values.copy()
    later, settled_us = time_us > time_us[rows].max(), stretch.first_us - gap_us
    values[later] = rng.normal(1e3, 1e4, (int(later.sum()), values.shape[1])).astype(values.dtype)
    unsettled = (labels.known_at < 0) | (time_us[labels.known_at] > settled_us)
    garbled = _with_labels(labels, time_us > settled_us if labels.steps else unsettled, later, rng)
    return replace(samples, matrix=replace(samples.matrix, values=values), labels=garbled)


def _with_labels(labels: Labels, unsettled: np.ndarray, later: np.ndarray, rng: np.random.Generator) -> Labels:
    y, count, start, history = labels.y.copy(), int(unsettled.sum()), labels.start, labels.history
    y[unsettled] = random_values(rng, count, y.shape[1]) if labels.steps else labels.spec.random_labels(rng, count)
    if start is not None:
        start = start.copy()
        start[later] = random_values(rng, int(later.sum()), start.shape[1])
    if history is not None:
        means = history.means.copy()
        means[later] = rng.lognormal(0, 3, (int(later.sum()), means.shape[1]))
        returns, quarticity = history.returns, history.quarticity
        if returns is not None:
            returns = np.where(later, random_values(rng, len(later), 1)[:, 0], returns)
        if quarticity is not None:
            quarticity = np.where(later, rng.lognormal(0, 3, len(later)), quarticity)
        history = replace(history, means=means, returns=returns, quarticity=quarticity)
    return replace(labels, y=y, start=start, history=history)

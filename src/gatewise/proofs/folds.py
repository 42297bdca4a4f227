"""The folds that `gatewise cv` would cut: what keeps them apart, and that each is fitted on its own training part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from gatewise.errors import LabelError, NotEnoughRowsError
from gatewise.proofs.base import Case, Check, small_config, some
from gatewise.proofs.fitting import changed, garble_outside, train_alike
from gatewise.proofs.splitting import Places, asked_embargo_us, lay_on_grid, say, words_of
from gatewise.quiet import warnings_only
from gatewise.splits.base import Rows
from gatewise.splits.folds import FoldSplit
from gatewise.splits.purge import Mask

MOST_FITTED = 5
NUM_TRAINED = 2_000


def check_folds(case: Case) -> Check:
    """No fold's training meets what it is stopped or judged on, and nothing fitted in a fold changes with the rest."""
    cv, rng = case.config.cv, case.rng("folds")
    try:
        with warnings_only("gatewise"):
            folds = case.parts.make_folds(case.samples.spans, cv, case.config.split, case.table.timeframe)
    except NotEnoughRowsError as error:
        return Check("folds", True, f"none to check, as gatewise cv would cut none: {error.message}")
    places, gap_us = lay_on_grid(case), asked_embargo_us(case)
    for fold in folds:
        if offence := _overlap(case, places, fold, gap_us):
            return Check("folds", False, f"fold {fold.number}: {offence}")
    chosen = np.sort(rng.choice(len(folds), min(MOST_FITTED, len(folds)), replace=False))
    fitted, offence = _fitted(case, [folds[number] for number in chosen], rng)
    if offence:
        return Check("folds", False, offence)
    return Check(
        "folds",
        True,
        f"{len(folds):,} {cv.splitter} folds: no span of training meets validation or test, nor of validation test, on "
        f"either side, and an embargo of {words_of(gap_us)} lies between; {fitted}",
    )


def _overlap(case: Case, places: Places, fold: FoldSplit, gap_us: int) -> str | None:
    every = np.concatenate([fold.train, fold.val, fold.test])
    if np.unique(every).size != every.size or not np.isin(every, case.samples.rows).all():
        return "a row is in two of its parts, or is no sample"
    for part, judged in (("train", np.concatenate([fold.val, fold.test])), ("val", fold.test)):
        rows = getattr(fold, part)
        touched = places.touched_by(judged)
        if (meeting := places.meeting(rows, touched)).size:
            return say(case, part, meeting, "span meets what the fold is judged on")
        near = rows[_distance_us(places, rows, touched) <= gap_us]
        if gap_us and near.size:
            return say(case, part, near, f"embargo of {words_of(gap_us)} is not kept")
    return None


def _distance_us(places: Places, rows: Rows, touched: Mask) -> Rows:
    """From each sample's span to the nearest touched moment before or after it, in microseconds."""
    moments = places.grid_us[touched]
    far = np.iinfo(np.int64).max // 4
    moments = np.concatenate([[-far], moments, [far]])
    first, last = places.grid_us[places.first[rows]], places.grid_us[places.last[rows]]
    before = moments[np.searchsorted(moments, first, side="right") - 1]
    after = moments[np.searchsorted(moments, last, side="left")]
    distance: Rows = np.minimum(first - before, after - last)
    return distance


def _fitted(case: Case, folds: Sequence[FoldSplit], rng: np.random.Generator) -> tuple[str, str | None]:
    """What was fitted twice, in words; and what changed when everything outside a fold's training part did."""
    samples, left_out = case.samples, []
    for fold in folds:
        garbled, _ = garble_outside(case, fold.train, rng)
        try:
            with warnings_only("gatewise"):
                before = case.parts.fit_fold(case.config, samples, fold.train)
                after = case.parts.fit_fold(case.config, garbled, fold.train)
        except LabelError:
            left_out.append(fold.number)  # cv names it and leaves it out too
            continue
        if offence := changed(before, after, samples):
            return "", f"fold {fold.number}: fitted on rows outside its training part: {offence}"
    fits = [fold for fold in folds if fold.number not in left_out]
    if not fits:
        return "none can be fitted, as a class is missing in each", None
    text = f"scalers and class weights of {len(fits)} are the same with garbage outside their training windows"
    fold = fits[-1]
    offence = _trained(case, fold, rng)
    text += f", and so are the weights of fold {fold.number}'s small {case.config.model.name} and its best epoch"
    return text + (f"; folds without some class: {some([str(n) for n in left_out])}" if left_out else ""), offence


def _trained(case: Case, fold: FoldSplit, rng: np.random.Generator) -> str | None:
    """Trains with what is fitted and stopped on the fold's own rows, and on garbage in all others."""
    train, val = fold.train[-NUM_TRAINED:], fold.val[:NUM_TRAINED]
    config = small_config(case.config, int(rng.integers(2**31)), len(train))
    # Two epochs, so that validation has one to choose.
    config = config.model_copy(update={"training": config.training.model_copy(update={"max_epochs": 2})})
    garbled, _ = garble_outside(case, np.union1d(train, val), rng)
    with warnings_only("gatewise"):
        fitted = case.parts.fit_fold(case.config, case.samples, fold.train)
        before, after = train_alike(case, config, [case.samples, garbled], [fitted, fitted], train, val)
    if moved := [name for name, weight in before.items() if not torch.equal(weight, after[name])]:
        return f"fold {fold.number}: weights ({some(moved)}) change with rows that it neither learns from nor stops on"
    return None

"""Whether models can be updated on the folds at all, asked before anything is trained."""

from __future__ import annotations

import numpy as np

from gatewise.errors import ConfigError
from gatewise.jobs.shared import SharedData
from gatewise.selection.cv.plan import Plan
from gatewise.splits.stretches import cut_stretches


def require_stretches(plan: Plan, shared: SharedData) -> None:
    """Refuses folds that no model can be updated in.

    Raises:
        ConfigError: a fold tests rows that do not come after its training, or no test part has a second stretch.
    """
    online, time_us = plan.base.online, shared.table.time_us
    every = online.stretch
    if every is None:
        return
    folds = [fold for cut in shared.horizons.values() for fold in cut.folds]
    for fold in folds:
        if time_us[np.concatenate([fold.train, fold.val])].max() >= fold.cutoff_us:
            raise ConfigError(
                f"online.every updates models on what comes after their training; fold {fold.number} tests rows before",
                "a splitter whose folds test newer rows than they train on, or leave out online.every",
            )
    if all(len(cut_stretches(time_us[fold.test], every, shared.table.calendar)) < 2 for fold in folds):
        moments = max(np.unique(time_us[fold.test]).size for fold in folds)
        raise ConfigError(
            f"online.every must be shorter than a test part, so that something settles on the way; it is "
            f"{online.words.removeprefix('every ')}, and no fold tests more than {moments:,} moments",
            "a shorter online.every, or fewer and so longer folds (cv.n_splits, cv.test_size)",
        )

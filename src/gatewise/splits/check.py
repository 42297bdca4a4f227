"""What folds of one's own splitter must hold to; what they train on is purged after that as for all others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gatewise.config.cv_section import CvSection
from gatewise.errors import ConfigError
from gatewise.splits.base import Spans
from gatewise.splits.purge import Mask

_HINT = 'docs/architecture.md, "How to add a splitter", says what folds hold'


def require_masks(folds: Sequence[object], spans: Spans, cv: CvSection) -> list[tuple[Mask, Mask]]:
    """Folds as they are, if they are such: (what may be trained on, what is tested), bool [samples].

    Raises:
        ConfigError: other than `cv.num_folds` folds, no such masks, an empty one; a sample that is trained on and
            tested, or tested in two folds; test blocks out of order.
    """
    name = f"splitter {cv.splitter}"
    if len(folds) != cv.num_folds:
        raise ConfigError(f"{name} must cut {cv.num_folds:,} folds, its num_folds; got {len(folds):,}", _HINT)
    masks: list[tuple[Mask, Mask]] = []
    tested_before, oldest_us = np.zeros(spans.row.size, np.bool_), np.iinfo(np.int64).min
    for number, fold in enumerate(folds, start=1):
        where = f"{name}, fold {number}"
        training, tested = _masks(where, fold, spans.row.size)
        _refuse(f"{where}: a sample must not be trained on and tested", spans, training & tested)
        _refuse(f"{where}: a sample must not be tested in two folds", spans, tested & tested_before)
        first_us = int(spans.time_us[tested].min())
        _refuse(f"{where}: test blocks must be in order of time", spans, tested & (first_us < oldest_us))
        tested_before, oldest_us = tested_before | tested, first_us
        masks.append((training, tested))
    return masks


def _masks(where: str, fold: object, size: int) -> tuple[Mask, Mask]:
    if not (isinstance(fold, tuple) and len(fold) == 2):
        raise ConfigError(
            f"{where}: must be (what may be trained on, what is tested); got {type(fold).__name__}", _HINT
        )
    for part, mask in zip(("training", "tested"), fold, strict=True):
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (size,):
            got = f"{mask.dtype} {list(mask.shape)}" if isinstance(mask, np.ndarray) else type(mask).__name__
            raise ConfigError(f"{where}: {part} must be bool [{size}], one a sample; got {got}", _HINT)
        if not mask.any():
            raise ConfigError(f"{where}: {part} must hold samples; got none of {size:,}", _HINT)
    training, tested = fold
    return training, tested


def _refuse(rule: str, spans: Spans, broken: Mask) -> None:
    if broken.any():
        first = int(np.argmax(broken))
        time = str(spans.time_us[first].astype("datetime64[us]").astype("datetime64[s]")).replace("T", " ")
        raise ConfigError(f"{rule}; samples: {broken.sum():,}, the first row {spans.row[first]} at {time}", _HINT)

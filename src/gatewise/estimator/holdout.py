"""Which samples stop the training where nobody gave a validation part: the newest; what they touch is purged."""

from __future__ import annotations

import numpy as np

from gatewise.errors import ConfigError, NotEnoughRowsError
from gatewise.splits.base import Rows
from gatewise.splits.label_spans import spans_of_positions
from gatewise.splits.protocol import PurgedHoldout


def hold_out(num_samples: int, steps: int, fraction: float, horizon: int | None) -> tuple[Rows, Rows]:
    """Positions of what is trained on and of what is held out, int64, ascending.

    Args:
        num_samples: in order of time.
        steps: of each window.
        fraction: share that is held out, at least one sample.
        horizon: samples ahead at which a label is known, of windows one step apart; `None`: not known, and nothing is
            purged.

    Raises:
        ConfigError: a fraction or horizon out of range.
        NotEnoughRowsError: a side is empty.
    """
    if not (isinstance(fraction, float | int | np.number) and 0 < fraction < 1):
        raise ConfigError(f"val_fraction must be above 0 and below 1; got {fraction!r}", "val_fraction=0.15")
    if horizon is not None and not (isinstance(horizon, int | np.integer) and horizon >= 0):
        raise ConfigError(
            f"horizon must be a whole number of samples, 0 or more, or None; got {horizon!r}", "horizon=1"
        )
    if num_samples < 2:
        raise NotEnoughRowsError(
            f"X must hold a sample to train on and one to hold out; got {num_samples} sample", "give more samples"
        )
    spans = spans_of_positions(num_samples, horizon or 0, 1 if horizon is None else steps)
    ((train, val),) = PurgedHoldout(spans, max(fraction, 1 / num_samples)).split()
    return train, val

"""What a fit is trained on and what stops it: a validation part that was given, or the newest samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.as_numpy import Array
from gatewise.errors import ConfigError, NotEnoughRowsError, QualityError
from gatewise.estimator.inputs import check_windows, column_names
from gatewise.estimator.targets import Task, check_targets, join_targets
from gatewise.features.base import Values
from gatewise.splits.base import Rows
from gatewise.splits.label_spans import spans_of_positions
from gatewise.splits.protocol import PurgedHoldout

Weights = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Parts:
    """Both parts of a fit.

    Attributes:
        x, x_val: windows [samples, steps, features].
        y, weight: of both, the training part's samples first; weight may be `None`.
        known: labels that may come beside those of the training part; `None`: none may.
        train_samples, val_samples: int64 positions in the X that was handed in.
    """

    x: Values
    x_val: Values
    y: Array
    weight: Weights | None
    known: Array | None
    train_samples: Rows
    val_samples: Rows


def given_parts(
    x: Values, names: Array | None, y: Array, weight: Weights | None, X_val: Any, y_val: Any, task: Task | None
) -> Parts:
    """All of x is trained on.

    Args:
        names: of the columns of x, where it was a frame.

    Raises:
        QualityError, LabelError: X_val or y_val is not as x and y are.
    """
    x_val, names_val = check_windows(X_val, "X_val", x.shape[1]), column_names(X_val)
    if names is not None and names_val is not None and names.tolist() != names_val.tolist():
        raise QualityError(
            f"X and X_val must have equal columns; got {', '.join(names)} and {', '.join(names_val)}",
            "X_val[X.columns]",
        )
    if x.shape[1:] != x_val.shape[1:]:
        raise QualityError(
            f"X and X_val must have equal steps and features; got {x.shape[1:]}, {x_val.shape[1:]}",
            "cut both into windows of one length, over the same columns",
        )
    both = join_targets(y, check_targets(y_val, len(x_val), "y_val", task))
    weights = None if weight is None else np.concatenate([weight, np.ones(len(x_val), np.float32)])
    return Parts(x, x_val, both, weights, None, np.arange(len(x)), np.arange(0))


def held_out_parts(x: Values, y: Array, weight: Weights | None, fraction: float, horizon: int | None) -> Parts:
    """The newest samples are held out; what they touch is in neither part.

    Args:
        x: in order of time.
        fraction: share that is held out, at least one sample.
        horizon: samples ahead at which a label is known, of windows one step apart; `None`: not known, and nothing is
            purged.

    Raises:
        ConfigError: a fraction or horizon out of range.
        NotEnoughRowsError: a part is empty.
    """
    if not (isinstance(fraction, float | int | np.number) and 0 < fraction < 1):
        raise ConfigError(f"val_fraction must be above 0 and below 1; got {fraction!r}", "val_fraction=0.15")
    require_horizon(horizon)
    samples, steps = x.shape[:2]
    if samples < 2:
        raise NotEnoughRowsError(
            f"X must hold a sample to train on and one to hold out; got {samples} sample", "give more samples"
        )
    spans = spans_of_positions(samples, horizon or 0, 1 if horizon is None else steps)
    ((train, val),) = PurgedHoldout(spans, max(fraction, 1 / samples)).split()
    both = np.concatenate([train, val])
    # The samples that are trained on are the oldest, so these are views.
    older, newer = x[: len(train)], x[samples - len(val) :]
    return Parts(older, newer, y[both], None if weight is None else weight[both], y, train, val)


def require_horizon(horizon: object) -> None:
    """Raises ConfigError where it is none."""
    if horizon is not None and not (isinstance(horizon, int | np.integer) and horizon >= 0):
        raise ConfigError(
            f"horizon must be a whole number of samples, 0 or more, or None; got {horizon!r}", "horizon=1"
        )

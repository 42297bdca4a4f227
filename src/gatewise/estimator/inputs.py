"""What people hand in as X, as windows: of two axes, each row is folded into steps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse

from gatewise.as_numpy import Array, as_numpy, numbers_of
from gatewise.errors import NotEnoughRowsError, QualityError
from gatewise.features.base import Values

_LARGEST = float(np.finfo(np.float32).max)
_SHAPE_HINT = "a list of windows is stacked by np.stack(windows); one window alone is X[None]"


def check_windows(X: object, name: str, steps: int | None) -> Values:
    """X as contiguous floats [samples, sequence_length, features], each of them at least one.

    float32 and float64 stay what they are, all else becomes float64: what stands at a level is not rounded before a
    scaler has taken the level off.

    Args:
        X: windows; or [samples, columns], a sample's steps one after the other, the oldest first.
        steps: that a sample of two axes holds; `None`: one.

    Raises:
        QualityError: another shape, no numbers, or not finite.
        NotEnoughRowsError: no sample.
    """
    x = _folded(X, name, steps)
    if len(x) == 0:
        raise NotEnoughRowsError(f"{name} must hold at least one sample; got none", "check how the parts were cut")
    if x.size == 0:
        raise QualityError(f"{name} must have at least one step and one feature; got {x.shape}", _SHAPE_HINT)
    x = np.ascontiguousarray(x, x.dtype if x.dtype.kind == "f" else np.float64)
    if not (x.min() >= -_LARGEST and x.max() <= _LARGEST):  # NaN is neither
        gone = np.count_nonzero(np.isnan(x))
        beyond = np.count_nonzero(~(np.abs(x) <= _LARGEST)) - gone
        raise QualityError(
            f"{name} must be finite and within float32; {gone + beyond} values are not ({gone} NaN, {beyond} infinite)",
            "leave those samples out, or fill the values before cutting windows: np.isfinite(X).all(axis=(1, 2))",
        )
    return x


def is_flat(X: object) -> bool:
    """Whether X is a table of two axes, a sample a row, and no windows."""
    return as_numpy(X, "X", _SHAPE_HINT).ndim == 2


def column_names(X: object) -> npt.NDArray[np.object_] | None:
    """The names of a frame's columns; `None` where it has none, or not all of them are text."""
    names = getattr(X, "columns", None)
    if names is None or not all(isinstance(name, str) for name in names):
        return None
    return np.asarray(names, dtype=object)


def _folded(X: object, name: str, steps: int | None) -> Array:
    """Numbers of three axes."""
    if issparse(X):
        raise QualityError(f"{name} must be dense; sparse data was passed", f"{name}.toarray()")
    x = as_numpy(X, name, _SHAPE_HINT)
    if x.dtype.kind == "O" and x.ndim in (2, 3):
        x = numbers_of(x, name)
    if x.dtype.kind == "c":
        raise QualityError(f"Complex data not supported: {name} must hold real numbers; got {x.dtype}", f"{name}.real")
    if x.ndim not in (2, 3) or x.dtype.kind not in "fiub":
        reshape = ". Reshape your data: X.reshape(1, -1) where it is one sample" if x.ndim == 1 else ""
        raise QualityError(
            f"{name} must be numbers [samples, sequence_length, features] or [samples, columns]; "
            f"got {x.dtype} {x.shape}{reshape}",
            _SHAPE_HINT,
        )
    if x.ndim == 3:
        return x
    if x.shape[1] == 0:
        raise QualityError(
            f"{name} must have columns; got 0 feature(s) (shape={x.shape}) while a minimum of 1 is required.",
            _SHAPE_HINT,
        )
    if x.shape[1] % (steps or 1):
        raise QualityError(
            f"the columns of {name} must fold into {steps} steps of equally many features; got {x.shape[1]}",
            "sequence_length is how many steps stand in a row, one after the other",
        )
    return x.reshape(len(x), steps or 1, -1)

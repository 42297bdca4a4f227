"""Scaling that is fitted on training rows alone and kept as JSON.

The matrix stays as it is: a Scaler is two float64 vectors, and whoever eats the matrix applies (x - center) / scale on
the way. Fitting reads the rows in chunks, so it takes tens of MB beside a matrix of any length.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
import numpy.typing as npt

from gatewise.errors import BundleError, NotEnoughRowsError, QualityError, SchemaError, UnknownNameError

log = logging.getLogger("gatewise.features")

Kind = Literal["standard", "minmax", "robust", "none"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_CHUNK_ROWS = 65_536
_REMEDY = "copy it again from where it was fitted, or fit anew"
_Values = npt.NDArray[np.float32] | npt.NDArray[np.float64]
_Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scaler:
    """An affine map per column: (x - center) / scale. It serves features and regression targets alike.

    Attributes:
        kind: standard (mean, standard deviation with divisor n), minmax (to [0, 1] on the fitted rows), robust (median,
            interquartile range) or none (0, 1).
        names: the columns, in order.
        center, scale: float64 [columns]; scale is never 0: a column that does not vary has scale 1.
    """

    kind: Kind
    names: tuple[str, ...]
    center: _Vector
    scale: _Vector

    def transform(self, values: _Values) -> _Values:
        """Scales `values` [..., columns]; computed in float64, handed back in the dtype that came."""
        return self._map(values, lambda x: (x - self.center) / self.scale)

    def inverse(self, values: _Values) -> _Values:
        """Undoes `transform`."""
        return self._map(values, lambda x: x * self.scale + self.center)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` reads them back to the last bit."""
        return {
            "kind": self.kind,
            "names": list(self.names),
            "center": self.center.tolist(),
            "scale": self.scale.tolist(),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Scaler:
        """Reads what `to_dict` wrote.

        Raises:
            BundleError: the state is not a scaler's.
        """
        try:
            kind, names = str(state["kind"]), tuple(str(name) for name in state["names"])
            center, scale = (np.array(state[key], dtype=np.float64) for key in ("center", "scale"))
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"scaler state must hold kind, names, center and scale; got {error!r}", _REMEDY
            ) from error
        shaped = center.shape == scale.shape == (len(names),)
        if kind not in KINDS or not shaped or not np.isfinite([center, scale]).all() or not (scale > 0).all():
            raise BundleError(
                f"scaler state must hold one finite center and one positive scale a name, and a kind of "
                f"{', '.join(KINDS)}; got {len(names)} names, {center.size} centers, {scale.size} scales, "
                f"kind {kind!r}",
                _REMEDY,
            )
        return cls(kind, names, center, scale)

    def _map(self, values: _Values, function: Callable[[_Vector], _Vector]) -> _Values:
        if values.shape[-1] != len(self.names):
            raise SchemaError(f"the scaler is for {len(self.names)} columns; got {values.shape[-1]}")
        mapped = np.empty_like(values)
        flat, out = values.reshape(-1, len(self.names)), mapped.reshape(-1, len(self.names))
        for first in range(0, len(flat), _CHUNK_ROWS):
            here = slice(first, first + _CHUNK_ROWS)
            out[here] = function(flat[here].astype(np.float64))
        return mapped


def fit_scaler(kind: str, matrix_values: _Values, rows: npt.NDArray[np.int64], names: Sequence[str]) -> Scaler:
    """Fits a scaler on `rows` of a matrix and on nothing else.

    Args:
        kind: standard, minmax, robust or none.
        matrix_values: [rows of the table, columns], float32 or float64.
        rows: row numbers to learn from: the training part's.
        names: the columns' names.

    Raises:
        UnknownNameError: no such kind.
        SchemaError: as many names as columns must be given.
        NotEnoughRowsError: `rows` is empty.
        QualityError: a column is not finite on `rows`.
    """
    if kind not in KINDS:
        raise UnknownNameError("scaler", kind, KINDS)
    if matrix_values.ndim != 2 or matrix_values.shape[1] != len(names):
        raise SchemaError(f"one name a column is needed; got {len(names)} names for shape {matrix_values.shape}")
    if not len(rows):
        raise NotEnoughRowsError("a scaler needs at least one training row; got none")
    low, high = _extremes(matrix_values, rows)
    broken = [name for name, ok in zip(names, np.isfinite(low) & np.isfinite(high), strict=True) if not ok]
    if broken:
        raise QualityError(f"scaled columns must be finite on the training rows; not so: {', '.join(broken)}")
    if kind == "none":
        return Scaler("none", tuple(names), np.zeros(len(names)), np.ones(len(names)))
    if kind == "minmax":
        center, scale = low, high - low
    elif kind == "robust":
        center, scale = _quartiles(matrix_values, rows)
    else:
        center, scale = _moments(matrix_values, rows)
    constant = low == high
    # Sums of equal numbers may miss them by a rounding; the scaled column is then exactly 0 all the same.
    center = np.where(constant, low, center)
    flat = constant | (scale <= 0)
    if flat.any():
        flat_names = ", ".join(name for name, is_flat in zip(names, flat, strict=True) if is_flat)
        log.info("no spread on the %d training rows, so scale 1: %s", len(rows), flat_names)
    return Scaler(cast(Kind, kind), tuple(names), center, np.where(flat, 1.0, scale))


def _chunks(values: _Values, rows: npt.NDArray[np.int64]) -> Iterator[_Vector]:
    for first in range(0, len(rows), _CHUNK_ROWS):
        yield values[rows[first : first + _CHUNK_ROWS]].astype(np.float64)


def _extremes(values: _Values, rows: npt.NDArray[np.int64]) -> tuple[_Vector, _Vector]:
    low, high = np.full(values.shape[1], np.inf), np.full(values.shape[1], -np.inf)
    for chunk in _chunks(values, rows):
        np.minimum(low, chunk.min(axis=0), out=low)
        np.maximum(high, chunk.max(axis=0), out=high)
    return low, high


def _moments(values: _Values, rows: npt.NDArray[np.int64]) -> tuple[_Vector, _Vector]:
    mean = sum(chunk.sum(axis=0) for chunk in _chunks(values, rows)) / len(rows)
    # Two passes: the textbook one-pass form loses every digit of a price's spread to the price's level.
    square = sum(((chunk - mean) ** 2).sum(axis=0) for chunk in _chunks(values, rows)) / len(rows)
    return np.asarray(mean), np.sqrt(square)


def _quartiles(values: _Values, rows: npt.NDArray[np.int64]) -> tuple[_Vector, _Vector]:
    lower, median, upper = np.array(
        [np.percentile(values[rows, column].astype(np.float64), (25, 50, 75)) for column in range(values.shape[1])]
    ).T
    return median, upper - lower

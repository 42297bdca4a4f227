"""Scaling that is fitted on training rows alone and kept as JSON.

The matrix stays as it is: a Scaler is two float64 vectors, or two tables with a row a symbol, and whoever eats the
matrix applies (x - center) / scale on the way. Fitting reads the rows in chunks, so it takes tens of MB beside a matrix
of any length.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

import numpy as np
import numpy.typing as npt

from gatewise.errors import BundleError, NotEnoughRowsError, QualityError, SchemaError, UnknownNameError

log = logging.getLogger("gatewise.features")

Kind = Literal["standard", "minmax", "robust", "none"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_CHUNK_ROWS = 65_536
_BLOCK_ROWS = 8_192  # of which float64 copies stay in a core's own cache
_SIDE_BY_SIDE = 16
_REMEDY = "copy it again from where it was fitted, or fit again"
_Numbers = npt.NDArray[Any]
_Values = npt.NDArray[np.float32] | npt.NDArray[np.float64]
_Vector = npt.NDArray[np.float64]
_Codes = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Scaler:
    """An affine map per column: (x - center) / scale. It serves features and regression targets alike.

    Attributes:
        kind: standard (mean, standard deviation with divisor n), minmax (to [0, 1] on the fitted rows), robust (median,
            interquartile range) or none (0, 1).
        names: the columns, in order.
        center, scale: float64 [columns]; scale is never 0: a column that does not vary has scale 1, and one that is not
            to be read (`unread`) an infinite one, so that it is 0 in every row. With `symbols` [symbols, columns], a
            scaler fitted to each.
        symbols: whose rows of the tables those are, sorted; empty where one scaler serves all rows.
    """

    kind: Kind
    names: tuple[str, ...]
    center: _Vector
    scale: _Vector
    symbols: tuple[str, ...] = ()

    @property
    def unread(self) -> tuple[str, ...]:
        """Columns that are 0 in every row, whatever stands there."""
        infinite = np.isinf(self.scale.reshape(-1, len(self.names))).all(axis=0)
        return tuple(self.names[number] for number in np.flatnonzero(infinite))

    def without(self, columns: Sequence[int]) -> Scaler:
        """The same with these columns unread."""
        scale = self.scale.copy()
        scale[..., list(columns)] = np.inf
        return replace(self, scale=scale)

    def like(self, other: Scaler) -> Scaler:
        """The same, with the other's entries for columns that it has too and reads; both have the same symbols."""
        center, scale = self.center.copy(), self.scale.copy()
        for number, name in enumerate(self.names):
            if name in other.names and name not in other.unread:
                at = other.names.index(name)
                center[..., number], scale[..., number] = other.center[..., at], other.scale[..., at]
        return replace(self, center=center, scale=scale)

    def transform(
        self, values: _Numbers, symbol: _Codes | None = None, dtype: npt.DTypeLike = np.float32
    ) -> npt.NDArray[Any]:
        """Scales numbers [..., columns] of any type; computed in float64, and rounded once the level is off.

        Args:
            symbol: int [rows], which of `symbols` each row of `values` [rows, columns] is of, where there are any.
            dtype: of what is handed back.
        """
        scaled = np.empty(values.shape, dtype)
        self._map(values, scaled, symbol, lambda x, center, scale: (x - center) / scale)
        return scaled

    def inverse(self, values: _Numbers, symbol: _Codes | None = None) -> _Vector:
        """Undoes `transform`: float64, since float32 may not hold what is back at its level."""
        unscaled = np.empty(values.shape, np.float64)
        self._map(values, unscaled, symbol, lambda x, center, scale: x * scale + center)
        return unscaled

    def over(self, symbols: Sequence[str]) -> Scaler:
        """The same with a row for each of `symbols`, sorted; NaN for those that it was not fitted to.

        So what is asked of an unknown symbol shows at once. One scaler for all rows stays as it is.
        """
        if not self.symbols or self.symbols == (wanted := tuple(sorted(symbols))):
            return self
        at = [self.symbols.index(name) if name in self.symbols else -1 for name in wanted]
        nowhere = np.full((1, len(self.names)), np.nan)
        center, scale = (np.concatenate([table, nowhere])[at] for table in (self.center, self.scale))
        return Scaler(self.kind, self.names, center, scale, wanted)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` reads them back to the last bit."""
        return {
            "kind": self.kind,
            "names": list(self.names),
            "center": self.center.tolist(),
            "scale": np.where(np.isinf(self.scale), np.array(None), self.scale).tolist(),  # JSON has no infinity
            "symbols": list(self.symbols),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Scaler:
        """Reads what `to_dict` wrote.

        Raises:
            BundleError: the state is not a scaler's.
        """
        try:
            kind, names = str(state["kind"]), tuple(str(name) for name in state["names"])
            symbols = tuple(str(name) for name in state.get("symbols", ()))
            center, scale = (np.array(state[key], dtype=np.float64) for key in ("center", "scale"))
            unread = np.array(state["scale"], dtype=object) == np.array(None)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise BundleError(
                f"scaler state must hold kind, names, center and scale; got {error!r}", _REMEDY
            ) from error
        shaped = center.shape == scale.shape == (*([len(symbols)] if symbols else []), len(names))
        finite = np.isfinite(center).all() and (np.isfinite(scale) | unread).all()
        if kind not in KINDS or not shaped or not finite or not (unread | (scale > 0)).all():
            raise BundleError(
                f"scaler state must hold one finite center and one positive scale a name, and a kind of "
                f"{', '.join(KINDS)}; got {len(names)} names, {center.size} centers, {scale.size} scales, "
                f"kind {kind!r}",
                _REMEDY,
            )
        return cls(kind, names, center, np.where(unread, np.inf, scale), symbols)

    def _map(
        self,
        values: _Numbers,
        into: _Numbers,
        symbol: _Codes | None,
        function: Callable[[_Vector, _Vector, _Vector], _Vector],
    ) -> None:
        if values.shape[-1] != len(self.names):
            raise SchemaError(f"the scaler is for {len(self.names)} columns; got {values.shape[-1]}")
        flat, out = values.reshape(-1, len(self.names)), into.reshape(-1, len(self.names))
        for first in range(0, len(flat), _CHUNK_ROWS):
            here = slice(first, first + _CHUNK_ROWS)
            center, scale = self.center, self.scale
            if self.symbols:
                assert symbol is not None, "a scaler a symbol needs to know whose rows these are"
                center, scale = center[symbol[here]], scale[symbol[here]]
            out[here] = function(flat[here].astype(np.float64), center, scale)


def scaled_rows(
    values: _Values, scaler: Scaler, codes: _Codes | None, rows: npt.NDArray[np.int64], onehot: int = 0
) -> npt.NDArray[np.float32]:
    """What a model of one row sees: float32 [n, features], and behind them the one-hot of the symbol.

    Args:
        codes: int32 [rows of `values`], each row's symbol, where the scaler or the one-hot asks.
        onehot: its width, the number of symbols; 0 for none.
    """
    row_codes = None if codes is None else codes[rows]
    x = scaler.transform(values[rows], row_codes)
    if not onehot:
        return x
    assert row_codes is not None
    return np.concatenate([x, np.eye(onehot, dtype=np.float32)[row_codes]], axis=1)


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


def fit_symbol_scalers(
    kind: str,
    matrix_values: _Values,
    rows: npt.NDArray[np.int64],
    names: Sequence[str],
    symbol: _Codes,
    symbols: Sequence[str],
) -> Scaler:
    """A scaler for each symbol, fitted on those of `rows` that are its own; symbols without any are left out.

    Args:
        symbol: int32 [rows of the table], the place of each row's symbol among `symbols`, sorted.
        symbols: their names. For the rest, and for errors, see `fit_scaler`.
    """
    if not len(rows):
        return fit_scaler(kind, matrix_values, rows, names)
    rows_by_symbol = {name: rows[symbol[rows] == code] for code, name in enumerate(sorted(symbols))}
    fitted = {
        name: fit_scaler(kind, matrix_values, symbol_rows, names)
        for name, symbol_rows in rows_by_symbol.items()
        if len(symbol_rows)
    }
    center, scale = (np.stack([getattr(one, part) for one in fitted.values()]) for part in ("center", "scale"))
    return Scaler(cast(Kind, kind), tuple(names), center, scale, tuple(fitted))


def _over_blocks(function: Callable[[_Values], _Vector], values: _Values, rows: npt.NDArray[np.int64]) -> list[_Vector]:
    """`function` of each block of rows, in order, two at a time: NumPy leaves Python's lock while it computes."""

    def of_block(first: int) -> _Vector:
        here = rows[first : first + _BLOCK_ROWS]
        together = here[-1] - here[0] + 1 == len(here) and bool(np.all(np.diff(here) == 1))
        return function(values[here[0] : here[-1] + 1] if together else values[here])

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(of_block, range(0, len(rows), _BLOCK_ROWS)))


def _down(reduce: np.ufunc, block: _Values) -> _Vector:
    """A reduction over rows, sixteen of them laid side by side: NumPy's inner loop is then long, and twice as fast."""
    num_wide, width = len(block) // _SIDE_BY_SIDE * _SIDE_BY_SIDE, block.shape[1]
    if not num_wide:
        return np.asarray(reduce.reduce(block, axis=0), np.float64)
    wide = reduce.reduce(block[:num_wide].reshape(-1, _SIDE_BY_SIDE * width), axis=0).reshape(_SIDE_BY_SIDE, width)
    return np.asarray(reduce.reduce(np.concatenate([wide, block[num_wide:]]), axis=0), np.float64)


def _extremes(values: _Values, rows: npt.NDArray[np.int64]) -> tuple[_Vector, _Vector]:
    bounds = _over_blocks(lambda block: np.stack([_down(np.minimum, block), _down(np.maximum, block)]), values, rows)
    low_high = np.array(bounds)
    return low_high[:, 0].min(axis=0), low_high[:, 1].max(axis=0)


def _moments(values: _Values, rows: npt.NDArray[np.int64]) -> tuple[_Vector, _Vector]:
    mean = sum(_over_blocks(lambda block: _down(np.add, block.astype(np.float64)), values, rows)) / len(rows)

    # Two passes: the textbook one-pass form loses every digit of a price's spread to the price's level.
    def squares(block: _Values) -> _Vector:
        apart = block.astype(np.float64)
        apart -= mean
        apart *= apart
        return _down(np.add, apart)

    square = sum(_over_blocks(squares, values, rows)) / len(rows)
    return np.asarray(mean), np.sqrt(square)


def _quartiles(values: _Values, rows: npt.NDArray[np.int64]) -> tuple[_Vector, _Vector]:
    lower, median, upper = np.array(
        [np.percentile(values[rows, column].astype(np.float64), (25, 50, 75)) for column in range(values.shape[1])]
    ).T
    return median, upper - lower

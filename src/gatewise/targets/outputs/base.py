"""What a model predicts for each row, by kind: one class a kind, which holds what depends on the kind alone.

How predictions are judged and drawn is in tables further down the street, by the same names: `evaluation/kinds`,
`selection/luck/skill.py`, `report/kinds`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class OutputSpec(Protocol):
    """A kind of prediction, with the names that it has in one experiment.

    Attributes:
        kind: its name in every table.
        loss: of `training/losses.py`; what is minimised unless the config says otherwise. It is proper: least, on
            average, for the prediction that is true.
        loss_fields: what else that loss must know, by its parameters' names.
        classes: names in order of their numbers; empty where y are numbers.
        outputs: names of the columns of y; empty for classes.
        columns: names of what y is scaled by: the outputs, but of a path its columns, each scaled alike at every step.
        unit: of y, for people.
        starts: columns of the table that the columns of y continue, one each; empty where y are changes or classes.
        price: which column of y says where the price goes, for the naive side; `None` where none does.
        num_outputs: numbers that a model predicts for a row.
        scale: what 1 of y is divided by as it is learned, whatever the training rows; `None`: what these say.
    """

    @property
    def kind(self) -> str: ...
    @property
    def loss(self) -> str: ...
    @property
    def loss_fields(self) -> dict[str, Any]: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def outputs(self) -> tuple[str, ...]: ...
    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def unit(self) -> str: ...
    @property
    def starts(self) -> tuple[str, ...]: ...
    @property
    def price(self) -> int | None: ...
    @property
    def num_outputs(self) -> int: ...
    @property
    def scale(self) -> float | None: ...

    def predictions(self, raw: npt.NDArray[Any], floor: Floats) -> Floats:
        """What a network's raw outputs [n, num_outputs] predict: float64 [n, num_outputs], in the unit of scaled y.

        Args:
            floor: float64 [classes], what classes that training never saw are given; empty for numbers.
        """

    def unscaled(self, predictions: Floats, restore: Callable[[Floats], Floats]) -> Floats:
        """Predictions in y's own unit.

        Args:
            restore: does it for numbers [n, outputs], one for each column of y.
        """

    def losses(self, predictions: Floats, y: npt.NDArray[Any]) -> Floats:
        """`loss` of each row, float64 [n]; y as it is trained on, in the unit of the predictions."""

    def counts(self, y: npt.NDArray[Any]) -> Ints:
        """How often each class occurs, int64 [classes]; empty for numbers."""

    def prediction_columns(self, predictions: Floats) -> dict[str, Floats]:
        """The predictions as columns of a frame."""

    def decision_columns(self, predictions: Floats) -> dict[str, npt.NDArray[Any]]:
        """What is decided by them or follows from them, as further columns."""

    def target_columns(self, y: npt.NDArray[Any], known: Flags) -> list[pl.Series]:
        """y as columns of a frame, null where it is not `known`."""

    def random_labels(self, rng: np.random.Generator, num_rows: int) -> npt.NDArray[Any]:
        """y of rows that has nothing to do with anything, for the audit."""


def value_columns(names: tuple[str, ...], y: npt.NDArray[Any], known: Flags) -> list[pl.Series]:
    """Numbers [n, outputs] as `target_<output>` columns, null where not known."""
    return [
        pl.Series(f"target_{name}", np.where(known, column, np.nan)).fill_nan(None)
        for name, column in zip(names, y.T, strict=True)
    ]


def random_values(rng: np.random.Generator, num_rows: int, width: int) -> Floats:
    """Numbers [num_rows, width] far from any label's."""
    return rng.normal(1e3, 1e4, (num_rows, width))

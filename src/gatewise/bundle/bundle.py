"""The only thing that predicts: validation, files and live rows go through it.

A prediction depends on its row's window: features have exact lookbacks and every forward pass has one shape, so the
other rows of a table and their number do not change a bit of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.bundle.finish import finish
from gatewise.bundle.folder import read_record, write_record
from gatewise.bundle.inside import Inside
from gatewise.bundle.reading import reading_config
from gatewise.bundle.record import SLOTS, Record, make_record
from gatewise.bundle.schema import require_schema, row_numbers
from gatewise.bundle.scorable import read_history, rows_needed, scorable_rows
from gatewise.bundle.scorer import Scorer
from gatewise.config.schema import DataConfig, ExperimentConfig
from gatewise.data.table import SYMBOL, TIME, Table
from gatewise.errors import BundleError, NotEnoughRowsError
from gatewise.features.base import FeatureMatrix
from gatewise.features.build import build_features
from gatewise.features.far import far_by_symbol, say_far
from gatewise.features.symbols import Codes, require_known, symbol_codes
from gatewise.fold import FittedFold
from gatewise.isolation import plain_numbers
from gatewise.learners.base import Inputs, Predictor, Shape
from gatewise.learners.table import learner_of
from gatewise.parts import own_code
from gatewise.rows import parts_of, rows_in_windows
from gatewise.samples import Samples
from gatewise.targets.history import make_history, with_history
from gatewise.targets.outputs.base import OutputSpec
from gatewise.targets.spec import output_spec
from gatewise.training.device import choose_device

_log = logging.getLogger("gatewise.bundle")


@dataclass(frozen=True, eq=False)
class Bundle(Inside):
    """A record that predicts; a `Scorer`.

    Raises:
        BundleError: the record holds what this version can't apply.
    """

    record: Record

    def __post_init__(self) -> None:
        for slot in SLOTS:
            if getattr(self.record, slot) is not None:
                raise BundleError(
                    f"a bundle with a {slot} is beyond gatewise {version('gatewise')}, which knows none",
                    f"use gatewise {self.record.gatewise_version}, which wrote it, or a later one",
                )

    @classmethod
    def of(cls, config: ExperimentConfig, samples: Samples, fold: FittedFold, predictor: Predictor) -> Bundle:
        """From what training left behind; see `make_record`."""
        return cls(make_record(config, samples, fold, predictor))

    @classmethod
    @plain_numbers()
    def load(cls, folder: str | Path) -> Bundle:
        """Reads what `save` wrote; every hash, the schema and the weights' shapes are checked.

        Raises:
            BundleError: a file is missing, added or changed, or the bundle is of a later version; the file is named.
        """
        bundle = cls(read_record(Path(folder)))
        try:
            _ = bundle.predictor
        except BundleError as error:
            raise BundleError(f"{folder}: {error.message}", error.hint) from error
        return bundle

    def save(self, folder: str | Path) -> None:
        """Writes the folder, whole or not at all; a bundle that is there is replaced.

        Raises:
            StorageError: `folder` holds something else, or the disk is full or not writable.
        """
        write_record(self.record, Path(folder))

    def reading(
        self, file: Path | None = None, assignments: Iterable[str] = (), overrides: Mapping[str, Any] | None = None
    ) -> DataConfig:
        """How files of new rows are read: as the training files were, but for what is said here.

        `load_table(bundle.reading(overrides={"data.paths": ["new.parquet"]}))` gives a table to predict; with
        `unnamed=bundle.only_symbol` rows of which nothing says whose they are go by the bundle's one symbol.

        Raises:
            ConfigError: an invalid setting, or one that concerns anything but data.
        """
        return reading_config(self.record.config, file, assignments, overrides or {})

    @property
    def only_symbol(self) -> str | None:
        """The one that it was trained on, whose new rows are where nothing else says it; `None` of several."""
        return self.record.symbols[0] if len(self.record.symbols) == 1 else None

    @property
    def rows_needed(self) -> int:
        """The gap-free rows that one prediction takes: a window and, before it, the features' lookback; as many as the
        model's history of the target reaches back where that is more.
        """
        return rows_needed(self.record)

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The table's columns that the features read."""
        return self.record.required_columns

    @property
    def predicted_columns(self) -> tuple[str, ...]:
        """The columns that `predict` gives, in order."""
        nothing = np.empty((0, self.spec.num_outputs))
        return (SYMBOL, TIME, *self._columns(nothing))

    @plain_numbers()
    def predict(
        self,
        table: Table,
        rows: npt.NDArray[np.int64] | Sequence[int] | None = None,
        device: str = "auto",
        warn: Callable[[str], None] | None = None,
    ) -> pl.DataFrame:
        """Scores rows of a table; see `Scorer.predict`.

        Returns:
            symbol, time, then prob_<class> columns and label (the most probable class), or the outputs or their
            quantiles in the outputs' own units, then action and reason where there is a decision rule; one row for each
            of `rows`, in their order.
        """
        chosen = None if rows is None else row_numbers(rows)
        matrix = self.features(table)
        scorable = self.scorable_rows(table, matrix)
        if chosen is None:
            chosen = scorable
        elif len(missing := np.setdiff1d(chosen, scorable)):
            raise NotEnoughRowsError(
                f"a prediction takes {self.rows_needed} gap-free rows; row {missing[0]} has fewer",
                "leave rows out to score every row that has enough",
            )
        predicted = self.predict_rows(table, matrix, chosen, device)
        self.warn_of_far(table, matrix, chosen, warn)
        return self.frame(table, chosen, predicted)

    @plain_numbers()
    def warn_of_far(
        self,
        table: Table,
        matrix: FeatureMatrix,
        rows: npt.NDArray[np.int64],
        warn: Callable[[str], None] | None = None,
    ) -> None:
        """Says where inputs of `rows` lie far from those of training; see `Scorer.predict`."""
        inputs = self.inputs(table, matrix, rows, "cpu")
        used = rows_in_windows(rows, self.record.config.windows.sequence_length, table.num_rows)
        if far := far_by_symbol(inputs.scaler, matrix.values, used, inputs.codes, table):
            (warn or _log.warning)(say_far(far))

    @plain_numbers()
    def features(self, table: Table) -> FeatureMatrix:
        """The table's feature matrix, from the required columns alone.

        Raises:
            SchemaError, NotEnoughRowsError: see `predict`.
        """
        record, data = self.record, self.record.config.data
        require_schema(table, record.required_columns, record.timeframe, data.calendar, data.prices)
        read = table.with_frame(table.frame.select(SYMBOL, TIME, *record.required_columns))
        matrix = build_features(read, record.config.features)
        if record.config.features.history:
            matrix = with_history(matrix, make_history(read, record.config.target))
        if (matrix.names, matrix.lookback) != (record.feature_names, record.lookback):
            raise BundleError(
                "this version of gatewise builds other features than the bundle was trained on",
                f"use gatewise {record.gatewise_version}, or train anew",
            )
        return matrix

    def scorable_rows(self, table: Table, matrix: FeatureMatrix) -> npt.NDArray[np.int64]:
        """Rows with all that a prediction reads, ascending, at least one.

        Raises:
            NotEnoughRowsError: there is none.
        """
        return scorable_rows(self.record, self.spec, table, matrix.valid)

    def predict_rows(
        self, table: Table, matrix: FeatureMatrix, rows: npt.NDArray[np.int64], device: str = "auto"
    ) -> npt.NDArray[np.float64]:
        """Probabilities [len(rows), classes], or values or quantiles [len(rows), spec.num_outputs] in their own units.

        The lower half of `predict`, for a matrix of the table that is there already; `rows` must be scorable ones. GPUs
        keep the matrix for the next call, so nothing may write to it.

        Raises:
            SchemaError: one of `rows` is of a symbol that the bundle does not know and would have to.
        """
        learned = self.learned_rows(table, matrix, rows, device)
        return self.finished(table, rows, learned, out=learned)

    @plain_numbers()
    def learned_rows(
        self, table: Table, matrix: FeatureMatrix, rows: npt.NDArray[np.int64], device: str = "auto"
    ) -> npt.NDArray[np.float64]:
        """What the model says of rows, as `predict_rows` but in the unit that it learned in, and not calibrated."""
        choose_device(device)
        every = np.empty((len(rows), self.spec.num_outputs))
        for part in parts_of(*every.shape):
            inputs = self.inputs(table, matrix, rows[part], device)
            with own_code():
                predicted = self.predictor.predict(inputs)
            assert predicted.shape == every[part].shape
            every[part] = predicted
        return every

    @plain_numbers()
    def finished(
        self,
        table: Table,
        rows: npt.NDArray[np.int64],
        learned: npt.NDArray[np.float64],
        calibrate: bool = True,
        out: npt.NDArray[np.float64] | None = None,
    ) -> npt.NDArray[np.float64]:
        """What `learned_rows` gave, calibrated and in its own units: what `predict_rows` gives.

        Args:
            calibrate: false leaves out what validation rows have set right.
            out: where it goes, which may be `learned` itself.
        """
        out = np.empty_like(learned) if out is None else out
        finish(self.record, self.spec, table, rows, self._codes(table, rows), learned, out, calibrate)
        return out

    def inputs(self, table: Table, matrix: FeatureMatrix, rows: npt.NDArray[np.int64], device: str) -> Inputs:
        """What the predictor reads of rows of a table."""
        record = self.record
        scaler, codes = record.scaler.over(record.symbols), self._codes(table, rows)
        history = read_history(record, table)
        return Inputs(record.config, matrix.values, scaler, codes, len(record.symbols), rows, device, history)

    def frame(self, table: Table, rows: npt.NDArray[np.int64], predicted: npt.NDArray[np.float64]) -> pl.DataFrame:
        """What `predict_rows` gave, as the rows that `predict` returns."""
        columns = self._columns(predicted)
        keys = table.frame[rows].select(SYMBOL, TIME)
        return keys.with_columns(pl.Series(name, column) for name, column in columns.items())

    def _columns(self, predicted: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[Any]]:
        rule, spec = self.record.decision_rule, self.spec
        said = spec.prediction_columns(predicted) | spec.decision_columns(predicted)
        return said if rule is None else said | rule.columns(spec, predicted)

    @cached_property
    def spec(self) -> OutputSpec:
        """What is predicted."""
        record = self.record
        return output_spec(record.config.target, record.classes or record.outputs, record.unit)

    def _codes(self, table: Table, rows: npt.NDArray[np.int64]) -> Codes | None:
        """Each row's place among the symbols trained on; `None` where nothing is fitted to them."""
        if not self.record.config.knows_symbols:
            return None
        require_known(table, rows, self.record.symbols)
        return symbol_codes(table, self.record.symbols)

    @cached_property
    def predictor(self) -> Predictor:
        """The model itself."""
        record = self.record
        floor = np.array([record.unseen.get(name, 0.0) for name in record.classes])
        shape = Shape(record.feature_names, self.spec, len(record.symbols), floor)
        return learner_of(record.config.model).restore(record.config, shape, record.weights, record.model_state)


if TYPE_CHECKING:
    _: type[Scorer] = Bundle

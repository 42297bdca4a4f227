"""A trained thing as a folder, and the only thing that predicts: validation, files and live rows go through it.

bundle.json holds all but the weights; sealed.py keeps both under hashes. A prediction depends on its row's window:
features have exact lookbacks and every forward pass has one shape, so the other rows of a table and their number do not
change a bit of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from torch import Tensor

from gatewise.bundle.reading import reading_config, with_calendar
from gatewise.bundle.schema import require_schema, require_windows
from gatewise.bundle.state import from_json, provenance_of, schema_hash, to_json
from gatewise.bundle.whole import require_whole
from gatewise.config.schema import DataConfig, ExperimentConfig
from gatewise.data.table import OHLCV, SYMBOL, TIME, Table
from gatewise.errors import BundleError, ConfigError, NotEnoughRowsError
from gatewise.features.base import FeatureMatrix
from gatewise.features.build import build_features, resolve_features
from gatewise.features.far import far_inputs, say_far
from gatewise.features.scaling import Scaler
from gatewise.features.symbols import require_known, symbol_codes
from gatewise.fold import Fold
from gatewise.isolation import plain_numbers
from gatewise.learners.base import Inputs, Predictor, Shape
from gatewise.learners.table import learner_of
from gatewise.rows import rows_in_windows
from gatewise.samples import Samples
from gatewise.sealed import read_sealed, write_sealed
from gatewise.targets.make import output_spec
from gatewise.targets.outputs.base import OutputSpec
from gatewise.training.device import choose_device

FORMAT = "gatewise-bundle/1"
_log = logging.getLogger("gatewise.bundle")


@dataclass(frozen=True, eq=False)
class Bundle:
    """Everything that scoring new rows takes, and where it came from.

    Attributes:
        config: of the experiment; its data section says how files of the same kind are read.
        feature_names: the matrix's columns, in order.
        required_columns: the table's columns that the features read; others are ignored.
        lookback: rows that the longest feature depends on. A live buffer needs `rows_needed`.
        timeframe: the step between rows; a table of another one is refused.
        classes: class names in order of the probabilities; empty for regression.
        outputs, unit: names of the regression outputs and their unit; empty for classes.
        scaler: of the features, for all rows or one a symbol. target_scaler: of the regression outputs, likewise;
            `None` for classes.
        unseen: classes that training never saw, and the share that every prediction gives them.
        weights: the predictor's tensors by name, on the CPU.
        model_state: what else the predictor is made of, JSON values.
        metrics: what the evaluation said, JSON values.
        symbols: those trained on; where something is fitted to each of them, no other can be predicted.
        data_fingerprint: of the whole table.
        provenance: rows, first and last time, versions of the packages in use; JSON values.
        gatewise_version, created_utc: of the code and the moment.
    """

    config: ExperimentConfig
    feature_names: tuple[str, ...]
    required_columns: tuple[str, ...]
    lookback: int
    timeframe: timedelta
    classes: tuple[str, ...]
    outputs: tuple[str, ...]
    unit: str
    scaler: Scaler
    target_scaler: Scaler | None
    unseen: Mapping[str, float]
    weights: Mapping[str, Tensor]
    model_state: Mapping[str, Any]
    metrics: Mapping[str, Any]
    symbols: tuple[str, ...]
    data_fingerprint: str
    provenance: Mapping[str, Any]
    gatewise_version: str
    created_utc: datetime

    @classmethod
    def of(cls, config: ExperimentConfig, samples: Samples, fold: Fold, predictor: Predictor) -> Bundle:
        """From what training left behind; `dataclasses.replace(bundle, metrics=...)` adds numbers, which come later."""
        table, matrix, labels = samples.table, samples.matrix, samples.labels
        features = resolve_features(config.features, table.columns, table.timeframe)
        read = dict.fromkeys(name for feature in features for name in feature.requires if name != TIME)
        return cls(
            config=with_calendar(config, table),
            feature_names=matrix.names,
            required_columns=tuple(dict.fromkeys((*(OHLCV if config.features.sets else ()), *read))),
            lookback=matrix.lookback,
            timeframe=table.timeframe,
            classes=labels.classes,
            outputs=labels.outputs,
            unit=labels.spec.unit,
            scaler=fold.scaler,
            target_scaler=fold.target_scaler,
            unseen={name: float(share) for name, share in zip(labels.classes, fold.floor, strict=True) if share},
            weights=predictor.tensors(),
            model_state=predictor.state(),
            metrics={},
            symbols=table.symbols,
            data_fingerprint=table.fingerprint,
            provenance=provenance_of(table),
            gatewise_version=version("gatewise"),
            created_utc=datetime.now(UTC),
        )

    @property
    def rows_needed(self) -> int:
        """The gap-free rows that one prediction takes: a window and, before it, the features' lookback."""
        return self.config.windows.sequence_length + self.lookback - 1

    @property
    def schema_hash(self) -> str:
        """SHA-256 over what a table and a prediction must be: features, columns, timeframe, target, window length."""
        return schema_hash(self)

    def save(self, folder: str | Path) -> None:
        """Writes the folder, whole or not at all; a bundle that is there is replaced.

        Raises:
            StorageError: `folder` holds something else, or the disk is full or not writable.
        """
        documents = {"bundle": {"format": FORMAT, **to_json(self)}}
        if self.model_state:
            documents["model"] = dict(self.model_state)
        write_sealed(Path(folder), documents, self.weights)

    @classmethod
    @plain_numbers()
    def load(cls, folder: str | Path) -> Bundle:
        """Reads what `save` wrote; every hash, the schema and the weights' shapes are checked.

        Raises:
            BundleError: a file is missing, added or changed, or the bundle is of another version; the file is named.
        """
        folder = Path(folder)
        documents, weights = read_sealed(folder)
        values = documents.get("bundle", {})
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise BundleError(
                f"{folder} must hold {FORMAT}; got {values.get('format') if isinstance(values, dict) else None}",
                f"this is gatewise {version('gatewise')}; use the version that wrote it, and ModelRegistry.load for a "
                "model on arrays",
            )
        try:
            bundle = cls(weights=weights, model_state=documents.get("model", {}), **from_json(values))
        except (KeyError, TypeError, ValueError, ConfigError) as error:
            raise BundleError(
                f"{folder}/bundle.json can't be understood: {error}", "use the gatewise that wrote it"
            ) from error
        require_whole(bundle, folder, values.get("schema_hash"))
        try:
            _ = bundle._predictor
        except BundleError as error:
            raise BundleError(f"{folder}/model.safetensors: {error.message}", error.hint) from error
        return bundle

    def reading(
        self, file: Path | None = None, assignments: Iterable[str] = (), overrides: Mapping[str, Any] | None = None
    ) -> DataConfig:
        """How files of new rows are read: as the training files were, but for what is said here.

        `load_table(bundle.reading(overrides={"data.paths": ["new.parquet"]}))` gives a table to predict.

        Raises:
            ConfigError: something is said that can't be, or that concerns anything but data.
        """
        return reading_config(self.config, file, assignments, overrides or {})

    @plain_numbers()
    def predict(
        self,
        table: Table,
        rows: npt.NDArray[np.int64] | Sequence[int] | None = None,
        device: str = "auto",
        warn: Callable[[str], None] | None = None,
    ) -> pl.DataFrame:
        """Scores rows of a table; a prediction is knowable at its row's time.

        Args:
            rows: row numbers to score, none to many; `None`: every row with a full gap-free window.
            device: auto, cpu, cuda or cuda:N.
            warn: hears in a sentence of inputs that lie far from those of training; `None`: the log does.

        Returns:
            symbol, time, then prob_<class> columns and label (the most probable class), or the outputs in their own
            units; one row for each of `rows`, in their order.

        Raises:
            SchemaError: another timeframe, calendar or kind of prices, or a column that the features read is missing.
            NotEnoughRowsError: no row, or one of `rows`, has a full gap-free window.
            ConfigError: `rows` are no row numbers.
        """
        chosen = None if rows is None else _row_numbers(rows)
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
        if words := self.far_inputs(table, matrix, chosen):
            (warn or _log.warning)(say_far(words))
        return self.frame(table, chosen, predicted)

    def far_inputs(self, table: Table, matrix: FeatureMatrix, rows: npt.NDArray[np.int64]) -> list[str]:
        """Which inputs of `rows` lie far from those of training, in words; one entry a symbol where there are several.

        Args:
            matrix: of the table. For `rows`, and for errors, see `predict_rows`.
        """
        scaler, codes = self.scaler, None
        if self.scaler.symbols:
            require_known(table, rows, self.symbols)
            scaler, codes = self.scaler.over(self.symbols), symbol_codes(table, self.symbols)
        seen = rows_in_windows(rows, self.config.windows.sequence_length, table.num_rows)
        by_symbol = np.split(seen, np.searchsorted(seen, table.symbol_starts[1:]))
        found = {
            name: far_inputs(scaler, matrix.values, own, codes)
            for name, own in zip(table.symbols, by_symbol, strict=True)
        }
        return [f"{name} {words}" if len(found) > 1 else words for name, words in found.items() if words]

    @plain_numbers()
    def features(self, table: Table) -> FeatureMatrix:
        """The table's feature matrix, from the required columns alone.

        Raises:
            SchemaError, NotEnoughRowsError: see `predict`.
        """
        data = self.config.data
        require_schema(table, self.required_columns, self.timeframe, data.calendar, data.prices)
        own = table.with_frame(table.frame.select(SYMBOL, TIME, *self.required_columns))
        matrix = build_features(own, self.config.features)
        if (matrix.names, matrix.lookback) != (self.feature_names, self.lookback):
            raise BundleError(
                "this version of gatewise builds other features than the bundle was trained on",
                f"use gatewise {self.gatewise_version}, or train anew",
            )
        return matrix

    def scorable_rows(self, table: Table, matrix: FeatureMatrix) -> npt.NDArray[np.int64]:
        """Rows with a full gap-free window, ascending, at least one.

        Raises:
            NotEnoughRowsError: there is none.
        """
        return require_windows(table, matrix.valid, self.config.windows.sequence_length, self.lookback)

    @plain_numbers()
    def predict_rows(
        self, table: Table, matrix: FeatureMatrix, rows: npt.NDArray[np.int64], device: str = "auto"
    ) -> npt.NDArray[np.float64]:
        """Probabilities [len(rows), classes], or values [len(rows), outputs] in the outputs' own units.

        The lower half of `predict`, for a matrix of the table that is there already; `rows` must be scorable ones.

        Raises:
            SchemaError: one of `rows` is of a symbol that the bundle does not know and would have to.
        """
        choose_device(device)
        if not len(rows):
            return np.empty((0, self.spec.num_outputs))
        scaler, target_scaler, codes = self.scaler, self.target_scaler, None
        if self.config.knows_symbols:
            require_known(table, rows, self.symbols)
            codes = symbol_codes(table, self.symbols)
            scaler, target_scaler = scaler.over(self.symbols), target_scaler and target_scaler.over(self.symbols)
        inputs = Inputs(self.config, matrix.values, scaler, codes, len(self.symbols), rows, device)
        own = None if codes is None else codes[rows]
        return self.spec.unscaled(self._predictor.predict(inputs), target_scaler, own)

    def frame(self, table: Table, rows: npt.NDArray[np.int64], predicted: npt.NDArray[np.float64]) -> pl.DataFrame:
        """What `predict_rows` gave, as the rows that `predict` returns."""
        keys = table.frame[rows].select(SYMBOL, TIME)
        columns = self.spec.prediction_columns(predicted) | self.spec.decision_columns(predicted)
        return keys.with_columns(pl.Series(name, column) for name, column in columns.items())

    @cached_property
    def spec(self) -> OutputSpec:
        """What is predicted."""
        return output_spec(self.config.target, self.classes or self.outputs, self.unit)

    @cached_property
    def _predictor(self) -> Predictor:
        floor = np.array([self.unseen.get(name, 0.0) for name in self.classes])
        shape = Shape(len(self.feature_names), self.spec, len(self.symbols), floor)
        return learner_of(self.config.model).restore(self.config, shape, self.weights, self.model_state)


def _row_numbers(rows: npt.NDArray[np.int64] | Sequence[int]) -> npt.NDArray[np.int64]:
    numbers = np.asarray(rows)
    if numbers.ndim != 1 or (len(numbers) and numbers.dtype.kind not in "iu"):
        raise ConfigError(
            f"rows must be row numbers, [n] whole numbers; got {numbers.dtype} {numbers.shape}",
            "np.flatnonzero(mask) makes row numbers of a mask",
        )
    return numbers.astype(np.int64)

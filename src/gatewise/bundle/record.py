"""What a trained thing is: the fields of a bundle, and how they are taken from a training."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import version
from typing import Any

from torch import Tensor

from gatewise.bundle.reading import with_calendar
from gatewise.calibration.calibrator import Calibrator
from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import OHLCV, TIME, Table
from gatewise.decisions.rule import DecisionRule
from gatewise.features.build import resolve_features
from gatewise.features.scaling import Scaler
from gatewise.fold import FittedFold
from gatewise.learners.base import Predictor
from gatewise.samples import Samples
from gatewise.targets.history import history_columns
from gatewise.targets.learned import Least

_PACKAGES = ("torch", "numpy", "polars", "safetensors")


@dataclass(frozen=True, eq=False)
class Record:
    """Everything that scoring new rows takes, and where it came from.

    Attributes:
        config: of the experiment; its data section says how files of the same kind are read.
        feature_names: the matrix's columns, in order.
        required_columns: the table's columns that features read or predictions are added to; others are ignored.
        lookback: rows that the longest feature depends on.
        timeframe: the step between rows; a table of another one is refused.
        classes: class names in order of the probabilities; empty for regression.
        outputs, unit: names of the regression outputs and their unit; empty for classes.
        least: of outputs that are learned as changes, see `least_present`; empty: they are learned as they are.
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
        calibrator: what the predictor's numbers go through; `None`: nothing.
        decision_rule: at which rows predictions are acted on; `None`: nothing is decided.
        members: a further slot for what may come between a predictor's numbers and a prediction; `None`: there is none.
            Nothing fills it yet, and `Bundle` refuses a record in which it is filled.
    """

    config: ExperimentConfig
    feature_names: tuple[str, ...]
    required_columns: tuple[str, ...]
    lookback: int
    timeframe: timedelta
    classes: tuple[str, ...]
    outputs: tuple[str, ...]
    unit: str
    least: Least
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
    calibrator: Calibrator | None = None
    decision_rule: DecisionRule | None = None
    members: Any = None


SLOTS = ("members",)


def make_record(config: ExperimentConfig, samples: Samples, fold: FittedFold, predictor: Predictor) -> Record:
    """Of what training left behind; metrics come later, by `dataclasses.replace(record, metrics=...)`."""
    table, matrix, labels = samples.table, samples.matrix, samples.labels
    features = resolve_features(config.features, table.columns, table.timeframe)
    read = dict.fromkeys(name for feature in features for name in feature.requires if name != TIME)
    if fold.least:
        read |= dict.fromkeys(labels.spec.starts)
    if config.features.history or config.model.reads_history:
        read |= dict.fromkeys(history_columns(config.target, table.columns))
    return Record(
        config=with_calendar(config, table),
        feature_names=matrix.names,
        required_columns=tuple(dict.fromkeys((*(OHLCV if config.features.sets else ()), *read))),
        lookback=matrix.lookback,
        timeframe=table.timeframe,
        classes=labels.classes,
        outputs=labels.outputs,
        unit=labels.spec.unit,
        least=fold.least,
        scaler=fold.scaler,
        target_scaler=fold.target_scaler,
        unseen={name: float(share) for name, share in zip(labels.classes, fold.floor, strict=True) if share},
        weights=predictor.tensors(),
        model_state=predictor.state(),
        metrics={},
        symbols=table.symbols,
        data_fingerprint=table.fingerprint,
        provenance=provenance_of(table) | ({"own_parts": config.own_parts} if config.own_parts else {}),
        gatewise_version=_versions()["gatewise"],
        created_utc=datetime.now(UTC),
    )


def provenance_of(table: Table) -> dict[str, Any]:
    """Which rows, and which versions of what computes on them."""
    times = table.frame[TIME]
    return {
        "rows": table.num_rows,
        "first_time": str(times.min()),
        "last_time": str(times.max()),
        "python": platform.python_version(),
        "packages": {name: _versions()[name] for name in _PACKAGES},
        **({"repairs": [dict(repair) for repair in table.repairs]} if table.repairs else {}),
    }


@cache
def _versions() -> dict[str, str]:
    """Read once: it takes 12 ms, and a model that is updated becomes a bundle before each stretch."""
    return {name: version(name) for name in ("gatewise", *_PACKAGES)}

"""A record, all but its weights, as JSON values and back."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from torch import Tensor

from gatewise.bundle.record import SLOTS, Record
from gatewise.bundle.upgrades import FORMAT
from gatewise.calibration.calibrator import Calibrator
from gatewise.config.durations import Step, format_duration
from gatewise.config.load import build_config
from gatewise.config.schema import ExperimentConfig
from gatewise.decisions.rule import DecisionRule
from gatewise.errors import BundleError, GatewiseError
from gatewise.features.scaling import Scaler
from gatewise.sealed import DAMAGE

Convert = Callable[[Any], Any]
_REMEDY = "use the gatewise that wrote it"


def _plain(kind: Any, write: Convert = lambda value: value) -> tuple[Convert, Convert]:
    """How a field is read, by its type and strictly (text is no number), and written."""
    adapter = TypeAdapter(kind)
    return lambda value: adapter.validate_json(json.dumps(value), strict=True), write


def _or_none(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# How each field is read from JSON values, and written.
_NAMES, _TEXT = _plain(tuple[str, ...]), _plain(str)
_FIELDS: dict[str, tuple[Convert, Convert]] = {
    "config": (build_config, ExperimentConfig.to_dict),
    "feature_names": _NAMES,
    "required_columns": _NAMES,
    "lookback": _plain(Annotated[int, Field(ge=1)]),
    "timeframe": _plain(Step, format_duration),
    "classes": _NAMES,
    "outputs": _NAMES,
    "unit": _TEXT,
    "least": _plain(tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...]),
    "scaler": (Scaler.from_dict, Scaler.to_dict),
    "target_scaler": (_or_none(Scaler.from_dict), _or_none(Scaler.to_dict)),
    "calibrator": _plain(Calibrator | None, _or_none(lambda calibrator: calibrator.to_dict())),
    "decision_rule": _plain(DecisionRule | None, _or_none(DecisionRule.to_dict)),
    "unseen": _plain(dict[str, float], dict),
    "metrics": _plain(dict[str, Any], _finite),
    "symbols": _NAMES,
    "data_fingerprint": _TEXT,
    "provenance": _plain(dict[str, Any]),
    "gatewise_version": _TEXT,
    "created_utc": _plain(datetime, datetime.isoformat),
}


def to_json(record: Record) -> dict[str, Any]:
    """What bundle.json holds, without slots that are empty; a metric that is no finite number becomes null."""
    values = {name: write(getattr(record, name)) for name, (_, write) in _FIELDS.items()}
    slots = {name: value for name in SLOTS if (value := getattr(record, name)) is not None}
    return {"format": FORMAT, "schema_hash": schema_hash(values, record.config.knows_symbols), **values, **slots}


def from_json(values: Mapping[str, Any], weights: Mapping[str, Tensor], model_state: Mapping[str, Any]) -> Record:
    """The record of values in the newest format.

    Raises:
        BundleError: a field is missing, damaged or unknown (it is named), or the values don't match their own hash.
    """
    fields = {"format", "schema_hash", *_FIELDS}
    if odd := sorted(fields ^ (values.keys() - set(SLOTS))):
        raise BundleError(f"{odd[0]!r} is {'no field of' if odd[0] in values else 'missing in'} {FORMAT}", _REMEDY)
    state: dict[str, Any] = {name: values.get(name) for name in SLOTS}
    for name, (read, _) in _FIELDS.items():
        try:
            state[name] = read(values[name])
        except (GatewiseError, *DAMAGE) as error:
            raise BundleError(f"{name} can't be understood: {_one_line(error)}", _REMEDY) from error
    record = Record(**state, weights=weights, model_state=model_state)
    try:
        matches = values["schema_hash"] == schema_hash(values, record.config.knows_symbols)
    except DAMAGE:
        matches = False
    if not matches:
        raise BundleError("the values must match their own schema hash", _REMEDY)
    return record


def schema_hash(values: Mapping[str, Any], knows_symbols: bool) -> str:
    """SHA-256 over what a table and a prediction must be: features, columns, timeframe, target, window length.

    It is taken of JSON values, so that it doesn't depend on what later versions add to a config.
    """
    config = values["config"]
    hashed = {
        "features": config["features"],
        "names": values["feature_names"],
        "columns": values["required_columns"],
        "lookback": values["lookback"],
        "timeframe": values["timeframe"],
        "target": config["target"],
        "classes": values["classes"],
        "outputs": values["outputs"],
        "sequence_length": config["windows"]["sequence_length"],
        "symbols": values["symbols"] if knows_symbols else (),
    }
    prices = config["data"].get("prices", "positive")
    if prices != "positive":  # bundles from before there was a choice keep their hash
        hashed["prices"] = prices
    return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()


def _one_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return str(error.errors()[0]["msg"])
    return " ".join((error.message if isinstance(error, GatewiseError) else f"{error!r}").split())

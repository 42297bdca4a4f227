"""A bundle's fields, all but the weights, as JSON values and back."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from gatewise.config.load import build_config
from gatewise.config.schema import TargetConfig, format_duration, parse_duration
from gatewise.data.table import TIME, Table
from gatewise.features.scaling import Scaler

if TYPE_CHECKING:
    from gatewise.bundle.bundle import Bundle

_PACKAGES = ("torch", "numpy", "polars", "safetensors")


def provenance_of(table: Table) -> dict[str, Any]:
    """Which rows, and which versions of what computes on them."""
    times = table.frame[TIME]
    return {
        "rows": table.num_rows,
        "first_time": str(times.min()),
        "last_time": str(times.max()),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        **({"repairs": [dict(one) for one in table.repairs]} if table.repairs else {}),
    }


def schema_hash(bundle: Bundle) -> str:
    """SHA-256 over what a table and a prediction must be: features, columns, timeframe, target, window length."""
    said = {
        "features": bundle.config.features.model_dump(mode="json"),
        "names": bundle.feature_names,
        "columns": bundle.required_columns,
        "lookback": bundle.lookback,
        "timeframe": format_duration(bundle.timeframe),
        "target": bundle.config.target.model_dump(mode="json"),
        "classes": bundle.classes,
        "outputs": bundle.outputs,
        "sequence_length": bundle.config.windows.sequence_length,
        "symbols": bundle.symbols if bundle.config.knows_symbols else (),
    }
    if bundle.config.data.prices != "positive":  # bundles from before there was a choice keep their hash
        said["prices"] = bundle.config.data.prices
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def to_json(bundle: Bundle) -> dict[str, Any]:
    """What bundle.json holds; a metric that is no finite number becomes null."""
    return {
        "schema_hash": schema_hash(bundle),
        "config": bundle.config.to_dict(),
        "feature_names": bundle.feature_names,
        "required_columns": bundle.required_columns,
        "lookback": bundle.lookback,
        "timeframe": format_duration(bundle.timeframe),
        "classes": bundle.classes,
        "outputs": bundle.outputs,
        "unit": bundle.unit,
        "scaler": bundle.scaler.to_dict(),
        "target_scaler": bundle.target_scaler.to_dict() if bundle.target_scaler else None,
        "unseen": dict(bundle.unseen),
        "metrics": _finite(bundle.metrics),
        "symbols": bundle.symbols,
        "data_fingerprint": bundle.data_fingerprint,
        "provenance": bundle.provenance,
        "gatewise_version": bundle.gatewise_version,
        "created_utc": bundle.created_utc.isoformat(),
    }


def from_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `Bundle`, weights aside.

    Raises:
        KeyError, TypeError, ValueError, ConfigError, BundleError: the values are not a bundle's.
    """
    timeframe = parse_duration(values["timeframe"])
    if not isinstance(timeframe, timedelta):
        raise TypeError(f"timeframe must be text like 5m; got {timeframe!r}")
    target_scaler = values["target_scaler"]
    return {
        "config": build_config(_without_idle(values["config"])),
        "feature_names": tuple(values["feature_names"]),
        "required_columns": tuple(values["required_columns"]),
        "lookback": int(values["lookback"]),
        "timeframe": timeframe,
        "classes": tuple(values["classes"]),
        "outputs": tuple(values["outputs"]),
        "unit": str(values["unit"]),
        "scaler": Scaler.from_dict(values["scaler"]),
        "target_scaler": None if target_scaler is None else Scaler.from_dict(target_scaler),
        "unseen": {str(name): float(share) for name, share in values.get("unseen", {}).items()},  # older ones saw all
        "metrics": dict(values["metrics"]),
        "symbols": tuple(values["symbols"]),
        "data_fingerprint": str(values["data_fingerprint"]),
        "provenance": dict(values["provenance"]),
        "gatewise_version": str(values["gatewise_version"]),
        "created_utc": datetime.fromisoformat(values["created_utc"]),
    }


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _without_idle(config: Mapping[str, Any]) -> dict[str, Any]:
    """Bundles of older versions may hold what did nothing and is refused by now.

    A `windows.burn_in` where only the last step was scored, and `training.class_weights` where there are no classes.
    """
    windows, training = config["windows"], config["training"]
    kind = TargetConfig.model_validate(config["target"]).output_kind
    burn_in = 0 if windows["supervise"] == "last" else windows["burn_in"]
    weights = training["class_weights"] if kind == "classes" else "none"
    return {
        **config,
        "windows": {**windows, "burn_in": burn_in},
        "training": {**training, "class_weights": weights},
    }

"""A record as a folder: bundle.json, what else a model is made of in model.json, tensors; all under hashes.

Hashes show that nothing changed since it was written; that the parts fit each other is checked beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatewise.bundle.record import Record
from gatewise.bundle.state import from_json, to_json
from gatewise.bundle.upgrades import upgraded
from gatewise.errors import BundleError
from gatewise.manifest import REMEDY
from gatewise.parts import require_same_code
from gatewise.sealed import read_sealed, write_sealed
from gatewise.targets.spec import output_spec


def write_record(record: Record, folder: Path) -> None:
    """Writes the folder, whole or not at all; a bundle that is there is replaced.

    Raises:
        StorageError: `folder` holds something else, or the disk is full or not writable.
    """
    documents = {"bundle": to_json(record)}
    if record.model_state:
        documents["model"] = dict(record.model_state)
    write_sealed(folder, documents, record.weights)


def read_record(folder: Path) -> Record:
    """Reads what `write_record` wrote, of this format or an earlier one.

    Raises:
        BundleError: a file is missing, added or changed, of a later format, or doesn't fit the others; it is named.
    """
    documents, weights = read_sealed(folder)
    if unknown := sorted(documents.keys() - {"bundle", "model"}):
        raise BundleError(f"{folder}/{unknown[0]}.json is no part of a bundle", "use the gatewise that wrote it")
    try:
        values = upgraded(documents.get("bundle"))
        _require_own_parts(values)
        record = from_json(values, weights, documents.get("model", {}))
        _require_fit(record)
    except BundleError as error:
        raise BundleError(f"{folder}/bundle.json: {error.message}", error.hint) from error
    return record


def _require_own_parts(values: Mapping[str, Any]) -> None:
    provenance = values.get("provenance")
    kept = provenance.get("own_parts", {}) if isinstance(provenance, dict) else {}
    if not isinstance(kept, dict):
        raise BundleError("provenance.own_parts must be hashes by import path", REMEDY)
    require_same_code(kept)


def _require_fit(record: Record) -> None:
    if record.scaler.names != record.feature_names:
        raise BundleError("the scaler must be for the features; it is for other columns", REMEDY)
    spec = output_spec(record.config.target, record.classes or record.outputs, record.unit)
    if record.target_scaler is not None and record.target_scaler.names != spec.columns:
        raise BundleError("the target scaler must be for the outputs", REMEDY)
    if record.decision_rule is not None and not record.decision_rule.fits(spec):
        raise BundleError(f"the decision rule must be for {spec.num_outputs} numbers of {spec.kind}", REMEDY)
    if record.calibrator is not None and not record.calibrator.fits(spec):
        raise BundleError(f"the calibrator must be for {spec.num_outputs} numbers of {spec.kind}", REMEDY)
    if record.least and len(record.least) != len(record.outputs):
        raise BundleError("least must hold a number for each output", REMEDY)
    symbols = tuple(sorted(record.symbols)) if record.config.features.scale_by == "symbol" else ()
    if any(scaler and scaler.symbols != symbols for scaler in (record.scaler, record.target_scaler)):
        raise BundleError(f"there must be scalers for {', '.join(symbols) or 'all rows'}", REMEDY)
    if bool(record.classes) == (record.target_scaler is not None):
        raise BundleError("there must be classes or scaled outputs, and not both", REMEDY)
    shares = record.unseen.values()
    if not record.unseen.keys() <= set(record.classes) or not min(shares, default=1) > 0 or not sum(shares) < 1:
        raise BundleError(f"unseen must be shares of classes; got {dict(record.unseen)}", REMEDY)

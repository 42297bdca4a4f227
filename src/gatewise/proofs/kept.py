"""The audit of a run: its own config on its own rows, kept beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any

from gatewise.bundle.reading import CHOICE, reading_config
from gatewise.config.load import assigned_fields, load_config
from gatewise.config.schema import DataConfig
from gatewise.data.load import load_table
from gatewise.data.table import Table
from gatewise.proofs.run import Audit, run_audit
from gatewise.registry.audits import keep_audit
from gatewise.registry.folders import find_bundle


def audit_run(
    folder: Path,
    assignments: Iterable[str] = (),
    overrides: Mapping[str, Any] | None = None,
    table: Table | None = None,
) -> tuple[Audit, Path]:
    """Audits the experiment of a run; gives what was found, and the file that keeps it.

    Args:
        folder: of a run of kind train that has its bundle.
        assignments, overrides: settings of data alone, where the rows lie elsewhere than they did; see `load_config`.
        table: the rows; `None` loads them.

    Raises:
        RunNotFoundError: the run has no bundle.
        ConfigError: settings of anything but data.
        GatewiseError: rows that can't be read or trained on; what was kept before stays.
    """
    find_bundle(str(folder))
    config = load_config(folder / "config.yaml")
    assignments, overrides = tuple(assignments), dict(overrides or {})
    if given := {*assigned_fields(assignments), *overrides}:
        data = reading_config(config, None, assignments, overrides)
        config = config.model_copy(update={"data": data.model_copy(update=_as_trained(config.data, given))})
    rows = _unresampled(config.data) if table is None else None
    table = load_table(config.data) if table is None else table
    audit = run_audit(config, table, seed=config.training.seed, rows=rows)
    return audit, keep_audit(folder, audit.to_dict(), table.fingerprint)


def _as_trained(data: DataConfig, given: Set[str]) -> dict[str, Any]:
    """What chose the training rows and nobody says anew; it chooses no new rows to predict, but those to audit."""
    places = {"source", "paths"}
    said = {name.removeprefix("data.") for name in given}
    return {name: getattr(data, name) for name in CHOICE if name not in (said | places if said & places else said)}


def _unresampled(data: DataConfig) -> Table | None:
    """The rows that longer bars are made of; `None` where they are taken as they are."""
    return load_table(data.model_copy(update={"resample": None})) if data.resample else None

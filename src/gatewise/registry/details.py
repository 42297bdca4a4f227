"""What a run's folder says beyond its run.json: its config, what in it differs from the defaults, and its results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatewise.config.load import build_config, load_config
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import GatewiseError
from gatewise.registry.info import GROUPS, RunInfo
from gatewise.registry.limits import flat_params
from gatewise.registry.listing import list_runs


@dataclass(frozen=True)
class Details:
    """Of a run, or of a bundle that lies alone.

    Attributes:
        config: `None` where it can't be read.
        changed: {field: (value, what a config of that model and target has without a word)}.
        results: what the command's --json said at the end; empty before.
        members: of a group, in the order of their start.
    """

    config: ExperimentConfig | None
    changed: Mapping[str, tuple[Any, Any]]
    results: Mapping[str, Any]
    members: tuple[RunInfo, ...]
    files: tuple[Path, ...]

    def to_dict(self) -> dict[str, Any]:
        """The machine interface."""
        return {
            "params": {} if self.config is None else dict(flat_params(self.config.to_dict())),
            "changed": {name: {"value": value, "default": usual} for name, (value, usual) in self.changed.items()},
            "results": dict(self.results),
            "members": [member.run_id for member in self.members],
            "files": [str(path) for path in self.files],
        }


def details_of(info: RunInfo) -> Details:
    """Reads them; what is missing or damaged is left out."""
    config = config_of(info)
    runs = list_runs("train") if info.kind in GROUPS else []
    return Details(
        config=config,
        changed={} if config is None else changed_fields(config),
        results=_json(info.folder / ("metrics.json" if info.kind == "train" else "summary.json")),
        members=tuple(run for run in reversed(runs) if run.parent == info.run_id),
        files=info.files,
    )


def changed_fields(config: ExperimentConfig) -> dict[str, tuple[Any, Any]]:
    """{dotted field: (value, default)} of all that was set otherwise; model and target choose what the defaults are."""
    chosen = {"model.name": config.model.name, "target.kind": config.target.kind, "cv.splitter": config.cv.splitter}
    usual = flat(load_config(overrides=chosen).to_dict())
    values = flat(config.to_dict())
    return {name: (value, usual.get(name)) for name, value in values.items() if value != usual.get(name)}


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{dotted field: value} of nested sections."""
    fields: dict[str, Any] = {}
    for name, value in values.items():
        fields |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) and value else {prefix + name: value}
    return fields


def config_of(info: RunInfo) -> ExperimentConfig | None:
    """A run's, or a lone bundle's; `None` where it can't be read."""
    try:
        if (info.folder / "config.yaml").is_file():
            return load_config(info.folder / "config.yaml")
        return build_config(json.loads((info.folder / "bundle.json").read_bytes())["config"])
    except (GatewiseError, OSError, ValueError, KeyError, TypeError):
        return None


def _json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}

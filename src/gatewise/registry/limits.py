"""What MLflow takes: flat parameters of bounded length, and metric names of few characters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_PARAM_LENGTH = 500  # the smallest limit among the servers in use; newer ones take 6000
_NAME_LENGTH = 250


def flat_params(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names and values as text; a string as it is, anything else as JSON, long ones cut."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from flat_params(value, f"{prefix}{key}.")
        else:
            yield prefix + key, _shorten(value if isinstance(value, str) else json.dumps(value))


def _shorten(text: str) -> str:
    return text if len(text) <= _PARAM_LENGTH else text[: _PARAM_LENGTH - 1] + "…"


def metric_name(name: str) -> str:
    """MLflow takes letters, digits and `_-. :`, in parts like those of a path; users' columns hold more."""
    parts = re.sub(r"[^\w\-. :/]", "_", name)[:_NAME_LENGTH].split("/")
    return "/".join(part for part in parts if part not in ("", ".", "..")) or "_"

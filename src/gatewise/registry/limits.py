"""What MLflow takes: flat parameters of bounded length, and metric names of few characters."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

_PARAM_LENGTH = 500  # the smallest limit among the servers in use; newer ones take 6000


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
    """MLflow takes letters, digits and `_-. :/`; users' columns hold more."""
    return posixpath.normpath(re.sub(r"[^\w\-. :/]", "_", name))[:250].lstrip("/")

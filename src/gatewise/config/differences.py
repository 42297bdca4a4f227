"""Where two sets of plain values part, for people."""

from __future__ import annotations

from typing import Any


def first_difference(old: Any, new: Any, path: str = "") -> str | None:
    """The first place where they part: `models.0.config.model.hidden_size: 64 then, 128 now`, or `None`."""
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        old, new = (dict(enumerate(values)) for values in (old, new))
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            if difference := first_difference(old.get(key), new.get(key), f"{path}.{key}" if path else str(key)):
                return difference
        return None
    return None if old == new else f"{path}: {old!r} then, {new!r} now"

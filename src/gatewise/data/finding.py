"""One kind of fault that a check found in rows."""

from __future__ import annotations

from dataclasses import dataclass

SHOWN = 3  # examples of a finding


@dataclass(frozen=True)
class Finding:
    """One kind of fault.

    Attributes:
        kind: its key in `gatewise data check --json`.
        count: rows, or for gaps steps, for nan cells, for empty and constant columns.
        blocks: true where the rows can't be trained on as they are.
        examples: where the first ones are.
        remedy: what to do.
    """

    kind: str
    count: int
    blocks: bool
    examples: tuple[str, ...]
    remedy: str

"""One kind of fault that a check found in rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from gatewise.data.table import FILE

if TYPE_CHECKING:
    from gatewise.data.rows import Rows

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
        doubtful: true where a person should look whether it is a fault at all.
    """

    kind: str
    count: int
    blocks: bool
    examples: tuple[str, ...]
    remedy: str
    doubtful: bool = False


def where(rows: Rows, row: dict[str, Any]) -> str:
    """A row's address, with the file's name only where there is more than one, and without its folders."""
    file = rows.files[row[FILE]]
    address = rows.address(row).removeprefix(file).lstrip()
    return f"{PurePath(file).name} {address}" if rows.files[1:] else address

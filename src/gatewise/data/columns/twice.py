"""Columns that come twice: of one name, of one role, and volumes that count what was traded beside ticks."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import polars as pl

from gatewise.data.columns.spellings import ALL_TIMES, SYMBOLS, TICKS, VALUES, normalise
from gatewise.data.table import AGAIN, ROW
from gatewise.errors import AmbiguousError

Volume = Literal["traded", "ticks"]


def first_of_each(
    name: str, frame: pl.DataFrame, wanted: Collection[str]
) -> tuple[dict[str, str], list[str], list[str], list[str]]:
    """Spellings of columns that a role may take, those columns, spare ones whose names came before, what was left out.

    Where one letter is there as a capital too, as in the klines of Binance's streams, each means its own, and the
    spellings of roles are small.

    Raises:
        AmbiguousError: two columns spell a role that is needed, and hold different values.
    """
    needed = {*ALL_TIMES, *SYMBOLS, *(s for target, spellings in VALUES.items() for s in (target, *spellings))}
    roles = {*ALL_TIMES, *SYMBOLS, *(s for target in wanted for s in (normalise(target), *VALUES.get(target, ())))}
    columns: list[str] = []
    again: list[str] = []
    spelled: dict[str, str] = {}
    notes = []
    for column in frame.columns:
        header = re.sub(rf"^{AGAIN}\d+_", "", column)
        spelling = normalise(header)
        if len(spelling) == 1 and spelling != header and spelling in frame.columns:
            spelling = header
        if column == ROW:
            continue
        again_of = re.sub(r"\.\d+$", "", header)  # pandas numbers columns of one name: Close, Close.1
        if again_of != header and again_of in frame.columns and normalise(again_of) in needed and column not in wanted:
            spelling = normalise(again_of)
        first = spelled.setdefault(spelling, column)
        if first == column or (spelling not in needed and header == column):
            columns.append(column)
        elif spelling not in needed:
            again.append(column)
        elif (wanted and spelling not in roles) or frame[first].equals(frame[column]):
            notes.append(f"left out: the second of columns {first!r} and {header!r}")
        else:
            raise AmbiguousError(
                f"{name}: columns {first!r} and {header!r} both spell {spelling}, and hold different values",
                "write a row of each symbol where they are of several, or rename one of them in the header",
            )
    if again:
        notes.append("columns of one name are numbered from the second on")
    return spelled, columns, again, notes


def numbered(again: Sequence[str], names: Mapping[str, str]) -> dict[str, str]:
    """A table's name for each column whose name another had: Plot_2."""
    taken, targets = set(names.values()), {}
    for column in again:
        number, header = re.sub(f"^{AGAIN}", "", column).split("_", 1)
        target = next(t for n in itertools.count(int(number)) if (t := f"{header}_{n}") not in taken)
        taken.add(target)
        targets[column] = target
    return targets


def traded_or_ticks(
    frame: pl.DataFrame, names: dict[str, str], spelled: Mapping[str, str], rename: Mapping[str, str]
) -> tuple[Volume | None, list[str]]:
    """Takes the ticks for volume where what was traded is 0 in every row, as in all of MetaTrader's currencies."""
    traded = next((column for column, target in names.items() if target == "volume"), None)
    ticks = next((spelled[spelling] for spelling in TICKS if spelling in spelled), None)
    if traded is None or ticks is None or ticks not in names or ticks == traded or "volume" in rename:
        return None, []
    if not _is_zero(frame[traded]) or _is_zero(frame[ticks]):
        return "traded", []
    del names[traded]
    names[ticks] = "volume"
    return "ticks", [f"volume is read from {ticks!r}: {traded!r} is 0 in every row (data.rename.volume=… chooses)"]


def _is_zero(column: pl.Series) -> bool:
    if column.dtype not in (pl.String, pl.Null) and not column.dtype.is_numeric():
        return False
    text = column.cast(pl.String).str.strip_chars(" \"'")
    return bool(text.str.contains(r"^(?:[0.]*|null|NaN|nan)$").fill_null(True).all())

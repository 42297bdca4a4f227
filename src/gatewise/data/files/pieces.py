"""Tables of one file that its keys call parts of a series, or series: their times must not say otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from gatewise.errors import AmbiguousError


@dataclass(frozen=True)
class Piece:
    """One table of several.

    Attributes:
        key: what leads to it.
        series: its key alone makes a series of it, without being written like a symbol.
        first: number of its first row in the file.
    """

    key: str
    series: bool
    first: int = 1


def require_apart(name: str, pieces: Sequence[Piece], rows: pl.Series, symbols: pl.Series, stamps: pl.Series) -> None:
    """Holds that parts of a series lie one after another, and that what may be a part of one does not.

    Args:
        name: how errors call the file.
        pieces: in the order of their rows.
        rows, symbols, stamps: of each row.

    Raises:
        AmbiguousError: rows of two parts cover the same time, or tables under mere words follow each other.
    """
    if not pieces[1:] or rows.is_empty():
        return
    number = pl.Series([piece.first for piece in pieces], dtype=rows.dtype).search_sorted(rows, side="right") - 1
    spans = (
        pl.DataFrame({"symbol": symbols, "piece": number, "stamp": stamps})
        .group_by("symbol", "piece")
        .agg(pl.col("stamp").min().alias("first"), pl.col("stamp").max().alias("last"))
        .drop_nulls()
        .sort("symbol", "first", "last")
    )
    for earlier, later in pairwise(spans.iter_rows(named=True)):
        if earlier["symbol"] == later["symbol"] and later["first"] < earlier["last"]:
            both = f"{pieces[earlier['piece']].key!r} and {pieces[later['piece']].key!r}"
            raise AmbiguousError(
                f"{name}: tables under {both} would be parts of one series, and their rows cover the same time",
                "keep the one that is meant, or write a file each, named for what it holds",
            )
    loose = spans.filter(pl.col("piece").is_in([n for n, piece in enumerate(pieces) if piece.series])).sort("first")
    pairs = list(pairwise(loose.iter_rows(named=True)))
    if pairs and all(later["first"] > earlier["last"] for earlier, later in pairs):
        both = f"{pairs[0][0]['symbol']!r} and {pairs[0][1]['symbol']!r}"
        raise AmbiguousError(
            f"{name}: tables under {both} may be of two series, or parts of one: one begins where the other has ended",
            "write rows of one series as one table, and of several under their symbols",
        )

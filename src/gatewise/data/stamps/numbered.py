"""Rows that no time comes with: numbered in the order of their source, one timeframe each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import polars as pl

from gatewise.config.schema import DataConfig, format_duration
from gatewise.data.columns.spellings import ALL_TIMES
from gatewise.data.files.text import Raw
from gatewise.data.stamps.header_zones import plain_spelling
from gatewise.data.table import ROW
from gatewise.errors import ReadError

_NUMBER = "row"  # what predictions join back by, as such rows have no other stamp


def numbered(raw: Raw, spec: DataConfig) -> tuple[Raw, DataConfig]:
    """Rows with a column of stamps, and the config that reads it; both as they are where nothing asks for it.

    Row n is stamped `data.numbered_from` + (n - 1) · `data.timeframe`.

    Raises:
        ReadError: the source has a column of the time, or its rows reach beyond the year 9999.
    """
    if spec.numbered_from is None:
        return raw, spec
    assert spec.timeframe is not None  # the config's section sees to it
    held = [name for name in raw.frame.columns if name == _NUMBER or plain_spelling(name) in ALL_TIMES]
    if held:
        raise ReadError(
            f"{raw.name}: data.numbered_from is for rows without stamps; column {held[0]!r} may hold them",
            "leave data.numbered_from out to read it",
        )
    start = spec.numbered_from.astimezone(UTC) if spec.numbered_from.tzinfo else spec.numbered_from.replace(tzinfo=UTC)
    try:
        start + int(raw.frame[ROW].to_numpy().max(initial=0)) * spec.timeframe
    except OverflowError as error:
        raise ReadError(
            f"{raw.name}: its rows, numbered from {start:%Y-%m-%d}, reach beyond the year 9999",
            "an earlier data.numbered_from, or a shorter data.timeframe",
        ) from error
    moment = pl.lit(start).cast(pl.Datetime("us", "UTC")) + (pl.col(ROW).cast(pl.Int64) - 1) * pl.lit(spec.timeframe)
    note = f"no stamps: rows are numbered from {start:%Y-%m-%d %H:%M} UTC, {format_duration(spec.timeframe)} each"
    numbers = raw.frame.select(ROW, pl.col(ROW).cast(pl.Int64).alias(_NUMBER)).unique(ROW, maintain_order=True)
    frame = raw.frame.with_columns(moment.alias(_NUMBER))
    read = replace(raw, frame=frame, written=numbers, notes=(*raw.notes, note))
    return read, spec.model_copy(update={"time_column": _NUMBER})

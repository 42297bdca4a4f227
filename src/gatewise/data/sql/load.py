"""Bars of files into the documented table, in chunks: a row whose ticker and time are there takes the new values."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from gatewise.config.schema import DataConfig
from gatewise.data.load import ordered_rows
from gatewise.data.rows import Rows
from gatewise.data.sources import read_source
from gatewise.data.sql.schema import BARS, KEY, VALUES, bars_table
from gatewise.data.steps.periods import opening
from gatewise.data.table import OHLC, STAMP, SYMBOL, TIME
from gatewise.errors import NotEnoughRowsError, SchemaError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_log = logging.getLogger("gatewise.data")
_CHUNK_ROWS = 10_000
_ISO = "%Y-%m-%d %H:%M:%S%.f+00:00"


@dataclass(frozen=True)
class Loaded:
    """What a load did: rows that were not there, that were with other values, and that were as they are."""

    rows: int
    added: int
    changed: int
    symbols: tuple[str, ...]

    @property
    def same(self) -> int:
        return self.rows - self.added - self.changed


def load_bars(connection: Connection, spec: DataConfig) -> Loaded:
    """Reads what a data config names and puts it into `bars`, each bar under the moment at which it opens.

    Raises:
        SchemaError: rows without open, high, low or close, or a table that keeps its times in another way.
        NotEnoughRowsError: stamps of closes, and no timeframe to tell the opens by.
        GatewiseError: what reading raises; see `load_table`.
    """
    from sqlalchemy import func, select

    rows = read_source(spec)
    for note in rows.notes:
        _log.info("%s", note)
    frame = _bars(rows, spec)
    table = bars_table(connection)
    _require_stamps(connection)
    if connection.dialect.name == "sqlite":
        frame = frame.with_columns(pl.col("time").dt.strftime(_ISO))
    count = select(func.count()).select_from(table)
    before = int(connection.execute(count).scalar_one())
    touched = 0
    statement = _upsert(connection)
    for chunk in frame.iter_slices(_CHUNK_ROWS):
        touched += connection.execute(statement, chunk.to_dicts()).rowcount
    added = int(connection.execute(count).scalar_one()) - before
    return Loaded(frame.height, added, touched - added, tuple(frame["ticker"].unique().sort()))


def _bars(rows: Rows, spec: DataConfig) -> pl.DataFrame:
    missing = [column for column in OHLC if column not in rows.columns]
    if missing:
        raise SchemaError(
            f"bars need {', '.join(OHLC)}; {rows.files[0]} lacks {', '.join(missing)} (has: {', '.join(rows.columns)})",
            'data.rename={"close": "NAME"} says which column it is',
        )
    if rows.timeframe is None and spec.stamp == "close":
        raise NotEnoughRowsError(
            f"{rows.files[0]}: its stamps are closes, and no step between rows tells when the bars opened",
            'data.timeframe="1m" (or whatever a row lasts)',
        )
    frame = ordered_rows(rows, spec)
    opens = pl.col(STAMP)
    if rows.timeframe is not None and (frame[TIME] == frame[STAMP]).all():
        opens = opening(opens, rows.timeframe)
    volume = pl.col("volume") if "volume" in frame.columns else pl.lit(None, pl.Float64).alias("volume")
    return frame.select(pl.col(SYMBOL).alias("ticker"), opens.alias("time"), *OHLC, volume)


def _upsert(connection: Connection) -> Any:
    """Rows that are as they were are not written again, and not counted."""
    from sqlalchemy import or_
    from sqlalchemy.dialects import postgresql, sqlite

    table = bars_table(connection)
    insert = (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(table)
    new = {name: insert.excluded[name] for name in VALUES}
    differs = or_(*(table.c[name].is_distinct_from(value) for name, value in new.items()))
    upsert = insert.on_conflict_do_update(index_elements=list(KEY), set_=new, where=differs)
    return upsert.execution_options(preserve_rowcount=True)


def _require_stamps(connection: Connection) -> None:
    """A table of somebody else's may write time otherwise; two spellings of one moment would be two rows."""
    from sqlalchemy import DateTime, inspect, text

    if connection.dialect.name == "sqlite":
        first = connection.execute(text(f"SELECT time FROM {BARS} LIMIT 1")).scalar()
        fits = first is None or (isinstance(first, str) and first.endswith("+00:00") and first[10:11] == " ")
        kept = f"such as {first!r}"
    else:
        (kind,) = (column["type"] for column in inspect(connection).get_columns(BARS) if column["name"] == "time")
        fits, kept = isinstance(kind, DateTime) and kind.timezone, f"as {kind}"
    if not fits:
        raise SchemaError(
            f"a table {BARS!r} is there that keeps its times otherwise, {kept}",
            "it is left as it is: load into another database",
        )

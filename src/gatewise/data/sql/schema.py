"""The documented table and view, made in SQLite or PostgreSQL.

    bars                  ticker, time, open, high, low, close, volume; one row of each ticker and time
    vw_ticker_timeseries  the same, and sma_value

`time` is the moment at which the bar opens, in UTC. `sma_value` is the mean of the ticker's last `sma_rows` closes, the
row's own among them, so it is knowable when the row is; it is null until there are as many rows, and where one of those
closes is missing. It counts rows, whatever time lies between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gatewise.errors import ConfigError, SchemaError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Inspector, Table
    from sqlalchemy.engine import URL

BARS = "bars"
VIEW = "vw_ticker_timeseries"
SMA_ROWS = 20
KEY = ("ticker", "time")
VALUES = ("open", "high", "low", "close", "volume")
_OURS = "gatewise: sma_value over"
_VIEW_SQL = """CREATE {replace}VIEW {view} AS /* {mark} */
SELECT ticker, time, open, high, low, close, volume,
       CASE WHEN count(close) OVER latest = {rows} THEN avg(close) OVER latest END AS sma_value
FROM {bars}
WINDOW latest AS (PARTITION BY ticker ORDER BY time ROWS BETWEEN {before} PRECEDING AND CURRENT ROW)"""

Change = Literal["made", "replaced", "kept"]


@dataclass(frozen=True)
class Schema:
    """What was done to make the table and the view be there."""

    table: Change
    view: Change


def require_documented(url: URL) -> None:
    """Refuses databases in which the schema can't be made.

    Raises:
        ConfigError: neither SQLite nor PostgreSQL.
    """
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigError(
            f"the table is made in SQLite or PostgreSQL; got {url.get_backend_name()}",
            'any database can be read: data.table="NAME" or data.query="SELECT …"',
        )


def create_schema(connection: Connection, sma_rows: int = SMA_ROWS) -> Schema:
    """Makes the table and the view where they are not yet; a view of another `sma_rows` is replaced, rows never.

    Raises:
        SchemaError: a table `bars` of other columns or another key, or a view of that name that is not gatewise's.
    """
    from sqlalchemy import inspect

    inspector = inspect(connection)
    exists = inspector.has_table(BARS)
    if exists:
        _require_columns(inspector)
    else:
        bars_table(connection).create(connection)
    return Schema("kept" if exists else "made", _create_view(connection, inspector, sma_rows))


def bars_table(connection: Connection) -> Table:
    """The table, with the types of the connection's database: SQLite keeps stamps as ISO text in UTC."""
    from sqlalchemy import Column, DateTime, Double, MetaData, Table, Text

    stamp = Text() if connection.dialect.name == "sqlite" else DateTime(timezone=True)
    return Table(
        BARS,
        MetaData(),
        Column("ticker", Text(), primary_key=True),
        Column("time", stamp, primary_key=True),
        *(Column(name, Double()) for name in VALUES),
    )


def _require_columns(inspector: Inspector) -> None:
    held = [column["name"] for column in inspector.get_columns(BARS)]
    missing = [name for name in (*KEY, *VALUES) if name not in held]
    if missing:
        raise SchemaError(
            f"a table {BARS!r} is there and lacks {', '.join(missing)}; it has {', '.join(held)}",
            'it is left as it is: read it with data.table="bars", or name another database',
        )
    key = inspector.get_pk_constraint(BARS)["constrained_columns"]
    if set(key) != set(KEY):
        raise SchemaError(
            f"a table {BARS!r} is there; its primary key must be ticker, time and is {', '.join(key) or 'none'}",
            'it is left as it is: read it with data.table="bars", or name another database',
        )


def _create_view(connection: Connection, inspector: Inspector, sma_rows: int) -> Change:
    from sqlalchemy import text

    held = VIEW in inspector.get_view_names()
    mark = f"{_OURS} {sma_rows} rows"
    if held or inspector.has_table(VIEW):
        existing_mark = _mark_of(connection) if held else ""
        if _OURS not in existing_mark:
            raise SchemaError(
                f"{VIEW} is there and is not gatewise's own",
                f'it is left as it is: read it with data.table="{VIEW}", or name another database',
            )
        if mark in existing_mark:
            return "kept"
    postgres = connection.dialect.name == "postgresql"
    if held and not postgres:
        connection.execute(text(f"DROP VIEW {VIEW}"))
    replace = "OR REPLACE " if postgres else ""
    sql = _VIEW_SQL.format(replace=replace, view=VIEW, mark=mark, rows=sma_rows, bars=BARS, before=sma_rows - 1)
    connection.execute(text(sql.replace(":", "\\:")))
    if postgres:
        connection.execute(text(f"COMMENT ON VIEW {VIEW} IS '{mark}'".replace(":", "\\:")))
    return "replaced" if held else "made"


def _mark_of(connection: Connection) -> str:
    """What tells whose view it is: SQLite keeps its text, PostgreSQL a comment on it."""
    from sqlalchemy import text

    if connection.dialect.name == "sqlite":
        result = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'vw_ticker_timeseries'"))
    else:
        result = connection.execute(text("SELECT obj_description(to_regclass('vw_ticker_timeseries'), 'pg_class')"))
    return str(result.scalar() or "")

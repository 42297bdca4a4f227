"""Bars put into databases in the ways in which databases keep them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import sqlalchemy as sa

NAMES = ("ticker", "time", "open", "high", "low", "close", "volume")


def bars(
    symbols: Sequence[str] = ("AAPL", "MSFT"),
    num_rows: int = 40,
    step: timedelta = timedelta(minutes=1),
    start: datetime = datetime(2024, 3, 1, 9, 30, tzinfo=UTC),
) -> pl.DataFrame:
    """Proper bars under `NAMES`, in order; time is Datetime[us, UTC]."""
    rng = np.random.default_rng(7)
    parts = []
    for symbol in symbols:
        close = 100 * np.exp(rng.normal(0, 0.01, num_rows).cumsum())
        opened = np.roll(close, 1)
        high, low = np.maximum(opened, close) * 1.001, np.minimum(opened, close) * 0.999
        time = pl.Series([start + i * step for i in range(num_rows)], dtype=pl.Datetime("us", "UTC"))
        volume = rng.integers(1, 10_000, num_rows).astype(float)
        parts.append(
            pl.DataFrame(
                {"ticker": symbol, "time": time, "open": opened, "high": high, "low": low, "close": close}
            ).with_columns(volume=volume)
        )
    return pl.concat(parts)


def put(url: str, rows: pl.DataFrame, table: str = "bars", types: dict[str, Any] | None = None, key: str = "") -> str:
    """Makes a table of a frame's rows; `types` are SQL's, by column; returns the URL."""
    kinds = {name: (types or {}).get(name, "DOUBLE PRECISION") for name in rows.columns}
    columns = ", ".join(f'"{name}" {kind}' for name, kind in kinds.items())
    names = ", ".join(f'"{name}"' for name in rows.columns)
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE {table} ({columns}{key})"))
        values = ", ".join(f":v{number}" for number in range(rows.width))
        filled = [{f"v{number}": value for number, value in enumerate(row)} for row in rows.iter_rows()]
        connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({values})"), filled)
    return url


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def run_sql(url: str, *statements: str) -> None:
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))

"""Rows through a database are the rows through a file.

A filter that is off by a bar, a stamp read in the server's zone or a decimal that loses its last digit would train
another model than the file does, and nobody would see it.
"""

from __future__ import annotations

import tracemalloc
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatewise.config.schema import DataConfig
from gatewise.data.load import load_table
from gatewise.data.sources import read_source
from gatewise.data.table import SYMBOL, TIME, Table
from gatewise.errors import AmbiguousError, GatewiseError, ReadError
from postgres_server import Postgres
from sql_tables import bars, put, run_sql, sqlite_url


def from_sql(url: str, **said: Any) -> Table:
    return load_table(DataConfig(source="sql", url=url, **{"table": None if "query" in said else "bars", **said}))


def from_csv(folder: Path, rows: pl.DataFrame, **said: Any) -> Table:
    path = folder / "bars.csv"
    rows.write_csv(path, datetime_format="%Y-%m-%dT%H:%M:%S%.fZ")
    return load_table(DataConfig(paths=(str(path),), **said))


def written(kind: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with their time as a column of that kind keeps it."""
    time = pl.col("time")
    return rows.with_columns(
        {
            "iso": time.dt.strftime("%Y-%m-%d %H:%M:%S"),
            "iso_z": time.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "iso_offset": time.dt.convert_time_zone("America/New_York").dt.strftime("%Y-%m-%d %H:%M:%S%:z"),
            "us_text": time.dt.strftime("%m/%d/%Y %H:%M"),
            "epoch_s": time.dt.epoch("s"),
            "epoch_ms": time.dt.epoch("ms"),
            "epoch_float": time.dt.epoch("us") / 1e6,
            "two_units": pl.when(time.dt.minute() < 45).then(time.dt.epoch("ms")).otherwise(time.dt.epoch("us")),
            "zone_name": time.dt.convert_time_zone("US/Eastern").dt.strftime("%Y-%m-%d %H:%M:%S US/Eastern"),
            "timestamptz": time,
            "timestamp": time.dt.replace_time_zone(None),
        }[kind]
    )


SQLITE = ("iso", "iso_z", "iso_offset", "us_text", "epoch_s", "epoch_ms", "epoch_float", "two_units", "zone_name")
TYPES = {
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "timestamp": "TIMESTAMP",
    "epoch_s": "BIGINT",
    "epoch_ms": "BIGINT",
    "iso": "TEXT",
    "iso_z": "VARCHAR(40)",
}
SPAN = {"start": datetime(2024, 3, 1, 9, 40, tzinfo=UTC), "end": datetime(2024, 3, 1, 9, 55, tzinfo=UTC)}


@pytest.mark.parametrize("span", [{}, SPAN], ids=["all", "span"])
@pytest.mark.parametrize("kind", SQLITE)
def test_sqlite_gives_what_the_file_gives_however_time_is_kept(
    tmp_path: Path, kind: str, span: dict[str, datetime]
) -> None:
    rows = bars()
    url = put(sqlite_url(tmp_path / "bars.db"), written(kind, rows), types={"ticker": "TEXT", "time": ""})
    said = {"day_first": False} if kind == "us_text" else {}
    assert from_sql(url, **said, **span).fingerprint == from_csv(tmp_path, rows, **span).fingerprint


@pytest.mark.parametrize("span", [{}, SPAN], ids=["all", "span"])
@pytest.mark.parametrize("kind", TYPES)
def test_postgresql_gives_what_the_file_gives_however_time_is_kept(
    tmp_path: Path, postgres: Postgres, kind: str, span: dict[str, datetime]
) -> None:
    rows, url = bars(), postgres.new_database()
    with postgres.admin() as admin:  # where the server stands must not matter
        admin.execute(f"ALTER DATABASE {url.rpartition('/')[2]} SET TimeZone TO 'Asia/Kathmandu'")
    put(url, written(kind, rows), types={"ticker": "TEXT", "time": TYPES[kind]})
    assert from_sql(url, **span).fingerprint == from_csv(tmp_path, rows, **span).fingerprint


def test_dates_and_wall_clocks_of_a_zone_are_read_as_a_files(tmp_path: Path, postgres: Postgres) -> None:
    daily = bars(step=timedelta(days=1), start=datetime(2024, 3, 1, tzinfo=UTC)).with_columns(pl.col("time").dt.date())
    url = put(postgres.new_database(), daily, types={"ticker": "TEXT", "time": "DATE"})
    said = {"timezone": "America/New_York", "start": datetime(2024, 3, 8, 5), "end": datetime(2024, 3, 20, 4)}
    # Clocks change on the 10th: a day of 23 hours lies within.
    there = from_sql(url, **said)
    assert there.fingerprint == from_csv(tmp_path, daily, **said).fingerprint
    assert there.frame[TIME].min() == datetime(2024, 3, 8, 5, tzinfo=UTC)
    assert there.frame[TIME].max() == datetime(2024, 3, 19, 4, tzinfo=UTC)


def test_decimals_enums_whole_numbers_and_nulls_are_what_they_are(tmp_path: Path, postgres: Postgres) -> None:
    url = postgres.new_database()
    run_sql(url, "CREATE TYPE venue AS ENUM ('AAPL', 'MSFT')")
    rows = bars().with_columns(
        pl.col("open", "close").map_elements(lambda v: Decimal(f"{v:.5f}"), pl.Object),
        volume=pl.when(pl.col("volume") > 5000).then(pl.col("volume").cast(pl.Int64)),
    )
    put(url, rows, types={"ticker": "venue", "time": "TIMESTAMPTZ", "open": "NUMERIC(12, 5)", "volume": "BIGINT"})
    plain = rows.with_columns(pl.col("open", "close").map_elements(str, pl.String))
    there = from_sql(url, symbol="MSFT")
    assert there.fingerprint == from_csv(tmp_path, plain, symbols=("MSFT",)).fingerprint
    assert there.frame["volume"].null_count() > 0


# SQLite keeps -0.0 as 0 in a column of numbers.
NUMBER = st.one_of(st.floats(-1e12, 1e12, allow_nan=False), st.integers(-(10**9), 10**9)).map(lambda v: v + 0.0)
VALUE = st.one_of(st.none(), NUMBER)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 300), VALUE, VALUE), min_size=4, max_size=60),
    bounds=st.tuples(st.integers(0, 300), st.integers(0, 300)),
)
def test_any_rows_in_any_order_are_what_a_file_of_them_gives(
    tmp_path: Path, rows: list[tuple[str, int, Any, Any]], bounds: tuple[int, int]
) -> None:
    path = tmp_path / "any.db"
    path.unlink(missing_ok=True)
    kept = {(symbol, minute): (symbol, minute, close, other) for symbol, minute, close, other in rows}
    origin = datetime(2024, 3, 1, tzinfo=UTC)
    frame = pl.DataFrame(
        {
            "ticker": [row[0] for row in kept.values()],
            "time": [f"{origin + timedelta(minutes=row[1]):%Y-%m-%d %H:%M:%S+00:00}" for row in kept.values()],
            "close": pl.Series([row[2] for row in kept.values()], dtype=pl.Float64, strict=False),
            "other": pl.Series([row[3] for row in kept.values()], dtype=pl.Float64, strict=False),
        }
    )
    url = put(sqlite_url(path), frame, types={"ticker": "TEXT", "time": "TEXT", "close": "REAL", "other": "NUMERIC"})
    span = {f: origin + timedelta(minutes=b) for f, b in zip(("start", "end"), sorted(bounds), strict=True)}
    outcomes = []
    for load in (from_sql, from_csv):
        try:
            arguments = (url,) if load is from_sql else (tmp_path, frame)
            outcomes.append(load(*arguments, timeframe="1m", **span).fingerprint)
        except GatewiseError as error:
            outcomes.append(type(error).__name__)
    assert outcomes[0] == outcomes[1]


def test_a_long_bar_at_the_spans_edge_is_asked_for_again(tmp_path: Path) -> None:
    quarters = pl.DataFrame(
        {
            "ticker": "A",
            "time": [date(2020 + i // 4, 1 + 3 * (i % 4), 1).isoformat() for i in range(16)],
            "close": [float(i) for i in range(16)],
        }
    )
    url = put(sqlite_url(tmp_path / "q.db"), quarters, types={"ticker": "TEXT", "time": "TEXT"})
    start = datetime(2021, 4, 2, tzinfo=UTC)
    there, file = from_sql(url, start=start), from_csv(tmp_path, quarters, start=start)
    assert there.frame[TIME].min() == file.frame[TIME].min()


def test_a_table_without_symbols_is_one_series_named_by_the_table_or_the_user(tmp_path: Path) -> None:
    rows = bars(symbols=("AAPL",)).drop("ticker")
    url = put(sqlite_url(tmp_path / "b.db"), written("iso", rows), table="btcusd", types={"time": "TEXT"})
    assert from_sql(url, table="btcusd").symbols == ("btcusd",)
    assert from_sql(url, table="btcusd", symbol="BTC").symbols == ("BTC",)
    assert from_sql(url, table="btcusd", symbols=("BTC",)).symbols == ("BTC",)


def test_only_what_is_asked_for_is_asked_of_the_server(tmp_path: Path) -> None:
    rows = bars().with_columns(note=pl.lit("a word"), secret=pl.lit(b"\x00"))
    types = {"ticker": "TEXT", "time": "TEXT", "note": "TEXT", "secret": "BLOB"}
    url = put(sqlite_url(tmp_path / "b.db"), written("iso", rows), types=types)
    import sqlalchemy as sa

    seen: list[str] = []

    def hear(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", hear)
    try:
        rows_read = read_source(
            DataConfig(source="sql", url=url, table="bars", symbol="MSFT", columns=("close",), **SPAN)
        )
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", hear)
    (statement,) = [text for text in seen if "ORDER BY" in text]
    assert statement.split("FROM")[0].split() == ["SELECT", "bars.ticker,", "bars.time,", "bars.close"]
    assert "2024" not in statement
    assert "MSFT" not in statement
    assert rows_read.columns == ("close",)
    assert rows_read.frame[SYMBOL].unique().to_list() == ["MSFT"]
    everything = read_source(DataConfig(source="sql", url=url, table="bars"))
    assert "note" not in everything.columns
    assert any("note" in note for note in everything.notes)
    assert any("secret" in note for note in everything.notes)


def test_a_query_is_read_as_a_table_is(tmp_path: Path, postgres: Postgres) -> None:
    rows, url = bars(), postgres.new_database()
    put(url, rows, types={"ticker": "TEXT", "time": "TIMESTAMPTZ"})
    query = """
        -- colons, percents and casts are the query's own
        WITH picked AS (SELECT *, ':not_bound %s' AS label, '09:30'::time AS opens FROM bars WHERE ticker LIKE '%FT')
        SELECT ticker, "time" AS "Time", open, high, low, close, volume::numeric FROM picked; -- the end
    """
    assert from_sql(url, query=query).fingerprint == from_csv(tmp_path, rows, symbols=("MSFT",)).fingerprint


@pytest.mark.parametrize(
    "end",
    [
        "",
        ";",
        " ; -- the end",
        "\n/* a */ ;\n",
        " AND 'a;--b' = 'a;--b'",
        " AND ':x \\:y\\' <> '%(z)s'",
        " -- no end",
    ],
)
def test_a_querys_own_text_is_left_alone(tmp_path: Path, postgres: Postgres, end: str) -> None:
    rows = bars()
    url = put(sqlite_url(tmp_path / "b.db"), written("iso", rows), types={"ticker": "TEXT", "time": "TEXT"})
    there = put(postgres.new_database(), rows, types={"ticker": "TEXT", "time": "TIMESTAMPTZ"})
    for place in (url, there):
        query = f"SELECT * FROM bars WHERE ticker <> 'a--b'{end}"
        assert from_sql(place, query=query).num_rows == 80
        echoed = from_sql(place, query=r"SELECT time, length('a\:b%s\\') AS n FROM bars WHERE ticker = 'AAPL'")
        assert echoed.frame["n"].unique().to_list() == [8.0]


def test_names_are_quoted_whatever_they_hold(tmp_path: Path, postgres: Postgres) -> None:
    symbol, close = 'the "Ticker"; --', "Close Price%(x)s"
    url = postgres.new_database()
    run_sql(url, 'CREATE SCHEMA "Mar ket"')
    plain = bars()
    put(url, plain, table='"Mar ket"."b;ars"', types={"ticker": "TEXT", "time": "TIMESTAMPTZ"})
    run_sql(
        url,
        f'ALTER TABLE "Mar ket"."b;ars" RENAME ticker TO "{symbol.replace(chr(34), chr(34) * 2)}"',
        f'ALTER TABLE "Mar ket"."b;ars" RENAME close TO "{close}"',
    )
    said = {"symbol_column": symbol, "rename": {"close": close}}
    there = from_sql(url, table="Mar ket.b;ars", **said)
    named = plain.rename({"ticker": symbol, "close": close})
    assert there.fingerprint == from_csv(tmp_path, named, **said).fingerprint


def test_stamps_that_are_no_dates_are_refused_by_name_even_outside_the_span(tmp_path: Path) -> None:
    rows = written("iso", bars())
    broken = rows.with_columns(
        time=pl.when(pl.int_range(pl.len()) == 30).then(pl.lit("03/01/2024 10:00")).otherwise("time")
    )
    url = put(sqlite_url(tmp_path / "b.db"), broken, types={"ticker": "TEXT", "time": "TEXT"})
    with pytest.raises((AmbiguousError, ReadError), match="03/01/2024 10:00"):
        from_sql(url, **SPAN)


def test_rows_of_many_chunks_are_read_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatewise.data.sql.source.CHUNK_ROWS", 7)
    rows = bars().with_columns(volume=pl.when(pl.int_range(pl.len()) > 30).then("volume"))
    url = put(sqlite_url(tmp_path / "b.db"), written("iso_z", rows), types={"ticker": "TEXT", "time": "TEXT"})
    assert from_sql(url).fingerprint == from_csv(tmp_path, rows).fingerprint


def test_python_objects_of_one_chunk_at_a_time_are_held(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "big.db")
    run_sql(
        url,
        "CREATE TABLE bars (ticker TEXT, time INTEGER, close REAL, volume REAL)",
        "WITH RECURSIVE g(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM g WHERE i < 199999) "
        "INSERT INTO bars SELECT 'A', 1700000000 + 60 * i, i % 97 + 0.5, i FROM g",
    )
    read_source(DataConfig(source="sql", url=url, table="bars", symbol="A", end=datetime(2023, 11, 16)))  # imports
    tracemalloc.start()
    try:
        found = read_source(DataConfig(source="sql", url=url, table="bars"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.frame.height == 200_000
    # 200,000 rows as tuples of objects take 40 MB; Polars' own columns are not traced.
    assert peak < 12e6


def test_dates_in_text_tell_no_close_as_in_a_file(tmp_path: Path) -> None:
    days = [datetime(2024, 1, day, tzinfo=UTC).date() for day in (16, 17, 18)]
    rows = pl.DataFrame({"period_end": [str(day) for day in days], "close": [1.0, 2.0, 3.0]})
    url = put(sqlite_url(tmp_path / "x.db"), rows, "days", {"period_end": "TEXT"})
    rows.write_csv(tmp_path / "days.csv")
    found = load_table(DataConfig(source="sql", url=url, table="days"))
    assert found.frame["time"][0] == datetime(2024, 1, 17, tzinfo=UTC)
    assert found.frame.equals(load_table(DataConfig(paths=(str(tmp_path / "days.csv"),))).frame)


@pytest.mark.parametrize("hour", [0, 11, 23])
@pytest.mark.parametrize("place", ["Pacific/Kiritimati", "Asia/Kolkata", "UTC", "Pacific/Pago_Pago"])
def test_a_span_cuts_off_no_row_whose_clock_is_ahead_of_utc_or_behind(tmp_path: Path, place: str, hour: int) -> None:
    moments = [datetime(2024, 3, 13, tzinfo=UTC) + timedelta(hours=row) for row in range(96)]
    shown = [f"{moment.astimezone(ZoneInfo(place)):%Y-%m-%d %H:%M}" for moment in moments]
    url = put(sqlite_url(tmp_path / "b.db"), pl.DataFrame({"time": shown, "close": 1.0}))
    first, last = 24 + hour, 48 + hour
    spec = DataConfig(source="sql", url=url, table="bars", stamp="close", timezone=place)
    spec = spec.model_copy(update={"start": moments[first], "end": moments[last]})
    assert read_source(spec).frame["__stamp"].to_list() == moments[first:last]

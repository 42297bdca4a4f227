"""What a database can't give is said in one line that names the remedy, and never the password.

A view that lost a column or a symbol that nobody holds would else come out as an empty table hours later.
"""

from __future__ import annotations

import builtins
import os
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from conftest import Cli
from gatewise.config.schema import DataConfig
from gatewise.data.sources import read_source
from gatewise.errors import (
    ConfigError,
    FeedError,
    GatewiseError,
    MissingExtraError,
    NotEnoughRowsError,
    ReadError,
    SchemaError,
    UnknownNameError,
)
from loopback import free_port
from postgres_server import PASSWORD, Postgres
from sql_tables import bars, put, run_sql, sqlite_url

TYPES = {"ticker": "TEXT", "time": "TEXT"}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GATEWISE_SQL_URL", "GATEWISE_SQL_PASSWORD", "PGPASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def url(tmp_path: Path) -> str:
    iso = bars().with_columns(pl.col("time").dt.strftime("%Y-%m-%d %H:%M:%S"))
    url = put(sqlite_url(tmp_path / "bars.db"), iso, types=TYPES)
    run_sql(url, "CREATE VIEW vw_ticker_timeseries AS SELECT ticker, time, open, high, low, close FROM bars")
    return url


def refusal(url: str | None, **said: Any) -> GatewiseError:
    with pytest.raises(GatewiseError) as caught:
        read_source(DataConfig(source="sql", url=url, **said))
    error = caught.value
    assert "\n" not in error.message
    assert PASSWORD not in f"{error.message}{error.hint}"
    return error


def test_an_unknown_table_lists_the_nearest_also_in_another_schema(url: str, postgres: Postgres) -> None:
    error = refusal(url, table="vw_ticker_timeserie")
    assert isinstance(error, UnknownNameError)
    assert error.hint == "did you mean 'vw_ticker_timeseries'? valid: bars, vw_ticker_timeseries"
    there = postgres.new_database()
    run_sql(there, "CREATE SCHEMA market", "CREATE TABLE market.bars (time DATE)")
    run_sql(there, "CREATE MATERIALIZED VIEW market.view_of_bars AS SELECT * FROM market.bars")
    assert "did you mean 'market.view_of_bars'? valid: market.bars" in str(refusal(there, table="market.view").hint)
    assert "valid: market.bars" in str(refusal(there, table="market.nothing").hint)


def test_an_empty_database_and_one_that_is_not_there_tell_of_init_db(tmp_path: Path) -> None:
    empty = sqlite_url(tmp_path / "empty.db")
    run_sql(empty, "PRAGMA user_version = 1")
    assert "init-db" in str(refusal(empty).hint)
    error = refusal(sqlite_url(tmp_path / "nothing.db"))
    assert isinstance(error, ReadError)
    assert "init-db" in str(error.hint)
    assert not (tmp_path / "nothing.db").exists()


def test_a_view_that_lacks_a_column_is_told_with_the_nearest(url: str) -> None:
    error = refusal(url, columns=("close", "volum"))
    assert isinstance(error, SchemaError)
    assert error.message == "vw_ticker_timeseries has no column 'volum' to keep"
    error = refusal(url, columns=("clse",))
    assert "did you mean 'close'?" in str(error.hint)
    assert "'tme'" in refusal(url, time_column="tme").message
    no_time = refusal(url, query="SELECT ticker, close FROM bars")
    assert isinstance(no_time, SchemaError)
    assert "no column is known to hold the time" in no_time.message


def test_training_on_a_view_without_a_column_that_features_need_names_it(cli: Cli, url: str) -> None:
    said = cli("train", "--source", "sql", "--url", url, "--symbol", "AAPL")
    assert said.code == 2
    assert "missing: volume" in said.err
    said = cli("train", "--source", "sql", "--url", url, "--set", "features.sets=[]", "--set", "features.columns=[sma]")
    assert said.code == 2
    assert "sma" in said.err
    assert len(said.err.strip().splitlines()) <= 12


def test_an_unknown_symbol_lists_the_nearest_and_a_known_one_out_of_the_span_says_when_it_is(url: str) -> None:
    error = refusal(url, symbol="APPL")
    assert isinstance(error, UnknownNameError)
    assert error.hint == "did you mean 'AAPL'? valid: AAPL, MSFT"
    assert isinstance(refusal(url, symbols=("AAPL", "GOOG")), UnknownNameError)
    error = refusal(url, symbol="AAPL", start=datetime(2031, 1, 1, tzinfo=UTC))
    assert isinstance(error, NotEnoughRowsError)
    assert "its stamps run from 2024-03-01 09:30:00 to 2024-03-01 10:09:00" in error.message


def test_an_unknown_symbol_of_a_typed_column_is_unknown_too(postgres: Postgres) -> None:
    numbered = bars().with_columns(ticker=pl.when(pl.col("ticker") == "AAPL").then(7).otherwise(8).cast(pl.Int64))
    url = put(postgres.new_database(), numbered, types={"ticker": "INTEGER", "time": "TIMESTAMPTZ"})
    assert read_source(DataConfig(source="sql", url=url, table="bars", symbol="7")).frame.height == 40
    assert str(refusal(url, table="bars", symbol="9").hint) == "valid: 7, 8"
    assert str(refusal(url, table="bars", symbol="AAPL").hint) == "valid: 7, 8"
    run_sql(url, "CREATE TYPE venue AS ENUM ('X', 'Y')")
    words = "SELECT (CASE ticker WHEN 7 THEN 'X' ELSE 'Y' END)::venue AS ticker, time, close FROM bars"
    assert read_source(DataConfig(source="sql", url=url, query=words, symbol="Y")).frame.height == 40
    assert str(refusal(url, query=words, symbols=("X", "Z")).hint) == "valid: X, Y"


def test_a_wrong_password_is_one_line_and_is_not_repeated(cli: Cli, postgres: Postgres) -> None:
    url = postgres.new_database()
    for wrong in (url.replace(PASSWORD, "not-this-9"), url.replace(f":{PASSWORD}", "")):
        error = refusal(wrong)
        assert isinstance(error, FeedError)
        assert "GATEWISE_SQL_PASSWORD" in str(error.hint)
    said = cli("data", "check", "--source", "sql", "--url", url.replace(PASSWORD, "not-this-9"))
    assert said.code == 2
    assert "not-this-9" not in said.err + said.out
    assert "password authentication failed" in said.err
    assert len(said.err.strip().splitlines()) == 2


def test_a_server_that_is_not_there_or_of_another_kind_is_a_feed_error(postgres: Postgres) -> None:
    error = refusal(f"postgresql://reader:{PASSWORD}@127.0.0.1:{free_port()}/market")
    assert isinstance(error, FeedError)
    assert "refused" in error.message
    assert isinstance(refusal(postgres.url("no_such_database")), FeedError)
    with socket.create_server(("127.0.0.1", 0)) as other:

        def hang_up() -> None:
            client, _ = other.accept()
            client.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        error = refusal(f"postgresql://reader:{PASSWORD}@127.0.0.1:{other.getsockname()[1]}/market")
        thread.join()
    assert isinstance(error, FeedError)


def test_a_server_that_goes_away_in_the_middle_is_a_feed_error(
    postgres: Postgres,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = postgres.new_database()
    run_sql(
        url,
        "CREATE TABLE bars AS SELECT 'A' AS ticker, timestamptz '2024-01-01' + i * interval '1 minute' AS time, "
        "i::float AS close FROM generate_series(1, 100000) AS i",
    )
    from gatewise.data.sql.chunks import Chunks

    add: Callable[..., None] = Chunks.add

    def add_and_kill(self: Chunks, rows: Any) -> None:
        add(self, rows)
        with postgres.admin() as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'")

    monkeypatch.setattr(Chunks, "add", add_and_kill)
    assert isinstance(refusal(url, table="bars"), FeedError)
    assert "Traceback" not in "".join(capfd.readouterr()) + caplog.text


def test_unknown_kinds_of_databases_and_absent_drivers_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    error = refusal("postgrsql://u@h/db")
    assert isinstance(error, UnknownNameError)
    assert "did you mean 'postgresql'?" in str(error.hint)
    assert isinstance(refusal(f"mssql+no_such_driver://u:{PASSWORD}@h/db"), GatewiseError)
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] in ("psycopg", "pymysql"):
            raise ModuleNotFoundError(f"No module named {name!r}")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    error = refusal(f"postgresql://u:{PASSWORD}@h/db")
    assert isinstance(error, MissingExtraError)
    assert error.hint == "pip install 'gatewise[postgres]'"
    assert isinstance(refusal(f"mysql+pymysql://u:{PASSWORD}@h/db"), ConfigError)


@pytest.mark.parametrize(
    "text", ["bars.db", "postgresql://u:{}@h:port/db", "://", "postgresql://u:a@{}:b:c@h/db", "sqlite://", "sqlite:///"]
)
def test_what_is_no_url_is_refused_without_its_password(text: str) -> None:
    assert isinstance(refusal(text.format(PASSWORD)), ConfigError)


def test_no_url_at_all_names_flag_and_variable() -> None:
    error = refusal(None)
    assert isinstance(error, ConfigError)
    assert "data.url" in str(error.hint)
    assert "GATEWISE_SQL_URL" in str(error.hint)


def test_a_file_that_is_no_database_is_a_read_error(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("time,close\n" * 100)
    assert isinstance(refusal(sqlite_url(tmp_path / "x.db")), ReadError)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELEC * FROM bars", "takes a SELECT; got 'SELEC * FROM bars'"),
        ("DELETE FROM bars", "takes a SELECT"),
        ("/* SELECT */ UPDATE bars SET close = 0", "takes a SELECT"),
        ("SELECT * FROM bars; DROP TABLE bars", "syntax error"),
        ("WITH x AS (SELECT 1) DELETE FROM bars", "syntax error"),
        ("SELECT clse FROM bars", "clse"),
        ("SELECT password FROM bars", "password"),
        ("SELECT * FROM brs", "brs"),
        ("", "takes a SELECT"),
    ],
)
@pytest.mark.parametrize("server", ["sqlite", "postgresql"])
def test_a_query_that_is_no_select_or_no_sql_is_refused_in_the_databases_words(
    url: str, postgres: Postgres, query: str, words: str, server: str
) -> None:
    if server == "postgresql":
        url = put(postgres.new_database(), bars(), types={"ticker": "TEXT", "time": "TIMESTAMPTZ"})
    error = refusal(url, query=query)
    assert isinstance(error, ConfigError)
    assert words in error.message
    assert read_source(DataConfig(source="sql", url=url, table="bars")).frame.height == 80


def test_nothing_can_be_written_even_by_a_select(url: str, postgres: Postgres) -> None:
    there = put(postgres.new_database(), bars(), types={"ticker": "TEXT", "time": "TIMESTAMPTZ"})
    run_sql(
        there,
        "CREATE FUNCTION wipe() RETURNS bigint LANGUAGE sql AS 'WITH x AS (DELETE FROM bars RETURNING 1) "
        "SELECT count(*) FROM x'",
    )
    error = refusal(there, query="SELECT *, wipe() AS gone FROM bars")
    assert "read-only" in error.message
    escape = "SELECT 1 AS time) AS q; COMMIT; DELETE FROM bars; SELECT * FROM (SELECT 1 AS time"
    refusal(there, query=escape)
    refusal(url, query=escape)
    for place in (there, url):
        assert read_source(DataConfig(source="sql", url=place, table="bars")).frame.height == 80


def test_an_empty_result_and_two_ways_to_say_one_thing_are_refused(url: str, tmp_path: Path) -> None:
    assert isinstance(refusal(url, query="SELECT * FROM bars WHERE close < 0"), NotEnoughRowsError)
    for said in (
        {"table": "bars", "query": "SELECT 1"},
        {"paths": ("x.csv",)},
        {"symbol": "AAPL", "symbols": ("MSFT",)},
    ):
        assert isinstance(refusal(url, **said), ConfigError)


def test_a_stamp_that_the_driver_cannot_hold_is_told_in_its_words(postgres: Postgres) -> None:
    url = postgres.new_database()
    run_sql(url, "CREATE TABLE bars AS SELECT timestamp 'infinity' AS time, 1.0 AS close")
    error = refusal(url, table="bars")
    assert isinstance(error, ReadError)
    assert "timestamp too large" in error.message


def test_a_table_that_may_not_be_read_is_told(postgres: Postgres) -> None:
    url = postgres.new_database()
    with postgres.admin(url.rpartition("/")[2]) as admin:
        admin.execute("CREATE TABLE mine (time DATE, close float)")
    assert isinstance(error := refusal(url, table="mine"), FeedError)
    assert "permission denied" in error.message


def test_a_locked_sqlite_file_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    monkeypatch.setattr("gatewise.data.sql.connect._LOCK_SECONDS", 0.05)
    with sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        error = refusal(url, table="bars")
        writer.execute("ROLLBACK")
    writer.close()
    assert isinstance(error, FeedError)
    assert "try again" in str(error.hint)


def test_the_environments_url_is_taken_where_none_is_said(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "GATEWISE_SQL_URL", url)
    assert read_source(DataConfig(source="sql", table="bars")).frame.height == 80


def test_a_folder_is_no_database(cli: Cli, tmp_path: Path) -> None:
    said = cli("data", "check", "--source", "sql", "--url", f"sqlite:///{tmp_path}")
    assert said.code == 2
    assert "it is a folder" in said.err

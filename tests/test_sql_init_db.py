"""The documented table and view hold what the files held, however often they are loaded, and look at no later row.

A mean that reaches one row ahead, or a second load that doubles the rows, would flatter every model trained on it.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from conftest import Cli
from gatewise.config.schema import DataConfig
from gatewise.data.load import load_table
from postgres_server import Postgres
from sql_tables import bars, put, run_sql, sqlite_url

VIEW = "vw_ticker_timeseries"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("GATEWISE_SQL_PASSWORD", raising=False)
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "made.db")
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


def csv_of(path: Path, rows: pl.DataFrame) -> Path:
    rows.write_csv(path, datetime_format="%Y-%m-%dT%H:%M:%S%.fZ")
    return path


def rows_of(url: str, statement: str) -> list[tuple[Any, ...]]:
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(statement))]


def tables_of(url: str) -> list[str]:
    """Tables and views."""
    inspector = sa.inspect(
        sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)
    )
    return [*inspector.get_table_names(), *inspector.get_view_names()]


def test_what_was_loaded_is_read_as_the_file_is_with_sma_beside_it(cli: Cli, url: str, tmp_path: Path) -> None:
    rows = bars(num_rows=60)
    path = csv_of(tmp_path / "bars.csv", rows)
    said = cli("data", "init-db", "--url", url, "--load", path, "--json")
    assert said.json["table"] == {"name": "bars", "state": "made"}
    assert said.json["view"] == {"name": VIEW, "state": "made", "sma_rows": 20}
    assert said.json["loaded"] == [
        {"file": str(path), "symbols": ["AAPL", "MSFT"], "rows": 120, "added": 120, "changed": 0, "same": 0}
    ]
    file = load_table(DataConfig(paths=(str(path),)))
    assert load_table(DataConfig(source="sql", url=url, table="bars")).fingerprint == file.fingerprint
    table = load_table(DataConfig(source="sql", url=url))
    assert table.columns == ("open", "high", "low", "close", "volume", "sma_value")
    assert table.with_frame(table.frame.drop("sma_value")).fingerprint == file.fingerprint
    expected = file.frame.select(pl.col("close").rolling_mean(20).over("symbol"))["close"]
    assert table.frame["sma_value"].is_null().to_list() == expected.is_null().to_list()
    assert (table.frame["sma_value"] - expected).abs().max() < 1e-9


def test_later_rows_and_other_tickers_change_no_mean(cli: Cli, url: str, tmp_path: Path) -> None:
    rows = bars(num_rows=60)
    early = rows.filter(pl.col("time") < datetime(2024, 3, 1, 10, tzinfo=UTC), ticker="AAPL")
    ask = f"SELECT time, sma_value FROM {VIEW} WHERE ticker = 'AAPL' ORDER BY time"
    assert cli("data", "init-db", "--url", url, "--load", csv_of(tmp_path / "a.csv", early)).code == 0
    before = rows_of(url, ask)
    assert cli("data", "init-db", "--url", url, "--load", csv_of(tmp_path / "b.csv", rows)).code == 0
    after = rows_of(url, ask)
    assert len(before) == 30
    assert len(after) == 60
    assert after[:30] == before


def test_a_missing_close_leaves_the_means_over_it_out(cli: Cli, url: str, tmp_path: Path) -> None:
    rows = bars(symbols=("A",)).with_columns(close=pl.when(pl.int_range(pl.len()) != 10).then("close"))
    assert cli("data", "init-db", "--url", url, "--sma-rows", 5, "--load", csv_of(tmp_path / "a.csv", rows)).code == 0
    found = [value is None for (value,) in rows_of(url, f"SELECT sma_value FROM {VIEW} ORDER BY time")]
    assert [i for i, absent in enumerate(found) if absent] == [0, 1, 2, 3, 10, 11, 12, 13, 14]


def test_loading_again_changes_nothing_and_new_values_take_the_place_of_old_ones(
    cli: Cli, url: str, tmp_path: Path
) -> None:
    rows = bars(symbols=("A",))
    first = csv_of(tmp_path / "1.csv", rows.head(30))
    mended = rows.with_columns(close=pl.when(pl.int_range(pl.len()) == 3).then(pl.col("open")).otherwise("close"))
    second = csv_of(tmp_path / "2.csv", mended.with_columns(volume=None))

    def counts(path: Path) -> tuple[int, int, int]:
        (one,) = cli("data", "init-db", "--url", url, "--load", path, "--json").json["loaded"]
        return one["added"], one["changed"], one["same"]

    assert counts(first) == (30, 0, 0)
    assert counts(first) == (0, 0, 30)
    held = rows_of(url, "SELECT * FROM bars ORDER BY time")
    assert counts(second) == (10, 30, 0)
    assert counts(second) == (0, 0, 40)
    assert counts(first) == (0, 30, 0)
    assert rows_of(url, "SELECT * FROM bars ORDER BY time")[:30] == held


def test_stamps_of_closes_are_kept_as_opens(cli: Cli, url: str, tmp_path: Path) -> None:
    closes = bars().with_columns(pl.col("time") + timedelta(minutes=1)).rename({"time": "close_time"})
    assert cli("data", "init-db", "--url", url, "--load", csv_of(tmp_path / "c.csv", closes)).code == 0
    opens = load_table(DataConfig(paths=(str(csv_of(tmp_path / "o.csv", bars())),)))
    assert load_table(DataConfig(source="sql", url=url, table="bars")).fingerprint == opens.fingerprint


def test_what_is_there_is_kept_and_only_our_own_view_is_replaced(cli: Cli, url: str) -> None:
    def states(*words: object) -> tuple[str, str]:
        made = cli("data", "init-db", "--url", url, "--json", *words).json
        return made["table"]["state"], made["view"]["state"]

    assert states() == ("made", "made")
    assert states() == ("kept", "kept")
    assert states("--sma-rows", 5) == ("kept", "replaced")
    run_sql(url, f"DROP VIEW {VIEW}", f"CREATE VIEW {VIEW} AS SELECT 1 AS mine")
    said = cli("data", "init-db", "--url", url)
    assert said.code == 2
    assert "is not gatewise's own" in said.err
    assert rows_of(url, f"SELECT * FROM {VIEW}") == [(1,)]
    run_sql(url, f"DROP VIEW {VIEW}", f"CREATE TABLE {VIEW} (mine int)")
    assert cli("data", "init-db", "--url", url).code == 2


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ("ticker TEXT, time TEXT, close FLOAT", "lacks open, high, low, volume"),
        ("ticker TEXT, time TEXT, open FLOAT, high FLOAT, low FLOAT, close FLOAT, volume FLOAT", "primary key"),
    ],
)
def test_a_table_of_somebody_elses_is_left_as_it_is(cli: Cli, url: str, columns: str, words: str) -> None:
    run_sql(url, f"CREATE TABLE bars ({columns})")
    said = cli("data", "init-db", "--url", url)
    assert said.code == 2
    assert words in said.err
    assert tables_of(url) == ["bars"]


def test_a_table_that_keeps_times_otherwise_is_not_loaded_into(cli: Cli, url: str, tmp_path: Path) -> None:
    time = "TEXT" if url.startswith("sqlite") else "TIMESTAMP"
    naive = bars().with_columns(pl.col("time").dt.replace_time_zone(None).dt.strftime("%Y-%m-%dT%H:%M:%S"))
    put(url, naive, types={"ticker": "TEXT", "time": time}, key=", PRIMARY KEY (ticker, time)")
    said = cli("data", "init-db", "--url", url, "--load", csv_of(tmp_path / "a.csv", bars()))
    assert said.code == 2
    assert "keeps its times otherwise" in said.err
    assert rows_of(url, "SELECT count(*) FROM bars") == [(80,)]
    assert tables_of(url) == ["bars"]


def test_of_several_files_all_are_loaded_or_none(cli: Cli, url: str, tmp_path: Path) -> None:
    good = csv_of(tmp_path / "good.csv", bars())
    bad = csv_of(tmp_path / "worse.csv", bars().drop("high"))
    said = cli("data", "init-db", "--url", url, "--load", good, bad)
    assert said.code == 2
    assert "lacks high" in said.err
    assert not url.startswith("sqlite") or not (tmp_path / "made.db").exists()
    assert tables_of(url) == []
    assert cli("data", "init-db", "--url", url, "--load", good, good).code == 0
    assert rows_of(url, "SELECT count(*) FROM bars") == [(80,)]


def test_a_place_that_cannot_be_written_and_other_databases_are_refused(cli: Cli, tmp_path: Path) -> None:
    said = cli("data", "init-db", "--url", sqlite_url(tmp_path / "no" / "such" / "folder.db"))
    assert said.code == 2
    assert "unable to open database file" in said.err
    said = cli("data", "init-db", "--url", "mysql+pymysql://u:hunter2@h/db")
    assert said.code == 2
    assert "SQLite or PostgreSQL" in said.err
    assert "hunter2" not in said.err


def test_a_full_disk_is_told_and_leaves_what_was_there(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sqlite_url(tmp_path / "full.db")
    assert cli("data", "init-db", "--url", url, "--load", csv_of(tmp_path / "a.csv", bars(num_rows=5))).code == 0

    def cramped(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA max_page_count = 8")

    sa.event.listen(sa.Engine, "connect", cramped)
    try:
        said = cli("data", "init-db", "--url", url, "--load", csv_of(tmp_path / "b.csv", bars(num_rows=2000)))
    finally:
        sa.event.remove(sa.Engine, "connect", cramped)
    assert said.code == 2
    assert "disk is full" in said.err
    assert "free some space" in said.err
    with sqlite3.connect(tmp_path / "full.db") as connection:
        assert connection.execute("SELECT count(*) FROM bars").fetchone() == (10,)
    connection.close()


def test_a_disk_without_room_for_a_new_database_is_left_as_it_was(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "many.csv", bars(num_rows=2000))
    url = sqlite_url(tmp_path / "new.db")
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        f"sys.argv = ['gatewise', 'data', 'init-db', '--url', {url!r}, {str(path)!r}, '-q'];"
        "from gatewise.cli.main import run; run()"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert said.returncode == 2
    assert said.stderr.startswith(f"error: can't write {url}: ")
    assert [file.name for file in tmp_path.iterdir()] == ["many.csv"]

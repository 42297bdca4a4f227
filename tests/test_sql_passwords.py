"""A database's password is for the process that was given it: nothing that is written, printed or logged holds it.

A run's folder is shared, its bundle is shipped and its config is pasted into questions; one place that forgets to mask
the URL would publish the password.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from conftest import Cli
from gatewise.config.load import load_config, to_yaml
from gatewise.config.schema import DataConfig
from gatewise.data.load import load_table
from gatewise.data.sql.url import resolve_url
from gatewise.errors import ConfigError
from postgres_server import PASSWORD, Postgres
from sql_tables import bars, put, sqlite_url

TINY = (
    *("--source", "sql", "--symbol", "AAPL", "--table", "bars", "--horizon", "3", "--seq-len", "8"),
    *("--hidden-size", "4", "--num-layers", "1", "--batch-size", "256", "--max-epochs", "2"),
    *("--set", "features.sets=[ohlcv]", "--set", "training.windows_per_epoch=256"),
    *("--set", "evaluation.bootstrap_samples=50"),
)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GATEWISE_SQL_URL", "GATEWISE_SQL_PASSWORD", "PGPASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def url(postgres: Postgres) -> str:
    rows = bars(num_rows=900, step=timedelta(days=1))
    return put(postgres.new_database(), rows, types={"ticker": "TEXT", "time": "TIMESTAMPTZ"})


def files_that_hold(folder: Path, secret: str) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


def test_nothing_that_a_run_leaves_holds_the_password_and_its_config_goes_on_with_the_environments(
    cli: Cli, url: str, gatewise_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = cli("train", *TINY, "--url", url, "--json")
    assert said.code == 0, said.err
    run = said.json["run_id"]
    folder = gatewise_home / "runs" / run
    words = said.out + said.err
    for more in (("runs", "show", run), ("runs", "show", run, "--json"), ("runs", "list", "--json")):
        shown = cli(*more)
        words += shown.out + shown.err
    assert PASSWORD not in words
    assert files_that_hold(tmp_path, PASSWORD) == []
    masked = url.replace(PASSWORD, "***")
    assert masked in (folder / "config.yaml").read_text()
    assert masked in (folder / "report.html").read_text()
    assert files_that_hold(folder / "bundle", masked)
    # The same run, gone on with, and the same model on the same rows: the password is asked for, and nothing else.
    for words_of in (
        ("train", "--resume", run),
        ("predict", "--model", run, "--source", "sql", "-o", tmp_path / "p.csv"),
    ):
        said = cli(*words_of)
        assert said.code == 2
        assert "GATEWISE_SQL_PASSWORD" in said.err
        assert len(said.err.strip().splitlines()) == 2
    monkeypatch.setenv("GATEWISE_SQL_PASSWORD", PASSWORD)
    said = cli("predict", "--model", run, "--source", "sql", "-o", tmp_path / "p.csv")
    assert said.code == 0, said.err
    said = cli("train", "--resume", run, "--json")
    assert said.code == 0, said.err
    assert files_that_hold(tmp_path, PASSWORD) == []
    predicted = pl.read_csv(tmp_path / "p.csv")
    assert predicted["symbol"].unique().to_list() == ["AAPL"]
    tested = pl.read_parquet(folder / "predictions.parquet").with_columns(pl.col("time").dt.replace_time_zone(None))
    both = tested.join(
        predicted.with_columns(pl.col("time").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us")),
        on=["symbol", "time"],
    )
    assert both.height == tested.height
    for name in ("prob_up", "prob_down"):
        assert np.array_equal(both[name], both[f"{name}_right"])


def test_no_error_repeats_the_password(cli: Cli, url: str) -> None:
    for words in (
        ("config", "show", "--set", f"data=[{url}]"),
        ("config", "show", "--set", f"data.paths={{a: {url}}}"),
        ("config", "show", "--set", f"data.url=[{url}]"),
        ("config", "show", "--set", f"{url}=1"),
        ("data", "check", url),
        ("data", "check", "--source", "sql", "--url", url, "--table", "brs"),
        ("train", "--source", "sql", "--url", f"{url}?sslmode=verify-full"),
        ("train", "--source", "sql", "--url", f"{url}:nonsense"),
        ("data", "init-db", "--url", url, "--sma-rows", "0"),
        ("tune", "--storage", f"nonsense {url}"),
        ("train", "--source", "sql", url),
        ("train", "--max-epochs", url),
    ):
        for flags in ((), ("--json",)):
            said = cli(*words, *flags)
            assert said.code == 2, (words, said)
            assert PASSWORD not in said.out + said.err, words


def test_a_config_shows_the_url_masked_and_hashes_it_without_the_password(cli: Cli, url: str) -> None:
    other = url.replace(PASSWORD, "other")
    none = url.replace(f":{PASSWORD}", "")
    shown = [cli("config", "show", "--url", one, "--json").json for one in (url, other, none)]
    assert [one["config"]["data"]["url"] for one in shown] == [url.replace(PASSWORD, "***")] * 2 + [none]
    assert len({one["hash"] for one in shown}) == 1
    assert cli("config", "show", "--url", url.replace("market", "elsewhere"), "--json").json["hash"] != shown[0]["hash"]
    config = load_config(overrides={"data.url": url})
    assert PASSWORD not in repr(config) + str(config) + to_yaml(config) + json.dumps(config.data.model_dump())
    again = load_config(overrides={"data.url": config.to_dict()["data"]["url"]})
    assert again.digest == config.digest


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://u:p%40ss%2F@h:5432/db?sslmode=require", "postgresql://u:***@h:5432/db?sslmode=require"),
        ("postgresql://h/db?user=u&password=p%40ss", "postgresql://h/db?password=***&user=u"),
        ("mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3Dp", "mssql+pyodbc:///?odbc_connect=***"),
        ("postgresql://u:p@ss@h:no/db", "postgresql://u:***@h:no/db"),
        ("sqlite:///my bars.db", "sqlite:///my bars.db"),
    ],
)
def test_passwords_are_found_wherever_a_url_carries_them(url: str, masked: str) -> None:
    assert load_config(overrides={"data.url": url}).to_dict()["data"]["url"] == masked


def test_a_url_without_its_password_takes_the_environments(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    masked, bare = url.replace(PASSWORD, "***"), url.replace(f":{PASSWORD}", "")
    with pytest.raises(ConfigError, match=r"kept without its password"):
        resolve_url(masked)
    monkeypatch.setenv("GATEWISE_SQL_URL", url)
    assert resolve_url(masked).password == PASSWORD
    assert resolve_url(None).password == PASSWORD
    with pytest.raises(ConfigError, match=r"kept without its password"):
        resolve_url(masked.replace("market", "elsewhere"))
    monkeypatch.setenv("GATEWISE_SQL_URL", bare)
    with pytest.raises(ConfigError, match=r"kept without its password"):
        resolve_url(masked)
    monkeypatch.setenv("GATEWISE_SQL_PASSWORD", "p@ss/w:rd")
    assert resolve_url(masked).password == "p@ss/w:rd"
    assert resolve_url(None).password == "p@ss/w:rd"
    assert resolve_url(url).password == PASSWORD  # what is said counts
    monkeypatch.setenv("GATEWISE_SQL_PASSWORD", PASSWORD)
    table = load_table(DataConfig(source="sql", url=bare, table="bars", symbol="MSFT"))
    assert table.symbols == ("MSFT",)


def test_a_secret_of_the_urls_query_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://h/db?user=u&password=pass-w"
    masked = load_config(overrides={"data.url": url}).to_dict()["data"]["url"]
    with pytest.raises(ConfigError, match=r"kept without its password"):
        resolve_url(masked)
    monkeypatch.setenv("GATEWISE_SQL_URL", url)
    assert resolve_url(masked).query["password"] == "pass-w"


def test_a_tiny_model_is_trained_on_the_documented_view_of_sqlite(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    bars(num_rows=900, step=timedelta(days=1)).write_csv(path, datetime_format="%Y-%m-%dT%H:%M:%S%.fZ")
    url = sqlite_url(tmp_path / "bars.db")
    assert cli("data", "init-db", "--url", url, "--load", path).code == 0
    said = cli(
        *("train", "--source", "sql", "--url", url, "--table", "vw_ticker_timeseries", "--symbol", "AAPL", "--json"),
        *(*TINY[6:], "--set", "features.columns=[sma_value]"),
    )
    assert said.code == 0, said.err
    predictions = pl.read_parquet(said.json["predictions"])
    assert predictions["symbol"].unique().to_list() == ["AAPL"]
    assert said.json["windows"]["train"] > 400
    check = cli("data", "check", "--source", "sql", "--url", url, "--json").json
    assert check["rows"] == 1800
    assert check["ok"]

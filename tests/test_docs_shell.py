"""Every command that a page shows is one: it parses as it stands, and does what it is shown for on small rows.

A flag that was renamed, a file that can't be read so, a command that needs another before it: readers find them first.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch  # noqa: F401  # by it conftest.py marks what computes with torch

from candle_server import CandleServer, Market, serve
from conftest import Cli
from data_files import bars
from gatewise.lake.base import SeriesKey
from lake_worlds import bars as lake_bars
from lake_worlds import filled
from page_examples import PAGES, ROOT, shell_commands
from test_docs import COMMANDS
from yahoo_server import YahooServer, make_stock, serve_yahoo

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
FIRST = datetime(2023, 11, 10)
SHOWN = {page.stem: shell_commands(page) for page in PAGES}
# Parts of one's own are tests/test_new_model.py's, the way to a champion is tests/test_walk.py's.
RUN_HERE = [name for name, commands in SHOWN.items() if commands and name not in ("architecture", "walk-crypto")]

# Said last, so that they count: settings by which a command takes a second.
_SPLIT = ("--set", "split.train=0.4", "--set", "split.val=0.3", "--set", "split.test=0.3")
_DATA = ("--set", "features.sets=[ohlcv]", "--set", "training.windows_per_epoch=512", *_SPLIT)
_MODEL = ("--seq-len", "8", "--hidden-size", "8", "--num-layers", "1", "--batch-size", "64", "--max-epochs", "1")
_QUICK = ("--set", "evaluation.bootstrap_samples=50", "--set", "evaluation.baseline_rows=500", "--quiet")
SMALL: dict[str, tuple[str, ...]] = {
    "train": (*_DATA, *_MODEL, *_QUICK, "--horizon", "3"),
    "cv": (*_DATA, *_MODEL, *_QUICK, "--horizons", "3", "--n-splits", "2", "--seeds", "1", "--workers", "1"),
    "tune": (*_DATA, *_MODEL, *_QUICK, "--horizon", "3", "--n-splits", "2", "--n-trials", "1", "--workers", "1"),
    "compare": (
        *_DATA,
        *_MODEL,
        *_QUICK,
        "--horizon",
        "3",
        "--n-splits",
        "2",
        "--max-time",
        "1s",
        "--start",
        "2010-01-01",
    ),
    "study volatility": (
        *_DATA,
        *_MODEL,
        *_QUICK,
        *("--horizon", "1", "--test-size", "80", "--max-time", "1s", "--models", "lstm"),
    ),
    "explain": ("--rows", "50", "--repeats", "1"),
    "runs rm": ("--yes",),
    "audit": (*_DATA, *_MODEL[:6], "--horizon", "3"),
}
# Exit codes that say that a command did what it is for: rows have faults, a gate fails.
CODES = {"data check": {0, 1}, "evaluate": {0, 3}}
# How pages call a run that is there.
_A_RUN = ("RUN_ID", "3f2a", "wide barriers")
_PRINTED = {"ETTh1.csv", "ETTm1.csv", "exchange_rate.txt.gz"}
# What no test runs from here, and where it is run instead.
ELSEWHERE: dict[str, Callable[[list[str]], bool]] = {
    "serves pages until Ctrl-C": lambda words: words[0] == "ui",
    "needs a server with a password; tests/test_sql_rows.py": lambda words: "postgresql" in " ".join(words),
    "needs an exchange's own files; tests/test_lake_cli.py": lambda words: words[:2] == ["data", "import"],
    "needs the files of printed tables; tests/test_printed_protocol.py": lambda words: bool({*words} & _PRINTED),
    "needs a month of futures; tests/test_data_shared.py": lambda words: "ESH20_20200101_20200223.csv" in words,
    "studies of printed tables; tests/test_study.py": lambda words: words[0] == "study" and "--online" in words,
    "takes hundreds of updates; tests/test_online.py": lambda words: {"--online", "split.embargo_rows=0"} <= {*words},
    "a moment of rows of one's own; tests/test_explain.py": lambda words: words[0] == "explain" and "--time" in words,
    "parts of one's own; tests/test_new_model.py, tests/test_own_parts.py": lambda words: "mypkg" in " ".join(words),
}


def command_of(words: list[str]) -> tuple[str, list[str]]:
    """A command's name and its arguments."""
    name = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else words[0]
    return name, words[len(name.split()) :]


@pytest.mark.parametrize("page", [name for name, commands in SHOWN.items() if commands])
def test_every_command_that_is_shown_parses(page: str) -> None:
    for words in SHOWN[page]:
        name, arguments = command_of(words)
        if name.startswith("-"):  # asked of gatewise itself, and run below
            continue
        COMMANDS[name].make_context(f"gatewise {name}", [*arguments])


@pytest.mark.parametrize("page", RUN_HERE)
def test_every_command_that_is_shown_does_what_it_is_shown_for(
    page: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GATEWISE_HOME", str(folder / "gatewise-runs"))
    shutil.copy(tmp_path / "home" / "mlflow.db", _made(folder / "gatewise-runs") / "mlflow.db")
    write_files(folder, next(path for path in PAGES if path.stem == page).read_text(encoding="utf-8"))
    if page == "sql":
        assert cli("data", "init-db", "--url", "sqlite:///bars.db", "--load", "bars.csv").code == 0
    if page not in ("README", "exchanges", "stocks"):
        fill_lake(folder / "gatewise-runs" / "lake")
    ids: dict[str, str] = {}
    for words in SHOWN[page]:
        if any(elsewhere(words) for elsewhere in ELSEWHERE.values()):
            continue
        name, _ = command_of(words)
        for key, names in (("train", _A_RUN), ("other", ("9c00",))):
            if key not in ids and {*names} & {*words}:
                ids[key] = run_of(cli, page, words)
        with feed_of([_with_ids(word, ids) for word in words], monkeypatch) as given:
            said = cli(*given, *small(name, words), *(("--json",) if name in ("train", "tune") else ()))
        assert said.code in CODES.get(name, {0}), f"{' '.join(given)}\n{said.out}\n{said.err}"
        if name in ("train", "tune"):
            ids[name] = str(said.json.get("run_id", said.json.get("id")))


def small(name: str, words: list[str]) -> tuple[str, ...]:
    """The settings of `SMALL` that a command takes."""
    if "--resume" in words or (name == "audit" and "--model" in words):  # a run's own settings
        return ()
    settings = SMALL.get(name, ())
    if "--config" in words:  # such files choose the columns by themselves
        settings = settings[2:]
    return (*settings, "--workers", "1") if "--per-symbol" in words else settings


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _with_ids(word: str, ids: dict[str, str]) -> str:
    if word in ("RUN_ID", "3f2a", "9c00"):
        return ids["other" if word == "9c00" else "train"]
    return word.replace("/ID/", f"/{ids.get('tune')}/")


def run_of(cli: Cli, page: str, words: list[str]) -> str:
    """A run that a page speaks of before it has trained one."""
    source = words[words.index("--source") + 1] if "--source" in words else "files"
    rows = {
        "sql": ("--source", "sql", "--url", "sqlite:///bars.db"),
        "lake": ("--source", "lake", "--symbols", "BTC-USD,ETH-USD", "--timeframe", "1m", "--gap-tolerance", "5m"),
    }.get("sql" if page == "sql" else source, ("--data", "BTCUSDT-1m.parquet", "--stamp", "open"))
    said = cli("train", *rows, *SMALL["train"], "--run-name", "wide barriers", "--json")
    assert said.code == 0, said.out
    return str(said.json["run_id"])


def high_bars(rows: int, step: timedelta, seed: int = 7) -> pl.DataFrame:
    """Bars far above zero, however long they walk."""
    return bars(rows, step, seed=seed).with_columns(pl.col("open", "high", "low", "close") + 1000)


def write_files(folder: Path, text: str) -> None:
    """Small files of the names that a page's text holds."""
    minutes = {"EURUSD-1m.csv": 600_000, "AAPL-1m.csv": 30_000, "BTCUSDT-1m.parquet": 12_000}
    text += "BTCUSDT-1m.parquet"  # on which runs are trained that a page speaks of
    minutes |= dict.fromkeys(("BTCUSDT-1m-2022.parquet", "aapl-1m.parquet", "new.parquet"), 1_500)
    stocks = {name: high_bars(1_500, DAY, seed) for seed, name in enumerate(("AAPL", "MSFT", "TSLA"))}
    files = {name: high_bars(rows, MINUTE) for name, rows in minutes.items() if name in text}
    files |= {f"{name}.csv": rows for name, rows in stocks.items()}
    files["bars.csv"] = files["stocks_daily.csv"] = pl.concat(
        [rows.with_columns(symbol=pl.lit(name)) for name, rows in stocks.items()]
    )
    for name, rows in files.items():
        (rows.write_csv if name.endswith(".csv") else rows.write_parquet)(folder / name)
    if "--gates gates.yaml" in text:
        (folder / "gates.yaml").write_text(text.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    shutil.copytree(ROOT / "examples", folder / "examples")
    shutil.copy(ROOT / "examples" / "ticker" / "minimal.json", folder / "ticker.json")


def fill_lake(lake: Path) -> None:
    """The series that pages train on before they have fetched any."""
    for seed, name in enumerate(("BTC-USD", "ETH-USD", "SOL-USD")):
        filled(lake, lake_bars(1_500, seed=seed), SeriesKey("coinbase", name, MINUTE))


@contextmanager
def feed_of(words: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A server on loopback in place of what a command fetches from, and the command over a span that it knows."""
    if words[:2] not in (["data", "fetch"], ["data", "update"]):
        yield words
        return
    speed = ["--requests-per-second", "1000"]
    if "yahoo" in words:
        now = datetime.now(UTC)
        stocks = [make_stock(name, "2015-01-02", f"{now + DAY:%Y-%m-%d}") for name in ("AAPL", "MSFT", "TSLA")]
        if "1h" in words:  # such bars are kept for two years
            words = [*words, "--start", f"{now - 20 * DAY:%Y-%m-%d}"]
        server: Any = serve_yahoo(YahooServer({stock.symbol: stock for stock in stocks}, now))
    else:
        markets = [
            Market(f"{name}-USD", FIRST, FIRST + 3 * DAY, seed) for seed, name in enumerate(("BTC", "ETH", "SOL"))
        ]
        server = serve(CandleServer({market.symbol: market for market in markets}, FIRST.replace(tzinfo=UTC) + 3 * DAY))
        words = [*words, *(["coinbase"] if words[-1] == "update" else []), "--end", f"{FIRST + DAY:%Y-%m-%d}"]
    with server as running:
        monkeypatch.setenv("GATEWISE_FEED_URL", running.url)
        yield [*words, *speed]

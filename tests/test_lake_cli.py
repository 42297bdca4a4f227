"""`gatewise data list` and `data check` over the lake: what it holds and what it lacks, for people and as JSON."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from conftest import TINY, Cli
from gatewise.data.check.lake import expected_bars
from gatewise.lake.base import SeriesKey
from gatewise.lake.lake import Lake
from lake_worlds import BTC, FACTS, MINUTE, bars, filled, span

DAY = timedelta(days=1)


@pytest.fixture
def lake(gatewise_home: Path) -> Path:
    """The default lake, with one series of a week and an hour."""
    filled(gatewise_home / "lake", bars(10_140))
    return gatewise_home / "lake"


def with_holes(root: Path, holes: list[range], key: SeriesKey = BTC) -> None:
    """The series of `bars` covered as a whole, but without some of its rows."""
    frame = bars(10_140)
    absent = [n for hole in holes for n in hole]
    with Lake(root).series(key).writer() as writer:
        writer.append(frame.filter(~pl.int_range(pl.len()).is_in(absent)), span(frame), FACTS)


def test_list_tells_rows_span_coverage_and_size(lake: Path, cli: Cli) -> None:
    said = cli("data", "list", "--json").json
    (entry,) = said["series"]
    assert said["lake"] == str(lake)
    assert entry.pop("bytes") == sum(file.stat().st_size for file in lake.rglob("*.parquet"))
    assert entry == {
        "source": "coinbase",
        "symbol": "BTC-USD",
        "timeframe": "1m",
        "rows": 10_140,
        "start": "2023-11-12T22:01:00Z",
        "end": "2023-11-19T23:00:00Z",
        "covered": [["2023-11-12T22:01:00Z", "2023-11-19T23:01:00Z"]],
        "facts": {"exchange": "coinbase"},
        "pages": 2,
        "error": None,
    }
    assert "BTC-USD    1m  10,140  2023-11-12  2023-11-19      1  0.2 MB" in cli("data", "list").out


def test_an_empty_lake_is_no_error_to_list_and_one_to_check(cli: Cli, tmp_path: Path) -> None:
    assert cli("data", "list", "--json", "--lake", tmp_path / "none").json["series"] == []
    assert "holds no series" in cli("data", "list", "--lake", tmp_path / "none").out
    said = cli("data", "check", "--lake", tmp_path / "none")
    assert said.code == 2
    assert "gatewise data check FILE" in said.err


def test_check_lists_outages_and_counts_minutes_without_trades(cli: Cli, gatewise_home: Path, tmp_path: Path) -> None:
    with_holes(gatewise_home / "lake", [range(5000, 5080), range(100, 101), range(9000, 9001)])
    said = cli("data", "check", "--json", "--absent", tmp_path / "absent.csv")
    (series,) = said.json["series"]
    assert said.code == 0
    assert (series["bars"], series["absent"], series["no_trade"], series["absent_runs"]) == (10_140, 82, 2, 3)
    assert series["outages"] == [{"start": "2023-11-16T09:21:00Z", "end": "2023-11-16T10:40:00Z", "bars": 80}]
    listed = pl.read_csv(tmp_path / "absent.csv")
    assert listed.select("kind", "bars").rows() == [("no_trade", 1), ("outage", 80), ("no_trade", 1)]
    words = cli("data", "check").out
    assert "82 of 10,140 bars absent: 2 without trades, at most 1 in a row" in words
    assert "outage: 80 bars from 2023-11-16 09:21 to 2023-11-16 10:40 UTC" in words
    assert Lake(gatewise_home / "lake").series(BTC).read().height == 10_058  # nothing was filled


def test_check_tells_the_spans_between_fetches(cli: Cli, lake: Path) -> None:
    filled(lake, bars(60, datetime(2024, 1, 1, 0, 1, tzinfo=UTC)))
    (series,) = cli("data", "check", "--json").json["series"]
    assert series["uncovered"] == [["2023-11-19T23:01:00Z", "2024-01-01T00:01:00Z"]]
    assert series["outages"] == []
    assert "never asked for: 2023-11-19 23:01 to 2024-01-01 00:01 UTC" in cli("data", "check").out


def test_check_names_a_damaged_page_and_fails(cli: Cli, lake: Path) -> None:
    page = min((lake / BTC.folder).glob("*.parquet"))
    page.write_bytes(page.read_bytes()[:-1])
    said = cli("data", "check", "--json")
    (series,) = said.json["series"]
    assert said.code == 1
    assert [damaged["file"] for damaged in series["damaged_pages"]] == [page.name]
    assert page.name in cli("data", "check").out


def test_check_and_list_tell_a_damaged_manifest_and_go_on(cli: Cli, lake: Path) -> None:
    other = SeriesKey("coinbase", "ETH-USD", MINUTE)
    shutil.copytree(lake / BTC.folder, lake / other.folder)  # its manifest says BTC-USD
    assert [entry["error"] is None for entry in cli("data", "list", "--json").json["series"]] == [True, False]
    said = cli("data", "check", "--json")
    assert said.code == 1
    assert "it is that of coinbase BTC-USD 1m" in said.json["series"][1]["error"]
    assert "damaged" in cli("data", "list").out


def test_check_takes_the_bars_and_the_symbol_that_training_would(cli: Cli, lake: Path) -> None:
    with_holes(lake, [range(100, 102)], SeriesKey("coinbase", "ETH-USD", MINUTE))
    (series,) = cli("data", "check", "--symbol", "ETH-USD", "--resample", "5m", "--json").json["series"]
    assert series["symbol"] == "ETH-USD"
    assert (series["report"]["gaps"], series["report"]["short_bars"]) == (1, 1)
    (series,) = cli("data", "check", "--symbol", "ETH-USD", "--gap-tolerance", "5m", "--json").json["series"]
    assert series["report"]["gaps"] == 0


def test_an_import_of_nothing_says_what_to_name(cli: Cli) -> None:
    said = cli("data", "import", "--feed", "binance")
    assert said.code == 2
    assert "gatewise data import FILES --feed binance" in said.err


def test_a_series_without_any_row_is_not_fit_to_train_on(cli: Cli, gatewise_home: Path) -> None:
    frame = bars(60)
    with Lake(gatewise_home / "lake").series(BTC).writer() as writer:
        writer.append(frame.clear(), span(frame), FACTS)
    said = cli("data", "check", "--json")
    assert said.code == 1
    assert said.json["series"][0]["error"] == "it holds no row"


def test_check_flags_prices_of_zero_and_splits_of_raw_stock_prices(cli: Cli, gatewise_home: Path) -> None:
    days = bars(400, datetime(2020, 1, 1, 21, tzinfo=UTC), DAY).drop("trades")
    prices = ["open", "high", "low", "close"]
    raw = days.with_columns(pl.when(pl.int_range(pl.len()) < 200).then(pl.col(prices) * 4).otherwise(pl.col(prices)))
    apple = SeriesKey("yahoo", "AAPL", DAY)
    filled(gatewise_home / "lake", raw, apple)
    zero = days.with_columns(low=pl.when(pl.int_range(pl.len()) == 7).then(0.0).otherwise("low"))
    filled(gatewise_home / "lake", zero, SeriesKey("yahoo", "MSFT", DAY))
    said = cli("data", "check", "--json")
    assert said.code == 1
    first, second = (series["report"] for series in said.json["series"])
    assert (first["possible_splits"], first["non_positive"], first["ok"]) == (1, 0, True)
    assert (second["possible_splits"], second["non_positive"], second["ok"]) == (0, 1, False)
    assert cli("data", "check", "--symbols", "AAPL", "--json").json["ok"] is True


def test_words_that_the_terminal_has_no_letters_for_are_escaped(lake: Path) -> None:
    filled(lake, bars(30).with_columns(close=0.0), SeriesKey("my", "₿", MINUTE))
    command = [sys.executable, "-c", "from gatewise.cli.main import run; run()", "data", "check", "--feed", "my"]
    said = subprocess.run(command, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=False)
    assert (said.returncode, said.stderr) == (1, b"")
    assert b"my \\u20bf 1m: 30 rows \\u2014 not fit" in said.stdout


def test_check_takes_the_series_that_are_named(cli: Cli, lake: Path) -> None:
    filled(lake, bars(50), SeriesKey("kraken", "ETH-USD", MINUTE))
    assert [s["symbol"] for s in cli("data", "check", "--feed", "kraken", "--json").json["series"]] == ["ETH-USD"]
    assert len(cli("data", "check", "--timeframe", "1m", "--json").json["series"]) == 2
    assert "did you mean 'ETH-USD'" in cli("data", "check", "--symbols", "ETH-UDS").err
    assert cli("data", "check", "--source", "lake", "--symbols", "ETH-USD", "--json").json["series"][0]["rows"] == 50


def test_closed_time_of_a_calendar_is_not_expected() -> None:
    pytest.importorskip("exchange_calendars")
    start, end = datetime(2024, 11, 28, tzinfo=UTC), datetime(2024, 12, 1, tzinfo=UTC)
    rows = pl.Series([datetime(2024, 11, 29, 15)]).dt.epoch("us").to_numpy()
    hours = expected_bars(rows, [(start, end)], timedelta(hours=1), "XNYS")
    ends = pl.Series(hours).cast(pl.Datetime("us")).to_list()
    # Thanksgiving has no session, and the day after ends at 13:00 New York time, in mid-hour.
    assert ends == [datetime(2024, 11, 29, *at) for at in ((15, 30), (16, 30), (17, 30), (18, 30))]
    days = expected_bars(rows, [(start, end)], DAY, "XNYS")
    assert pl.Series(days).cast(pl.Datetime("us")).to_list() == [datetime(2024, 11, 29, 18)]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_days_of_the_week_on_which_daily_bars_never_come_are_not_absent(
    cli: Cli, gatewise_home: Path, zone: str
) -> None:
    days = pl.datetime_range(datetime(2024, 1, 1), datetime(2024, 12, 31), "1d", eager=True, time_zone=zone)
    holiday = pl.lit(datetime(2024, 5, 9)).dt.replace_time_zone(zone)
    time = days.to_frame("time").filter(pl.col("time").dt.weekday() <= 5, pl.col("time") != holiday)["time"]
    frame = bars(time.len()).with_columns(time.dt.convert_time_zone("UTC").cast(pl.Datetime("us", "UTC")))
    filled(gatewise_home / "lake", frame, SeriesKey("my", "FUND", DAY))
    (series,) = cli("data", "check", "--json").json["series"]
    assert (series["rows"], series["bars"], series["no_trade"], series["outages"]) == (261, 262, 1, [])


@pytest.mark.parametrize(("days", "rows"), [(14, [0, 1, 2, 3, 4, 7, 8, 9, 10, 11]), (60, [0, 10, 20, 30, 40, 50])])
def test_days_of_the_week_that_chance_may_leave_without_a_row_are_expected(days: int, rows: list[int]) -> None:
    first = datetime(2024, 1, 1, tzinfo=UTC)
    time_us = pl.Series([first + row * DAY for row in rows]).dt.epoch("us").to_numpy()
    assert expected_bars(time_us, [(first, first + days * DAY)], DAY, None).size == days


def test_real_files_march_2023_has_one_outage_and_coinbase_minutes_are_quiet(
    cli: Cli, shared_data: Path, gatewise_home: Path
) -> None:
    """Binance stopped spot trading on 24 March 2023; both Coinbase files of 4 April 2018 end hours before midnight."""
    zips = shared_data / "crypto_binance_1m" / "raw_daily_zips_2023-03"
    lean = shared_data / "crypto_coinbase" / "lean" / "minute"
    assert cli("data", "import", zips, "--feed", "binance", "--symbol", "BTCUSDT", "--format", "kline", "-q").code == 0
    assert cli("data", "import", lean, "--feed", "coinbase", "--format", "lean", "--timeframe", "1m", "-q").code == 0
    said = cli("data", "check", "--json").json
    found = {s["symbol"]: ([(o["start"], o["bars"]) for o in s["outages"]], s["no_trade"]) for s in said["series"]}
    assert found == {
        "BTCUSDT": ([("2023-03-24T12:41:00Z", 80)], 0),
        "btcusd": ([("2018-04-04T16:49:00Z", 432)], 105),
        "ethusd": ([("2018-04-04T16:54:00Z", 427)], 4),
    }


def test_a_model_trains_on_symbols_of_the_lake(cli: Cli, gatewise_home: Path) -> None:
    for seed, symbol in enumerate(("BTC-USD", "ETH-USD")):
        filled(gatewise_home / "lake", bars(1500, seed=seed), SeriesKey("coinbase", symbol, MINUTE))
    words = [word for word in TINY if word not in ("--source", "sp500")]
    said = cli("train", "--source", "lake", "--symbols", "BTC-USD,ETH-USD", "--timeframe", "1m", *words, "--json")
    assert said.code == 0, said.err
    assert said.json["windows"]["train"] > 1000


def test_training_tells_what_gaps_cost_and_its_next_command_runs(
    cli: Cli, gatewise_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = bars(3000)
    with Lake(gatewise_home / "lake").series(BTC).writer() as writer:
        writer.append(frame.gather_every(2).vstack(frame.tail(900).gather_every(2, 1)), span(frame), FACTS)
    filled(gatewise_home / "lake", bars(60), SeriesKey("coinbase", "ETH-USD", MINUTE))
    monkeypatch.chdir(tmp_path)
    words = [word for word in TINY if word not in ("--source", "sp500")]
    said = cli("train", "--source", "lake", "--symbols", "BTC-USD", *words)
    assert said.code == 0, said.err
    assert "--gap-tolerance 5m (say) lets short ones pass" in said.err
    (line,) = (line for line in said.out.splitlines() if "gatewise predict" in line)
    assert cli(*line.split()[1:]).code == 0
    assert set(pl.read_csv(tmp_path / "predictions.csv")["symbol"]) == {"BTC-USD"}

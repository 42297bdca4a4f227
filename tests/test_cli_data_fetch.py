"""`gatewise data fetch` and `update` as a user runs them, with a server on loopback in the exchange's place."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from candle_server import CandleServer, Market, epoch, serve
from conftest import Cli
from fetch_kills import command, environment, kill_fetch_and_update, make_server, rows_of
from gatewise.feeds.answers import Answers

NOW = datetime(2023, 11, 12, 0, 0, 30, tzinfo=UTC)
SPAN = ("--start", "2023-11-10T00:01", "--end", "2023-11-11T00:01")


@pytest.fixture(scope="module")
def server() -> Iterator[CandleServer]:
    outage = (datetime(2023, 11, 10, 4), datetime(2023, 11, 10, 9))
    markets = {
        "BTC-USD": Market("BTC-USD", datetime(2023, 11, 10), datetime(2023, 11, 13), 1, outages=[outage]),
        "ETH-USD": Market("ETH-USD", datetime(2023, 11, 10), datetime(2023, 11, 13), 2),
    }
    with serve(CandleServer(markets, NOW)) as running:
        yield running


@pytest.fixture
def lake(tmp_path: Path, server: CandleServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GATEWISE_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("GATEWISE_FEED_URL", server.url)
    return tmp_path / "lake"


FAST = ("--requests-per-second", "1000")


def test_a_fetch_fills_the_lake_and_says_what_it_holds(cli: Cli, lake: Path) -> None:
    said = cli("data", "fetch", "coinbase", "BTC-USD", "eth-usd", *SPAN, *FAST, "--json")
    assert said.code == 0
    assert said.json["lake"] == str(lake)
    bitcoin, ether = said.json["series"]
    assert (bitcoin["source"], bitcoin["symbol"], bitcoin["timeframe"]) == ("coinbase", "BTC-USD", "1m")
    assert (bitcoin["start"], bitcoin["end"]) == ("2023-11-10T00:01:00Z", "2023-11-11T00:01:00Z")
    assert bitcoin["rows"] + bitcoin["absent"] == ether["rows"] + ether["absent"] == 1440
    assert [(o["start"], o["bars"]) for o in bitcoin["outages"]] == [("2023-11-10T04:01:00Z", 300)]
    assert ether["outages"] == []
    assert bitcoin["error"] is None
    again = cli("data", "fetch", "coinbase", "BTC-USD,ETH-USD", *SPAN, *FAST, "--json").json["series"][0]
    assert (again["added"], again["pages"], again["rows"]) == (0, 0, bitcoin["rows"])


def test_the_table_for_people_tells_outages_and_words_go_to_stderr(cli: Cli, lake: Path) -> None:
    said = cli("data", "fetch", "coinbase", "BTC-USD", *SPAN, *FAST)
    assert "coinbase BTC-USD 1m" in said.out
    assert said.out.startswith(f"{lake}\n")
    assert "outage of 300 bars, 2023-11-10 04:01 to 2023-11-10 09:00 UTC" in said.out
    assert "rows in" in said.err
    assert cli("data", "fetch", "coinbase", "BTC-USD", *SPAN, *FAST, "-q").err == ""


def test_update_brings_every_series_on_and_leaves_imported_ones(cli: Cli, lake: Path, server: CandleServer) -> None:
    cli("data", "fetch", "coinbase", "BTC-USD", "ETH-USD", *SPAN, *FAST, "-q")
    said = cli("data", "update", "--end", "2023-11-11T12:00", *FAST, "--json")
    assert said.code == 0
    assert [one["end"] for one in said.json["series"]] == ["2023-11-11T12:00:00Z"] * 2
    assert all(500 < one["added"] <= 719 for one in said.json["series"])
    one = cli("data", "update", "coinbase", "ETH-USD", "--end", "2023-11-11T13:00", *FAST, "--json").json["series"]
    assert [series["symbol"] for series in one] == ["ETH-USD"]


def test_without_a_start_the_newest_bars_are_fetched_and_that_is_said(cli: Cli, lake: Path) -> None:
    said = cli("data", "fetch", "coinbase", "ETH-USD", "--timeframe", "1h", "--end", "2023-11-11", *FAST)
    assert said.code == 0
    assert "no start given: the newest 10,080 bars" in said.err


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("fetch", "coinbse", "BTC-USD"), "unknown feed 'coinbse'", "did you mean 'coinbase'?"),
        (("fetch", "coinbase", "BTC-UDS"), "unknown symbol of coinbase 'BTC-UDS'", "did you mean 'BTC-USD'?"),
        (("fetch", "coinbase", "BTC-USD", "--timeframe", "3m"), "unknown timeframe of coinbase '3m'", "valid: 1m, 5m"),
        (("fetch", "coinbase", "BTC-USD", "--timeframe", "soon"), "--timeframe: a duration is", "--timeframe 1m"),
        (("fetch", "coinbase", "BTC-USD", "--start", "tomorrow"), "--start takes a day or a moment", "2023-11-10"),
        (("fetch", "coinbase", "BTC-USD", "--start", "2999-01-01"), "start must lie before now", None),
        (
            ("fetch", "coinbase", "BTC-USD", "--start", "2023-11-11", "--end", "2023-11-10"),
            "start must lie before end",
            "the end is exclusive: --end 2023-11-12",
        ),
        (("fetch", "coinbase", "BTC-USD", "--start", "0001-01-01T00:00+14:00"), "--start takes a day", "2023-11-10"),
        (("fetch", "coinbase", "BTC-USD", "--start", "0001-01-01"), "start must lie after 1900-01-01", None),
        (("fetch", "coinbase", "BTC-USD", "--base-url", "localhost:80"), "base_url must be the address", "http://"),
        (("fetch", "coinbase", "BTC-USD", "--requests-per-second", "nan"), "--requests-per-second", "--help"),
        (("update",), "holds no series", "gatewise data fetch coinbase BTC-USD"),
    ],
)
def test_what_can_not_be_is_one_line_and_a_hint(
    cli: Cli, lake: Path, words: tuple[str, ...], message: str, hint: str | None
) -> None:
    said = cli("data", *words)
    assert said.code == 2
    assert said.out == ""
    lines = said.err.splitlines()
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert len(lines) == (2 if hint else 1)
    assert (hint or "") in lines[-1]
    assert not lake.exists()


def test_update_of_what_the_lake_does_not_hold_names_what_it_holds(cli: Cli, lake: Path) -> None:
    cli("data", "fetch", "coinbase", "BTC-USD", *SPAN, *FAST, "-q")
    assert "unknown feed in the lake 'kraken'" in cli("data", "update", "kraken").err
    assert "did you mean 'BTC-USD'" in cli("data", "update", "coinbase", "BTC-USDT").err


def test_no_network_is_one_line_and_exit_code_2(cli: Cli, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatewise.feeds.retry.Retry.wait_seconds", lambda *_: 0.0)
    said = cli("data", "fetch", "coinbase", "BTC-USD", *SPAN, "--base-url", "http://127.0.0.1:9")
    assert said.code == 2
    assert said.err.splitlines()[0] == (
        "error: coinbase at 127.0.0.1: the connection was refused: no network?; gave up after 4 tries"
    )


def test_a_long_wait_before_the_first_row_is_told(cli: Cli, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatewise.feeds.retry.Retry.wait_seconds", lambda *_: 0.0)
    monkeypatch.setattr("gatewise.cli.fetch_progress.LONG_WAIT_SECONDS", 0.0)
    said = cli("data", "fetch", "coinbase", "BTC-USD", *SPAN, "--base-url", "http://127.0.0.1:9")
    assert said.err.splitlines()[0] == "coinbase at 127.0.0.1: the connection was refused: no network?; again in 0 s"


def test_an_exchange_lost_in_mid_fetch_keeps_what_came_and_the_same_command_goes_on(
    cli: Cli, lake: Path, server: CandleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatewise.feeds.retry.Retry.wait_seconds", lambda *_: 0.0)
    server.faults.extend([None, None] + ["reset"] * 20)
    said = cli("data", "fetch", "coinbase", "ETH-USD", *SPAN, *FAST, "--json")
    server.faults.clear()
    assert said.code == 2
    assert said.json["error"]["type"] == said.json["series"][0]["error"]["type"] == "FeedError"
    assert said.json["series"][0]["added"] > 400
    said = cli("data", "fetch", "coinbase", "ETH-USD", *SPAN, *FAST, "--json")
    assert said.code == 0
    assert 0 < said.json["series"][0]["added"] < said.json["series"][0]["rows"]


def test_ctrl_c_ends_a_fetch_at_once_and_keeps_what_came(tmp_path: Path) -> None:
    lake, words = tmp_path / "lake", ("coinbase", "BTC-USD", "--start", "2023-11-10", "--end", "2023-11-24")
    with serve(make_server()) as server:
        process = subprocess.Popen(
            command("fetch", lake, server.url, *words, "--requests-per-second", "4"),
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        until = time.monotonic() + 300
        while not rows_of(lake) and process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "what was fetched is kept" in json.loads(out)["error"]["message"]
    assert rows_of(lake) > 0


def test_ctrl_c_while_the_command_is_still_loading_is_no_traceback() -> None:
    code = """
import os, signal, sys

class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, CtrlC())
sys.argv = ["gatewise", "data", "list"]
from gatewise.cli.main import run
run()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == "error: interrupted; nothing was left half-written\n"
    assert done.returncode == 130


def test_a_second_ctrl_c_while_the_process_ends_is_no_traceback() -> None:
    code = """
import atexit, os, signal, sys, threading

def again():
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait(600)  # never so long: the signal ends it

signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(again)
sys.argv = ["gatewise", "data", "list"]
from gatewise.cli import app, main
app.app = lambda standalone_mode: os.kill(os.getpid(), signal.SIGINT)
main.run()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == "error: interrupted; nothing was left half-written\n"
    assert done.returncode == -signal.SIGINT


def test_two_processes_that_fetch_the_same_do_no_harm_and_ask_once(
    server: CandleServer, tmp_path: Path, cli: Cli, lake: Path
) -> None:
    asked = len(server.asked)
    words = command("fetch", tmp_path / "two", server.url, "coinbase", "BTC-USD", *SPAN, "--requests-per-second", "20")
    both = [
        subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)
    ]
    told = [json.loads(process.communicate(timeout=300)[0])["series"][0] for process in both]
    assert sorted(one["added"] > 0 for one in told) == [False, True]
    assert told[0]["rows"] == told[1]["rows"]
    assert len(server.asked) - asked < 10


def test_a_fetch_and_an_update_killed_at_random_moments_end_byte_equal(cli: Cli, tmp_path: Path) -> None:
    of_fetch, of_update = kill_fetch_and_update(cli, tmp_path, kills=1, seed=1, end="2023-11-15")
    assert (of_fetch.kills, of_update.kills) == (1, 1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2))
def test_twenty_kills_each_of_a_fetch_and_an_update_end_byte_equal_too(cli: Cli, seed: int, tmp_path: Path) -> None:
    killed = kill_fetch_and_update(cli, tmp_path, kills=20, seed=seed)
    for one in killed:
        assert len(set(one.rows_at_kills)) > 5, "most kills must come in mid-fetch"


def test_a_server_whose_clock_is_behind_ours_holds_back_the_bar_that_it_has_not_finished() -> None:
    answers = Answers("coinbase")
    answers._compare_clocks("Thu, 01 Jan 2015 00:00:00 GMT")
    assert answers.behind > timedelta(days=365)
    answers._compare_clocks("no date")
    answers._compare_clocks("Fri, 01 Jan 2100 00:00:00 GMT")
    assert answers.behind == timedelta(0)


def test_the_server_of_these_tests_answers_like_coinbase() -> None:
    state = make_server()
    newest = state.rows("BTC-USD", epoch(NOW), epoch(NOW) + 20 * 86_400, 1)
    assert len(newest) == 300
    assert newest[0][0] < newest[-1][0] == int(datetime(2023, 11, 24, tzinfo=UTC).timestamp())


def test_a_lake_that_can_not_be_written_is_one_line_and_exit_code_2(cli: Cli, lake: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    said = cli("data", "fetch", "coinbase", "BTC-USD", *SPAN, *FAST, "--lake", tmp_path / "file" / "lake", "-q")
    assert said.code == 2
    assert said.err.startswith("error: a lake is a folder; ")
    assert len(said.err.splitlines()) == 2


def test_bars_that_differ_are_left_or_taken_and_that_is_said(cli: Cli, lake: Path, tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text("time,open,high,low,close,volume\n2023-11-10 00:01:00,1,1,1,1,1\n")
    words = ("--feed", "coinbase", "--symbol", "ETH-USD", "--timeframe", "1m")
    assert cli("data", "import", tmp_path / "bars.csv", *words, "-q").code == 0
    again = ("data", "fetch", "coinbase", "ETH-USD", "--start", "2023-11-10T00:01", "--end", "2023-11-10T00:05", *FAST)
    assert "came with other values" not in cli(*again).out
    assert "1 bars came with other values than the lake held: taken" in cli(*again, "--refetch").out


def test_every_series_that_stopped_says_why(cli: Cli, lake: Path) -> None:
    cli("data", "fetch", "coinbase", "BTC-USD", "ETH-USD", *SPAN, *FAST, "-q")
    for symbol in ("BTC-USD", "ETH-USD"):
        manifest = lake / "source=coinbase" / f"symbol={symbol}" / "timeframe=1m" / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 9'))
    cli("data", "fetch", "coinbase", "BTC-USD", "--timeframe", "5m", *SPAN, *FAST, "-q")
    said = cli("data", "update", "--end", "2023-11-11T12:00", *FAST, "-q")
    assert said.code == 2
    assert all(
        f"{symbol} 1m: stopped: the manifest of coinbase {symbol} 1m" in said.out for symbol in ("BTC-USD", "ETH-USD")
    )
    assert "is of version 9" in said.err


def test_a_start_long_before_there_were_exchanges_is_no_error(cli: Cli, lake: Path) -> None:
    said = cli("data", "fetch", "coinbase", "BTC-USD", "--start", "1970-01-01", "--end", "2023-11-11", *FAST, "--json")
    assert said.code == 0
    assert said.json["series"][0]["rows"] > 1000

"""Real `gatewise data` processes killed with SIGKILL at random moments, then a command that ends; what lakes hold."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from candle_server import CandleServer, Market, serve
from conftest import Cli

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")
START, MIDDLE, END, LISTED_TO = "2023-11-10", "2023-11-12", "2023-11-24", "2023-12-01"
PACE, FAST = 5, ("--requests-per-second", "1000")
_CODE = "from gatewise.cli.main import run; run()"


@dataclass(frozen=True)
class Killed:
    """How often a command was killed, how often in mid-fetch, and what the one that ended said."""

    kills: int
    rows_at_kills: list[int]
    result: dict[str, object]


def make_server() -> CandleServer:
    """Three symbols, a fixed clock, answers that take as long as real ones from a near machine."""
    first, last = datetime.fromisoformat(START), datetime.fromisoformat(LISTED_TO)
    markets = {name: Market(name, first, last, seed) for seed, name in enumerate(SYMBOLS)}
    return CandleServer(markets, datetime.fromisoformat(END), delay_seconds=0.01)


def command(verb: str, lake: Path, url: str, *words: str) -> list[str]:
    """A `gatewise data` process that asks the server."""
    return [sys.executable, "-c", _CODE, "data", verb, *words, "--lake", str(lake), "--base-url", url, "--json"]


def fetch_words(end: str) -> tuple[str, ...]:
    return ("coinbase", *SYMBOLS, "--timeframe", "1m", "--start", START, "--end", end)


def finish(cli: Cli, command: list[str]) -> dict[str, object]:
    """Runs a command to its end, in this process, and gives its object."""
    said = cli(*command[command.index(_CODE) + 1 :])
    assert said.code == 0, said.err + said.out
    return said.json


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "NO_PROXY": "127.0.0.1"}


def kill_and_resume(
    cli: Cli, words: list[str], lake: Path, kills: int, rng: random.Random, server: CandleServer
) -> Killed:
    """Starts a command slowly again and again, kills each at a random moment, and lets the last one end, fast.

    One in five is killed while it starts, the others within 2.5 seconds of their first request for candles.
    """
    slow = [*words, "--requests-per-second", str(PACE)]
    rows = []
    for _ in range(kills):
        asked = len(server.asked)
        process = subprocess.Popen(slow, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
        while rng.random() > 0.003 and len(server.asked) == asked and process.poll() is None:
            time.sleep(0.02)
        time.sleep(rng.uniform(0.0, 2.5))
        assert process.poll() is None, "the command ended before it could be killed: let it last longer"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        rows.append(rows_of(lake))
    return Killed(kills, rows, finish(cli, [*words, *FAST]))


def rows_of(lake: Path) -> int:
    """Rows that the manifests of a lake name."""
    return sum(json.loads(file.read_text(encoding="utf-8"))["rows"] for file in lake.rglob("manifest.json"))


def bytes_of(lake: Path) -> dict[str, bytes]:
    """Every file of a lake but its locks."""
    files = (file for file in lake.rglob("*") if file.is_file() and file.name != ".lock")
    return {str(file.relative_to(lake)): file.read_bytes() for file in files}


def kill_fetch_and_update(cli: Cli, folder: Path, kills: int, seed: int, end: str = END) -> tuple[Killed, Killed]:
    """A killed fetch and a killed update beside an undisturbed lake.

    Raises:
        AssertionError: a lake is not byte for byte the undisturbed one.
    """
    rng = random.Random(seed)
    with serve(make_server()) as server:
        whole, fetched, updated = folder / "whole", folder / "fetched", folder / "updated"
        finish(cli, command("fetch", whole, server.url, *fetch_words(end), *FAST))
        finish(cli, command("fetch", updated, server.url, *fetch_words(MIDDLE), *FAST))
        words = command("fetch", fetched, server.url, *fetch_words(end))
        of_fetch = kill_and_resume(cli, words, fetched, kills, rng, server)
        assert bytes_of(fetched) == bytes_of(whole)
        words = command("update", updated, server.url, "--end", end)
        of_update = kill_and_resume(cli, words, updated, kills, rng, server)
        assert bytes_of(updated) == bytes_of(whole)
    return of_fetch, of_update

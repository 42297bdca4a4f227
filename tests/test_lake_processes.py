"""The lake between processes: killed at any moment, or several at once, it ends with the bytes of one quiet writer.

A bug here is silent: it loses rows once in a thousand kills, in the week that nobody looks at.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gatewise.lake.base import SeriesKey
from gatewise.lake.lake import Lake
from gatewise.lake.pages import BARS
from lake_worlds import BTC, FACTS, MINUTE, ORDER, bars, content, filled, span

SCRIPT = Path(__file__).with_name("lake_writers.py")


def started(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks its writers")
def test_writers_killed_at_random_moments_leave_the_bytes_of_an_undisturbed_one(tmp_path: Path) -> None:
    num = 3 * BARS
    killed = started("killed", tmp_path / "killed", num, 7)
    filled(tmp_path / "quiet", bars(num))
    out, err = killed.communicate(timeout=300)
    assert killed.returncode == 0, err
    assert json.loads(out)["kills"] >= 3
    assert content(tmp_path / "killed") == content(tmp_path / "quiet")


def test_processes_that_write_the_same_and_other_series_at_once_harm_none(tmp_path: Path) -> None:
    writers = [started("writes", tmp_path / "busy", symbol, n) for n, symbol in enumerate(("BTC", "BTC", "ETH"))]
    for symbol in ("BTC", "ETH"):
        filled(tmp_path / "quiet", bars(3000), SeriesKey("coinbase", symbol, MINUTE))
    for writer in writers:
        _, err = writer.communicate(timeout=300)
        assert writer.returncode == 0, err
    assert content(tmp_path / "busy") == content(tmp_path / "quiet")


def test_a_reader_beside_a_writer_sees_whole_states_only(tmp_path: Path) -> None:
    frame = bars(2 * BARS)
    series = filled(tmp_path, frame[:10])
    done, heights = threading.Event(), [0]

    def write() -> None:
        try:
            with series.writer() as writer:
                for number, part in enumerate(frame[10:].iter_slices(200)):
                    writer.append(part, span(part), FACTS)
                    while len(heights) <= number // 10 and not done.is_set():  # however slow the reader is
                        time.sleep(0.001)
        finally:
            done.set()

    writing = threading.Thread(target=write)
    writing.start()
    try:
        while not done.is_set():
            seen = series.read()
            assert seen.equals(frame[: seen.height].select(ORDER))
            assert series.verify() == ()
            heights.append(seen.height)
    finally:
        done.set()
        writing.join()
    assert heights == sorted(heights)
    assert len(set(heights)) > 5
    assert Lake(tmp_path).series(BTC).read().height == frame.height

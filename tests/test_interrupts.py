"""A block that Ctrl-C does not cut: it ends first, and then is interrupted once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from gatewise.interrupts import Uninterrupted


@pytest.fixture(autouse=True)
def handlers():
    """Python's own, which a process in a shell's background does not have; put back afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_block_ends_and_then_raises_once() -> None:
    done = []

    def interrupted() -> None:
        with Uninterrupted():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            done.append("block")
        done.append("after")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done == ["block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_blocks_within_blocks_wait_for_the_outermost() -> None:
    done = []

    def interrupted() -> None:
        with Uninterrupted():
            with Uninterrupted():
                signal.raise_signal(signal.SIGINT)
            done.append("outer")
        done.append("after")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done == ["outer"]


def test_an_error_of_the_block_is_the_interruptions_context_and_its_own_interruption_stands() -> None:
    def broken(error: BaseException) -> None:
        with Uninterrupted():
            signal.raise_signal(signal.SIGINT)
            raise error

    with pytest.raises(KeyboardInterrupt) as caught:
        broken(ValueError("disk full"))
    assert isinstance(caught.value.__context__, ValueError)
    with pytest.raises(SystemExit):
        broken(SystemExit())


def test_signals_that_no_function_handles_and_other_threads_are_left_alone() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Uninterrupted():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    found = []

    def elsewhere() -> None:
        with Uninterrupted():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]


def test_ctrl_c_within_polars_is_raised_once() -> None:
    """Polars raises at the end of its own call and Python's handler once more after it: 6 of 10 times without."""
    code = """
import os, signal, threading
import polars as pl
from gatewise.interrupts import Uninterrupted

def nothing():
    pass

with Uninterrupted():
    frame = pl.DataFrame({"a": list(range(40))})
for number in range(40):
    times = 0
    killer = threading.Timer(0.005 + 0.001 * (number % 10), os.kill, (os.getpid(), signal.SIGINT))
    try:
        try:
            killer.start()
            while True:
                frame.write_parquet(os.devnull)
        except KeyboardInterrupt:
            times += 1
        for _ in range(100):
            nothing()
    except KeyboardInterrupt:
        times += 1
    killer.join()
    print(times)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["1"] * 40, done.stderr

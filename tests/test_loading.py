"""Packages load without a trace: what they set for the whole process is put back, and nothing that is not theirs."""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatewise.loading import lazily, load_sklearn, start_method_left_open, traceless
from process_state import state_of_python

# Everything that real packages were seen to do while they load.
PACKAGE = """
import multiprocessing, os, warnings
os.environ["PLANTED_MODE"] = os.environ["_PLANTED_ID"] = os.environ["KMP_PLANTED"] = "1"
os.environ["PLANTED_LEVEL"] = "theirs"
os.environ.pop("PLANTED_HOME", None)
class PlantedWarning(UserWarning): pass
warnings.simplefilter("always", PlantedWarning)
warnings.filterwarnings("ignore", message="planted.core size changed")
warnings.filterwarnings("default", category=DeprecationWarning, module="^planted")
warnings.filterwarnings("ignore", message="of the program's own")
multiprocessing.get_context()
name = "planted"
"""


@pytest.fixture(autouse=True)
def undecided(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A package to be loaded for the first time, in a process that has not settled how it starts others."""
    (tmp_path / "planted.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "planted", raising=False)
    monkeypatch.setenv("PLANTED_LEVEL", "the program's")
    monkeypatch.setenv("PLANTED_HOME", "somewhere")
    before = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method(None, force=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="of the program's own")
        warnings.filterwarnings("ignore", message="newer than that")
        yield
    multiprocessing.set_start_method(before, force=True)
    sys.modules.pop("planted", None)
    for name in ("PLANTED_MODE", "_PLANTED_ID", "KMP_PLANTED", "PROGRAM_MODE"):
        os.environ.pop(name, None)


def load_planted() -> None:
    __import__("planted")


def test_what_a_package_sets_while_it_loads_is_put_back() -> None:
    before = state_of_python()
    with traceless():
        load_planted()
        assert os.environ["PLANTED_MODE"] == "1", "what it needs while it loads is there"
    after = state_of_python()
    assert {name: value for name, value in after.items() if value != before[name]} == {}


def test_that_holds_where_loading_fails_after_what_it_needs_was_loaded() -> None:
    before = state_of_python()

    def fail() -> None:
        with traceless():
            load_planted()
            raise ImportError

    with pytest.raises(ImportError):
        fail()
    assert state_of_python() == before


def test_what_the_program_sets_meanwhile_stays() -> None:
    with traceless():
        load_planted()
        os.environ["PROGRAM_MODE"] = "1"
        warnings.filterwarnings("error", message="what the program hears")
        multiprocessing.set_start_method("spawn", force=True)
        random.seed(7)
        drawn = random.random()
    assert os.environ["PROGRAM_MODE"] == "1"
    assert warnings.filters[0][:2] == ("error", warnings.filters[0][1])
    assert "what the program hears" in str(warnings.filters[0][1])
    assert multiprocessing.get_start_method(allow_none=True) == "spawn"
    assert random.random() != drawn


def test_a_package_that_was_loaded_before_keeps_what_the_program_sets_for_it() -> None:
    load_planted()
    with traceless():
        os.environ["PLANTED_MODE"] = "2"
        warnings.filterwarnings("error", message="planted.core is old")
    assert os.environ["PLANTED_MODE"] == "2"
    assert "planted.core is old" in str(warnings.filters[0][1])


def test_blocks_of_threads_may_overlap_in_any_order() -> None:
    before, inside, leave = state_of_python(), threading.Event(), threading.Event()

    def beside() -> None:
        with traceless():
            load_planted()
            inside.set()
            leave.wait()

    thread = threading.Thread(target=beside)
    with traceless():
        thread.start()
        inside.wait()
        with traceless():
            pass
    leave.set()
    thread.join()
    assert state_of_python() == before


def test_the_start_method_stays_the_program_s_to_choose() -> None:
    with start_method_left_open():
        multiprocessing.get_context()
        assert multiprocessing.get_start_method(allow_none=True) is not None
    multiprocessing.set_start_method("spawn")
    with start_method_left_open():
        multiprocessing.get_context()
    assert multiprocessing.get_start_method(allow_none=True) == "spawn"


def test_no_import_can_wait_for_a_block_that_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread holds Python's lock on a module whose code opens a block; the other, in a block, wants that module."""
    code = "import slow_gate; slow_gate.entered.set(); slow_gate.go.wait(5)\nfrom gatewise.loading import traceless\n"
    (tmp_path / "slow_planted.py").write_text(code + "with traceless():\n    done = True\n")
    gate: Any = type(sys)("slow_gate")
    gate.entered, gate.go = threading.Event(), threading.Event()
    monkeypatch.setitem(sys.modules, "slow_gate", gate)
    ended = []

    def within() -> None:
        with traceless():
            gate.go.set()
            __import__("slow_planted")
        ended.append(1)

    first = threading.Thread(target=lambda: __import__("slow_planted"), daemon=True)
    first.start()
    gate.entered.wait()
    second = threading.Thread(target=within, daemon=True)
    second.start()
    for thread in (first, second):
        thread.join(60)
    assert ended == [1]
    sys.modules.pop("slow_planted")


def test_rich_draws_no_number_of_the_program_s(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name == "rich" or name.startswith("rich.")]:
        monkeypatch.delitem(sys.modules, name)
    load_sklearn.cache_clear()
    before = random.getstate()
    load_sklearn()
    assert random.getstate() == before


def test_names_are_looked_up_on_first_use_and_unknown_ones_listed() -> None:
    look_up, names = lazily("a.package", {"name": "planted", "other": "elsewhere"})
    assert "planted" not in sys.modules
    assert look_up("name") == "planted"
    assert "PLANTED_MODE" not in os.environ
    assert names() == ["name", "other"]
    with pytest.raises(AttributeError, match=r"'a\.package' has no attribute 'nam'; it has name, other"):
        look_up("nam")

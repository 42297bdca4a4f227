"""A pool loses no task and does none twice, whenever a worker dies, and leaves no process behind.

A lost task would leave its caller waiting for ever, a doubled one would count a fold twice, and a process left behind
is seen by whoever shares the machine.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pool_worker
from gatewise.errors import LostWorkerError
from gatewise.host import choose_threads
from gatewise.jobs.pool import Answered, Event, Lost, Pool, Progressed, Started

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")

# What a task's worker dies of, in how many of the task's first tries.
fates = st.tuples(st.sampled_from([None, *pool_worker.DEATHS]), st.integers(1, 2))


@pytest.fixture(autouse=True)
def _workers_find_their_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))


@contextmanager
def pool_of(size: int, starts: bool = True, module: str = pool_worker.__name__, **options: Any) -> Iterator[Pool[int]]:
    """A pool whose processes must be gone after the block."""
    children = set(psutil.Process().children())
    with Pool[int](module, size, **options) as pool:
        pool.open({"starts": starts})
        yield pool
    assert set(psutil.Process().children()) <= children
    assert not pool.pending


def request(
    folder: Path, task: int, death: str | None = None, deaths: int = 0, seconds: float = 0.0
) -> dict[str, object]:
    return {"task": task, "tries": str(folder / str(task)), "death": death, "deaths": deaths, "seconds": seconds}


def all_events(pool: Pool[int], listen: Callable[[Event[int]], None] = lambda event: None) -> Iterator[Event[int]]:
    while pool.pending:
        event = pool.next()
        assert event is not None
        listen(event)
        yield event


def endings(events: list[Event[int]]) -> Counter[int]:
    return Counter(e.task for e in events if isinstance(e, Answered) or (isinstance(e, Lost) and not e.retried))


@settings(max_examples=8)
@given(st.lists(fates, min_size=1, max_size=4), st.integers(1, 3), st.integers(1, 2))
def test_every_task_ends_once_and_is_lost_only_if_its_workers_died_as_often_as_it_may_be_tried(
    planned: list[tuple[str | None, int]], size: int, tries: int
) -> None:
    with TemporaryDirectory() as scratch, pool_of(size, tries=tries) as pool:
        folder = Path(scratch)
        for task, (death, deaths) in enumerate(planned):
            pool.submit(task, partial(request, folder, task, death, deaths))
        events = list(all_events(pool))
        for task, (death, deaths) in enumerate(planned):
            own = [event for event in events if event.task == task]
            losses = min(deaths, tries) if death else 0
            begun = min(losses + 1, tries)
            assert Counter(type(event) for event in own if not isinstance(event, Progressed)) == Counter(
                {Started: begun, Lost: losses, Answered: int(losses < tries)}
            )
            assert [event.retried for event in own if isinstance(event, Lost)] == [
                n < tries for n in range(1, losses + 1)
            ]
            assert (folder / str(task)).read_text() == "x" * begun
            assert all(event.values == {"half": task} for event in own if isinstance(event, Progressed))
            if isinstance(own[-1], Answered):
                assert json.loads(own[-1].data)[0] == task
            else:
                assert own[-1].how == ("exit code 1: no memory is left" if death == "exit" else "killed by SIGKILL")


@settings(max_examples=6)
@given(st.data())
def test_every_task_ends_once_whichever_workers_are_killed_from_outside_and_when(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 6))
    moments = data.draw(st.sets(st.integers(0, 3 * count), max_size=4))
    seen = 0

    def kill(event: Event[int]) -> None:
        nonlocal seen
        if seen in moments and pool.running:
            os.kill(min(pool.running), signal.SIGKILL)
        seen += 1

    with TemporaryDirectory() as scratch, pool_of(2, tries=2) as pool:
        for task in range(count):
            death = data.draw(st.sampled_from([None, "after"]))
            pool.submit(task, partial(request, Path(scratch), task, death, deaths=1, seconds=0.01))
        assert endings(list(all_events(pool, kill))) == dict.fromkeys(range(count), 1)


def test_a_worker_gone_before_it_began_a_task_costs_the_task_no_try(tmp_path: Path) -> None:
    with pool_of(1, tries=1) as pool:
        pool.submit(0, partial(request, tmp_path, 0, "after", deaths=1))
        pool.submit(1, partial(request, tmp_path, 1))
        events = list(all_events(pool))
    assert [event.retried for event in events if isinstance(event, Lost)] == [True]
    assert [event.task for event in events if isinstance(event, Answered)] == [0, 1]


def test_answers_come_as_they_are_ready_not_as_they_were_asked_for(tmp_path: Path) -> None:
    with pool_of(2) as pool:
        pool.submit(0, partial(request, tmp_path, 0, seconds=1.0))
        for task in range(1, 4):
            pool.submit(task, partial(request, tmp_path, task))
        assert [event.task for event in all_events(pool) if isinstance(event, Answered)] == [1, 2, 3, 0]


def test_workers_share_the_threads_out_and_none_is_started_that_has_nothing_to_do(tmp_path: Path) -> None:
    with pool_of(2) as pool:
        pool.submit(0, partial(request, tmp_path, 0))
        (answer,) = (event.data for event in all_events(pool) if isinstance(event, Answered))
        assert json.loads(answer) == [0, str(max(1, choose_threads()[0] // 2))]
        assert len(psutil.Process().children()) == 1


def test_a_wait_that_is_over_gives_none_and_the_task_goes_on(tmp_path: Path) -> None:
    with pool_of(1) as pool:
        assert pool.next(0) is None
        pool.submit(0, partial(request, tmp_path, 0, seconds=0.5))
        waits = 0
        while not isinstance(event := pool.next(0.01), Answered):
            waits += event is None
        assert waits


@pytest.mark.parametrize(("module", "starts", "how"), [
    (pool_worker.__name__, False, "exit code 1: this worker can not start"),
    ("no_such_module", True, "exit code 1: .*no_such_module"),
])  # fmt: skip
def test_a_worker_that_can_not_start_ends_the_work_with_its_last_words(
    module: str, starts: bool, how: str, tmp_path: Path
) -> None:
    with pool_of(2, starts, module, tries=2, start_hint="workers=1") as pool:
        pool.submit(0, partial(request, tmp_path, 0))
        with pytest.raises(LostWorkerError, match=how) as error:
            list(all_events(pool))
    assert error.value.hint == "workers=1"


def test_an_interrupt_ends_what_runs_and_forgets_what_waits(tmp_path: Path) -> None:
    with pool_of(2, own_group=True) as pool:
        for task in range(5):
            pool.submit(task, partial(request, tmp_path, task, seconds=600.0))
        reports = 0
        while reports < 2:
            reports += isinstance(pool.next(), Progressed)
        time.sleep(0.2)  # they sleep by now
        pool.interrupt()
        ends = [event for event in all_events(pool) if isinstance(event, Answered)]
        assert sorted((event.task, event.data) for event in ends) == [(0, b"interrupted"), (1, b"interrupted")]


def test_ctrl_c_at_any_moment_leaves_no_process_behind(tmp_path: Path) -> None:
    def work(seconds: float) -> None:
        with pool_of(2, own_group=True) as pool:
            for task in range(3):
                pool.submit(task, partial(request, tmp_path, task, seconds=600.0))
            threading.Timer(seconds, signal.pthread_kill, [threading.get_ident(), signal.SIGINT]).start()
            list(all_events(pool))

    children = set(psutil.Process().children())
    for seconds in (0.0, 0.02, 0.1, 0.3):
        with pytest.raises(KeyboardInterrupt):
            work(seconds)
        assert set(psutil.Process().children()) <= children

"""Where the time of a run goes: seconds by stage, counted while `counting` is on and nobody's cost while it is off.

Stages follow one another on the thread that runs the run, so they and what is left add up to the time on the clock.
`labels` are made beside `features`, which last until both are there, and the parts of a training step run on all
threads of the crew, so these stand apart.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

STAGES = (
    "imports", "loading", "features", "splits and scalers", "opening the run", "training", "validation", "checkpoints",
    "judging", "report", "recording",
)  # fmt: skip
BESIDE = "labels"
PARTS = ("data", "forward", "backward")  # of a training step, on any thread; "optimizer" is on the run's own
OPTIMIZER = "optimizer"


class Clocks:
    """Seconds by name, summed over threads.

    Attributes:
        began: `time.perf_counter` when counting began.
        windows: trained on, each as often as it was.
    """

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.seconds: dict[str, float] = {}
        self.windows = 0
        self._lock = threading.Lock()

    def add(self, name: str, seconds: float) -> None:
        with self._lock:
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def stages(self, total: float) -> dict[str, float]:
        """Seconds of each stage that was passed, in order, and of all `other` things up to `total`."""
        passed = {name: self.seconds[name] for name in STAGES if name in self.seconds}
        return passed | {"other": max(0.0, total - sum(passed.values()))}

    def parts(self) -> dict[str, float]:
        """What training was made of: the optimizer's seconds, the rest by the threads' shares; empty without steps."""
        working = {name: self.seconds.get(name, 0.0) for name in PARTS}
        training, of_threads = self.seconds.get("training", 0.0), sum(working.values())
        if not of_threads:
            return {}
        optimizer = min(training, self.seconds.get(OPTIMIZER, 0.0))
        shared = {name: (training - optimizer) * each / of_threads for name, each in working.items()}
        return shared | {OPTIMIZER: optimizer}


_counting: Clocks | None = None


@contextmanager
def counting() -> Iterator[Clocks]:
    """A block in which all that the process does is counted; not to be nested."""
    global _counting
    _counting = clocks = Clocks()
    try:
        yield clocks
    finally:
        _counting = None


def trained_on(windows: int) -> None:
    """Notes that so many windows were trained on, if anything is counted."""
    if _counting is not None:
        _counting.windows += windows


@contextmanager
def stage(name: str) -> Iterator[None]:
    """A block whose seconds are counted under a name, if any are."""
    clocks = _counting
    if clocks is None:
        yield
        return
    began = time.perf_counter()
    try:
        yield
    finally:
        clocks.add(name, time.perf_counter() - began)

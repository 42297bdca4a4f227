"""A batch size that was measured: doubled until there is no more speed or no more memory.

The smallest batch within 5 % of the best speed is taken. Large batches take fewer steps an epoch and so learn less in
it; beyond the point where they stop being faster they only cost.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from gatewise.errors import MemoryExhaustedError

WORTH_IT = 1.05
TIMED_STEPS = 3


@dataclass(frozen=True)
class BatchSizeChoice:
    """What was measured and what follows.

    Attributes:
        batch_size: the choice.
        windows_per_second: by batch size, in the order measured.
        reason: why it went no further, for the log.
    """

    batch_size: int
    windows_per_second: dict[int, float]
    reason: str


def measure_batch_size(
    step: Callable[[int], None],
    num_windows: int,
    start: int = 32,
    largest: int = 8192,
    memory_bytes: Callable[[int], int] | None = None,
    available_bytes: int | None = None,
    budget_seconds: float = 10.0,
    clock: Callable[[], float] = time.perf_counter,
) -> BatchSizeChoice:
    """Times whole training steps at doubling batch sizes.

    Args:
        step: does one real step with so many windows and waits for it to end; raises `MemoryExhaustedError` where they
            do not fit. It changes weights and optimizer state: give it copies, or put them back afterwards.
        num_windows: size of the training part; no batch is larger.
        start, largest: first and last batch size to try, within `num_windows`.
        memory_bytes: the account of a step by its batch size; sizes that need more than `available_bytes` are not
            tried, because a host that runs out of memory kills the process instead of raising.
        budget_seconds: no size is begun that would pass it, going by the last one's time.

    Raises:
        MemoryExhaustedError: not even the first size fits.
    """
    speeds: dict[int, float] = {}
    largest = min(largest, num_windows)
    started = clock()
    size, reason = min(start, largest), f"{largest} is the most that was asked for"
    while True:
        if speeds and memory_bytes is not None and available_bytes is not None and memory_bytes(size) > available_bytes:
            reason = (
                f"{size} windows need {memory_bytes(size) >> 20:,} MB of the {available_bytes >> 20:,} MB there are"
            )
            break
        before = clock()
        try:
            speeds[size] = _windows_per_second(step, size, clock)
        except MemoryExhaustedError:
            if not speeds:
                raise
            reason = f"{size} windows do not fit in memory"
            break
        if len(speeds) > 1 and speeds[size] < WORTH_IT * speeds[size // 2]:
            reason = f"{size} windows are less than 5% faster than {size // 2}"
            break
        if size * 2 > largest:
            if largest == num_windows:
                reason = f"the training part has {num_windows} windows"
            break
        if clock() - started + 2 * (clock() - before) > budget_seconds:
            reason = f"{budget_seconds:g} s of measuring are spent"
            break
        size *= 2
    fast_enough = max(speeds.values()) / WORTH_IT
    chosen = min(size for size, speed in speeds.items() if speed >= fast_enough)
    return BatchSizeChoice(chosen, speeds, reason)


def _windows_per_second(step: Callable[[int], None], size: int, clock: Callable[[], float]) -> float:
    """Of the best of a few steps, which a busy machine disturbs least; a first one builds what a new shape needs."""
    step(size)
    seconds = []
    for _ in range(TIMED_STEPS):
        before = clock()
        step(size)
        seconds.append(clock() - before)
    return size / max(min(seconds), 1e-9)

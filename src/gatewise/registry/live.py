"""What a live run takes of this machine: its process and those that it started."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gatewise.registry.info import RunInfo

_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Usage:
    """Of a run's processes together.

    Attributes:
        cpu_percent: of one core.
        memory_mb: resident.
    """

    cpu_percent: float
    memory_mb: float


def usage(infos: Iterable[RunInfo]) -> dict[str, Usage]:
    """{run_id: what it takes} of those that run on this machine; it looks on for a fifth of a second."""
    running = {info.run_id: _processes(info) for info in infos if info.status == "RUNNING"}
    watched = {run_id: processes for run_id, processes in running.items() if processes}
    if not watched:
        return {}
    before = {run_id: _totals(processes)[0] for run_id, processes in watched.items()}
    began = time.monotonic()
    time.sleep(_LOOK_SECONDS)
    seconds = time.monotonic() - began
    after = {run_id: _totals(processes) for run_id, processes in watched.items()}
    return {
        run_id: Usage(100 * max(0.0, cpu - before[run_id]) / seconds, memory / 2**20)
        for run_id, (cpu, memory) in after.items()
    }


def _processes(info: RunInfo) -> list[Any]:
    """Empty where it runs elsewhere, or its number has become another's."""
    import psutil

    if info.process.get("host") != platform.node():
        return []
    try:
        process = psutil.Process(info.process["pid"])
        if abs(process.create_time() - info.process["started"]) > 1:
            return []
        return [process, *process.children(recursive=True)]
    except (psutil.Error, KeyError, TypeError):
        return []


def _totals(processes: list[Any]) -> tuple[float, float]:
    """Seconds of processors, and bytes."""
    import psutil

    seconds = size = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
            size += process.memory_info().rss
            seconds += times.user + times.system
        except psutil.Error:  # it has ended
            continue
    return seconds, size

"""A worker that trains jobs (serve.py): it opens the shared data once, then trains one after the other."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gatewise.jobs.serve import Parent

if TYPE_CHECKING:
    from gatewise.jobs.jobs import Job

_LEAST_SECONDS_BETWEEN_REPORTS = 0.2


def opening(shared: Path) -> dict[str, object]:
    """The message that opens shared data."""
    return {"shared": str(shared)}


def request(job: Job, checkpoint: Path) -> dict[str, object]:
    """The message that asks for a job; its answer is for `answer_from_bytes`, its reports say `epoch` or `stretch`."""
    return {"job": job.to_dict(), "checkpoint": str(checkpoint)}


def epoch_reports(parent: Parent) -> Callable[[int], None]:
    """Tells the parent of the number of epochs done, now and then."""
    report = _now_and_then(parent)
    return lambda epoch: report({"epoch": epoch})


def stretch_reports(parent: Parent) -> Callable[[int, int], None]:
    """Tells the parent of the number of stretches done, and of how many, now and then."""
    report = _now_and_then(parent)
    return lambda done, num_stretches: report({"stretch": [done, num_stretches]})


def _now_and_then(parent: Parent) -> Callable[[dict[str, object]], None]:
    last = 0.0

    def report(values: dict[str, object]) -> None:
        nonlocal last
        if time.monotonic() - last >= _LEAST_SECONDS_BETWEEN_REPORTS:
            last = time.monotonic()
            parent.report(values)

    return report


def main(word: str) -> None:
    """Serves jobs until the parent has no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    parent = Parent(word)

    # While the parent still reads its files; these take seconds.
    import gatewise.bundle
    import gatewise.learners.table  # noqa: F401  # used by run_job, which would import it only with the first job
    from gatewise.jobs.answers import run_to_bytes
    from gatewise.jobs.jobs import Job
    from gatewise.jobs.shared import open_shared
    from gatewise.training.listeners import Callbacks

    shared = open_shared(Path(parent.read()["shared"]))
    for asked in parent.requests():
        job, checkpoint = Job.from_dict(asked["job"]), Path(asked["checkpoint"])
        reports = Callbacks(epoch_reports(parent)), checkpoint, stretch_reports(parent)
        parent.answer(run_to_bytes(job, shared, *reports))


if __name__ == "__main__":
    main(sys.argv[1])

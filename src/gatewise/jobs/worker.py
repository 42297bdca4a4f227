"""A worker process: opens the shared data once, then trains job after job until its parent is gone.

Run as `python -m gatewise.jobs.worker WORD`, WORD telling its end of a socket pair. Not a child of
multiprocessing, which would run the caller's own script again in each worker and pickle what passes between. Both sides
speak JSON, but for results, which come as the bytes that the parent writes to disk.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from gatewise import host
from gatewise.errors import GatewiseError
from gatewise.jobs.spawn import connect_parent, die_with_parent

# First byte of what a worker says.
READY, EPOCH, RESULT, FAILURE = (b"o", b"e", b"r", b"f")
_LEAST_SECONDS_BETWEEN_WORDS = 0.2


class EpochTeller:
    """A training listener that tells the parent of epochs, now and then."""

    def __init__(self, tell: Connection) -> None:
        self._tell = tell
        self._told = 0.0

    def on_step(self, epoch: int, step: int, num_steps: int) -> None:
        """Steps are too many to tell."""

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Tells the number of epochs done."""
        now = time.monotonic()
        if now - self._told >= _LEAST_SECONDS_BETWEEN_WORDS:
            self._told = now
            self._tell.send_bytes(EPOCH + str(epoch).encode())

    def on_message(self, text: str) -> None:
        """Device and batch size are the same for all jobs, and the parent says them."""


def main(word: str) -> None:
    """Serves jobs; returns when the parent has no more, and dies with it."""
    host.prepare()  # this process is ours, whoever started it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    parent = connect_parent(word)
    threading.Thread(target=die_with_parent, daemon=True).start()

    # While the parent still reads its files; these take seconds.
    import gatewise.bundle
    import gatewise.learners.table  # noqa: F401  # used by run_job, which would import it only with the first job
    from gatewise.jobs.jobs import Job, error_to_dict, run_job
    from gatewise.jobs.shared import open_shared

    shared = open_shared(Path(json.loads(parent.recv_bytes())["shared"]))
    parent.send_bytes(READY)
    while True:
        try:
            asked = json.loads(parent.recv_bytes())
        except EOFError:
            return
        try:
            result = run_job(Job.from_dict(asked["job"]), shared, EpochTeller(parent), Path(asked["checkpoint"]))
        except GatewiseError as error:
            parent.send_bytes(FAILURE + json.dumps(error_to_dict(error)).encode())
        else:
            parent.send_bytes(RESULT + result.to_bytes())


if __name__ == "__main__":
    main(sys.argv[1])

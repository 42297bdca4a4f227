"""The parent's side of worker processes: start one, give it a job, hear what it says, know how it ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from gatewise.jobs import worker
from gatewise.jobs.jobs import Job, JobFailure, JobListener, JobResult, error_from_dict
from gatewise.jobs.spawn import interrupt_process, start_process

_FAREWELL_SECONDS = 5.0
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")


class Spawned:
    """A process `python -m MODULE WORD` with a socket to it (spawn.py); it ends when it is hung up on.

    Attributes:
        connection: readable when there is something to hear, or when the process is gone.
    """

    def __init__(self, module: str, threads: int = 1, own_group: bool = False) -> None:
        ours, theirs = socket.socketpair()
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the process
        environment = os.environ | dict.fromkeys(_THREADS, str(threads))
        self._process = start_process(module, theirs, self._words, environment, own_group)
        self.connection = Connection(ours.detach())

    @property
    def pid(self) -> int:
        return self._process.pid

    def say(self, values: dict[str, object]) -> None:
        """Sends JSON values."""
        with suppress(OSError):  # it is gone: hearing it will tell
            self.connection.send_bytes(json.dumps(values).encode())

    def interrupt(self) -> None:
        """What Ctrl-C does, for one in a group of its own."""
        interrupt_process(self._process)

    def hang_up(self) -> None:
        """Lets the process end, without waiting for it."""
        self.connection.close()
        assert self._process.stdin is not None
        self._process.stdin.close()

    def end(self) -> str:
        """Ends the process if it still runs, and says how it ended: `killed by SIGKILL`, or its last words."""
        self.hang_up()
        try:
            code = self._process.wait(_FAREWELL_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._words.seek(0)
        words = self._words.read().decode(errors="replace").strip().splitlines()
        self._words.close()
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exit code {code}{f': {words[-1].strip()}' if words else ''}"


class Worker:
    """One process that trains jobs.

    Attributes:
        connection: see `Spawned`.
        job: what it works on.
        ready: whether it has opened the shared data.
    """

    def __init__(self, threads: int = 1) -> None:
        self._process = Spawned(worker.__name__, threads)
        self.connection = self._process.connection
        self.job: Job | None = None
        self.ready = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def open(self, shared: Path) -> None:
        """Says where the shared data lies."""
        self._process.say({"shared": str(shared)})

    def give(self, job: Job, checkpoint: Path) -> None:
        """Hands over a job; one at a time."""
        assert self.ready
        assert self.job is None
        self.job = job
        self._process.say({"job": job.to_dict(), "checkpoint": str(checkpoint)})

    def hear(self, listener: JobListener) -> JobResult | JobFailure | None:
        """Takes in what was said; `None` if it was not the end of a job.

        Raises:
            EOFError, OSError: the process is gone.
        """
        data = self.connection.recv_bytes()
        kind, rest = data[:1], data[1:]
        if kind == worker.READY:
            self.ready = True
            return None
        assert self.job is not None
        job = self.job
        if kind == worker.EPOCH:
            listener.on_epoch(job, int(rest))
            return None
        self.job = None
        return (
            JobResult.from_bytes(rest) if kind == worker.RESULT else JobFailure(job, error_from_dict(json.loads(rest)))
        )

    def hang_up(self) -> None:
        """See `Spawned`."""
        self._process.hang_up()

    def end(self) -> str:
        """See `Spawned`."""
        return self._process.end()

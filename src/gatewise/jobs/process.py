"""The parent's side of one worker process: start it, speak to it, know how it ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from multiprocessing.connection import Connection

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
        lines = self._words.read().decode(errors="replace").strip().splitlines()
        self._words.close()
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exit code {code}{f': {lines[-1].strip()}' if lines else ''}"
